from __future__ import annotations

import importlib
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from a2ibench import metrics
from a2ibench.contracts import Metric, ScoreContext, Volume
from a2ibench.registry.validation import call_metric, takes_context

NAMES = ["psnr", "psnr_xy", "psnr_xz", "psnr_yz", "ssim", "ssim_xy", "ssim_xz", "ssim_yz", "ssim_3d"]
NAMES += ["fsc_axial", "fsc_lateral", "fsc_axial_143", "fsc_lateral_143"]
NAMES += ["voi", "arand", "haarpsi", "gmsd", "nrmse", "bias", "fsim", "mdsi", "lpips"]
ON_REQUEST = ["fsc_lateral", "fsc_axial_143", "fsc_lateral_143", "voi", "arand", "fsim", "mdsi", "lpips"]
# The volumes of these tests are smaller than a neurite.
SEGMENTED = ("voi", "arand")
# It takes weights from a file, and has tests of its own.
GIVEN = ("lpips",)


def specs():
    found = []
    metrics.a2ibench_register_metrics(found.append)
    return found


def test_every_metric_is_registered_once():
    assert [spec.name for spec in specs()] == NAMES
    assert [spec.name for spec in specs() if spec.on_request] == ON_REQUEST


@pytest.mark.parametrize("name", [name for name in NAMES if name not in SEGMENTED + GIVEN])
def test_target_keeps_the_contract(name):
    spec = next(spec for spec in specs() if spec.name == name)
    module, _, target = spec.target.partition(":")
    metric = getattr(importlib.import_module(module), target)()
    assert (metric.name, metric.version) == (spec.name, 1)
    assert takes_context(metric) or isinstance(metric, Metric)
    assert metric.needs_reference
    volume = np.random.default_rng(0).integers(0, 255, (16, 16, 16), dtype=np.uint8)
    acquired = Volume(volume[::2], (20.0, 10.0, 10.0), (0.0, 255.0))
    context = ScoreContext(volume, volume, 255.0, (10.0, 10.0, 10.0), acquired, 2.0)
    perfect = call_metric(metric, context)
    inverted = call_metric(metric, replace(context, prediction=np.roll(volume, 5, axis=0) // 2))
    assert perfect > inverted if metric.higher_is_better else perfect < inverted


def test_registering_imports_no_numerical_library():
    heavy = "{'numpy', 'scipy', 'torch', 'pandas'}"
    code = f"import sys, a2ibench.metrics; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
