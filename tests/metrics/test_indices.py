"""FSIM and MDSI of axial slices: FSIM against the paper's formula, and both as piq gives them."""

from __future__ import annotations

import math
import subprocess
import sys
import warnings

import numpy as np
import piq
import pytest
import torch
from scipy.ndimage import gaussian_filter
from scipy.signal import convolve2d

from a2ibench.metrics import indices
from a2ibench.metrics.indices import FSIM, MDSI

BOTH = pytest.mark.parametrize("metric", [FSIM(), MDSI()], ids=lambda metric: metric.name)


def noisy(shape, spread=15.0):
    rng = np.random.default_rng(4)
    smooth = gaussian_filter(rng.normal(0, 1, shape), 1.5)
    reference = np.rint(40 + 160 * (smooth - smooth.min()) / np.ptp(smooth))
    return np.rint(np.clip(reference + rng.normal(0, spread, shape), 0, 255)), reference


def mdsi_of_the_paper(prediction, reference):
    kernel = np.repeat([[1 / 3, 0, -1 / 3]], 3, axis=0)

    def gradient(image):
        return np.hypot(convolve2d(image, kernel, "same"), convolve2d(image, kernel.T, "same"))

    def similarity(first, second, constant):
        return (2 * first * second + constant) / (first**2 + second**2 + constant)

    p, r, fused = (gradient(image) for image in (prediction, reference, (prediction + reference) / 2))
    edges = similarity(p, r, 140) + similarity(p, fused, 55) - similarity(r, fused, 55)
    # Grey images have one chromaticity, of similarity 1.
    combined = np.maximum(0.6 * edges + 0.4, 0) ** 0.25
    return np.abs(combined - combined.mean()).mean() ** 0.25


def test_mdsi_keeps_to_the_formula_of_the_paper():
    prediction, reference = noisy((18, 24, 20))
    expected = [mdsi_of_the_paper(prediction[:, y], reference[:, y]) for y in range(24)]
    np.testing.assert_allclose(MDSI().per_slice(prediction, reference, 255.0)["xz"], expected, rtol=2e-3)


def test_fsim_is_that_of_piq_slice_by_slice(monkeypatch):
    monkeypatch.setattr(indices, "_PIXELS", 18 * 20 * 5)
    prediction, reference = noisy((18, 24, 20))
    expected = [
        piq.fsim(
            *(torch.from_numpy(v[:, y])[None, None] for v in (prediction, reference)),
            data_range=255.0,
            chromatic=False,
        )
        for y in range(24)
    ]
    np.testing.assert_allclose(FSIM().per_slice(prediction, reference, 255.0)["xz"], expected, rtol=1e-5)


@BOTH
def test_more_noise_is_worse_and_nothing_is_said(metric):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        best, little, much = (metric(*noisy((16, 20, 18), spread), 255.0) for spread in (0.0, 10.0, 40.0))
    assert best == pytest.approx(float(metric.higher_is_better), abs=1e-6)
    assert (best > little > much) if metric.higher_is_better else (best < little < much)


@BOTH
def test_grey_levels_beyond_the_data_range_count_from_the_lowest(metric):
    first, second = noisy((16, 18, 20))
    lowest = min(first.min(), second.min())
    expected = metric(first - lowest, second - lowest, 255.0)
    raised = (first * 16 + 20000).astype(np.uint16), (second * 16 + 20000).astype(np.uint16)
    assert metric(*raised, 255.0 * 16) == pytest.approx(expected, rel=1e-5)


@BOTH
def test_too_small_slices_are_not_defined(metric):
    assert math.isnan(metric(*noisy((15, 20, 20)), 255.0))


def test_metrics_that_always_run_import_no_torch():
    code = (
        "import sys, numpy as np; from a2ibench.registry import host\n"
        "from a2ibench.bench.specs import metric_names\n"
        "from a2ibench.registry.validation import call_metric\n"
        "from a2ibench.testing.metrics import context_of\n"
        "volume = np.random.default_rng(0).integers(0, 255, (18, 18, 18)).astype(np.uint8)\n"
        "context = context_of(volume, volume, volume, 255.0, 'slab-average')\n"
        "for name in metric_names(): call_metric(host().build('metric', name), context)\n"
        "print('torch' in sys.modules, 'fsim' in metric_names(), 'fsim' in metric_names('all'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]
