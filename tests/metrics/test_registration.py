from __future__ import annotations

import importlib
import subprocess
import sys

import numpy as np
import pytest

from a2ibench import metrics
from a2ibench.contracts import Metric

NAMES = ["psnr", "psnr_xy", "psnr_xz", "psnr_yz", "ssim", "ssim_xy", "ssim_xz", "ssim_yz", "ssim_3d"]


def specs():
    found = []
    metrics.a2ibench_register_metrics(found.append)
    return found


def test_every_metric_is_registered_once():
    assert [spec.name for spec in specs()] == NAMES


@pytest.mark.parametrize("spec", specs(), ids=lambda spec: spec.name)
def test_target_keeps_the_contract(spec):
    module, _, name = spec.target.partition(":")
    metric = getattr(importlib.import_module(module), name)()
    assert isinstance(metric, Metric)
    assert (metric.name, metric.version) == (spec.name, 1)
    assert metric.higher_is_better
    assert metric.needs_reference
    volume = np.random.default_rng(0).integers(0, 255, (12, 12, 12), dtype=np.uint8)
    assert metric(255 - volume, volume, 255.0) < metric(volume, volume, 255.0)


def test_registering_imports_no_numerical_library():
    heavy = "{'numpy', 'scipy', 'torch', 'pandas'}"
    code = f"import sys, a2ibench.metrics; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
