"""HaarPSI and GMSD against the library piq, and against the formulas of the papers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import piq
import pytest
import tifffile
import torch
from piq.functional import gradient_map, prewitt_filter, similarity_map
from scipy.signal import convolve2d

from a2ibench.errors import InputError
from a2ibench.metrics.gmsd import GMSD
from a2ibench.metrics.haarpsi import HaarPSI

AXIS = {"xz": 1, "yz": 2}
BOTH = pytest.mark.parametrize("metric", [HaarPSI(), GMSD()], ids=lambda metric: metric.name)


def noisy(shape, dtype=np.float64, seed=0, spread=20.0):
    rng = np.random.default_rng(seed)
    steps = rng.normal(0, 12, shape).cumsum(0).cumsum(1).cumsum(2)
    reference = 30 + 170 * (steps - steps.min()) / np.ptp(steps)
    prediction = np.clip(reference + rng.normal(0, spread, shape), 0, 255)
    return tuple(np.rint(volume).astype(dtype) for volume in (prediction, reference))


def pairs(prediction, reference, plane):
    return [
        tuple(np.take(volume, index, AXIS[plane]).astype(np.float64) for volume in (prediction, reference))
        for index in range(prediction.shape[AXIS[plane]])
    ]


def half(image):
    return convolve2d(image, np.full((2, 2), 0.25), "valid")[::2, ::2]


def gmsd_of_the_paper(prediction, reference, data_range):
    kernel = np.repeat([[1 / 3, 0, -1 / 3]], 3, axis=0)
    p, r = (
        np.hypot(convolve2d(image, kernel, "valid"), convolve2d(image, kernel.T, "valid"))
        for image in (half(prediction / data_range * 255), half(reference / data_range * 255))
    )
    return ((2 * p * r + 170) / (p**2 + r**2 + 170)).std()


def haarpsi_of_the_paper(prediction, reference, data_range):
    images = [half(image / data_range * 255) for image in (prediction, reference)]

    def coefficients(image, scale, turned):
        kernel = np.full((2**scale, 2**scale), 2.0**-scale)
        kernel[: 2 ** (scale - 1)] *= -1
        inner = tuple(slice(4 - len(kernel) // 2, side - 3 - len(kernel) // 2) for side in image.shape)
        return np.abs(convolve2d(image, kernel.T if turned else kernel, "valid")[inner])

    above = below = 0.0
    for turned in (False, True):
        found = [[coefficients(image, scale, turned) for image in images] for scale in (1, 2, 3)]
        local = sum((2 * a * b + 30) / (a**2 + b**2 + 30) for a, b in found[:2]) / 2
        weight = np.maximum(*found[2])
        above += (weight / (1 + np.exp(-4.2 * local))).sum()
        below += weight.sum()
    ratio = above / below
    return (math.log(ratio / (1 - ratio)) / 4.2) ** 2


@pytest.mark.parametrize("shape", [(16, 22, 40), (33, 17, 24)])
@pytest.mark.parametrize(
    ("dtype", "data_range"), [(np.uint8, 255.0), (np.uint16, 1023.0), (np.float32, 200.0)]
)
def test_every_slice_keeps_to_the_formulas_of_the_paper(shape, dtype, data_range):
    prediction, reference = noisy(shape, dtype)
    for metric, paper in ((GMSD(), gmsd_of_the_paper), (HaarPSI(), haarpsi_of_the_paper)):
        for plane, values in metric.per_slice(prediction, reference, data_range).items():
            expected = [paper(p, r, data_range) for p, r in pairs(prediction, reference, plane)]
            np.testing.assert_allclose(values, expected, rtol=2e-5)


def test_haarpsi_equals_piq_where_slices_end_in_black():
    prediction, reference = (np.pad(volume, 16) for volume in noisy((24, 20, 28)))
    batch = [torch.from_numpy(volume.transpose(1, 0, 2)[16:-16, None]) for volume in (prediction, reference)]
    expected = piq.haarpsi(*batch, data_range=255.0, reduction="none").numpy()
    values = HaarPSI().per_slice(prediction, reference, 255.0)["xz"]
    np.testing.assert_allclose(values[16:-16], expected, rtol=1e-5)
    np.testing.assert_allclose(values[:16], 1, rtol=1e-12)


def test_gmsd_equals_piq_within_the_border():
    prediction, reference = noisy((24, 20, 28))
    kernels = torch.stack([prewitt_filter(dtype=torch.float64), prewitt_filter(dtype=torch.float64).mT])
    p, r = (
        gradient_map(torch.nn.functional.avg_pool2d(torch.from_numpy(volume)[:, None] / 255, 2), kernels)
        for volume in (prediction.transpose(2, 0, 1), reference.transpose(2, 0, 1))
    )
    similar = similarity_map(p, r, constant=170 / 255**2)
    expected = similar[:, 0, 1:-1, 1:-1].std((1, 2), correction=0)
    np.testing.assert_allclose(
        GMSD().per_slice(prediction, reference, 255.0)["yz"], expected.numpy(), rtol=1e-5
    )
    # The published border of black, which the definition leaves out, is all that tells them apart.
    whole = piq.gmsd(
        *(torch.from_numpy(v.transpose(2, 0, 1))[:, None] for v in (prediction, reference)), data_range=255.0
    )
    assert whole.item() == pytest.approx(similar.std((1, 2, 3), correction=0).mean().item(), rel=1e-6)


def test_real_volume_against_piq(shared_data: Path):
    reference = tifffile.imread(shared_data / "epfl_ca1_15nm_dev.tif")[:48, :96, :128]
    prediction = np.roll(reference, 1, axis=0)
    batch = [
        torch.from_numpy(v.transpose(1, 0, 2)[:, None].astype(np.float64)) for v in (prediction, reference)
    ]
    # The border of black that piq adds makes slices look more alike, or less.
    for metric, outside in ((HaarPSI(), piq.haarpsi), (GMSD(), piq.gmsd)):
        value = metric.per_slice(prediction, reference, 255.0)["xz"].mean()
        assert value == pytest.approx(outside(*batch, data_range=255.0).item(), rel=0.1)


@BOTH
def test_each_axial_slice_has_one_vote_and_more_noise_is_worse(metric):
    slices = metric.per_slice(*noisy((16, 18, 30)), 255.0)
    assert {plane: len(values) for plane, values in slices.items()} == {"xz": 18, "yz": 30}
    expected = (slices["xz"].sum() + slices["yz"].sum()) / 48
    little = metric(*noisy((16, 18, 30)), 255.0)
    assert little == pytest.approx(expected, abs=1e-12)
    assert (metric(*noisy((16, 18, 30), spread=60.0), 255.0) < little) == metric.higher_is_better
    _, reference = noisy((16, 18, 30))
    assert metric(reference, reference, 255.0) == pytest.approx(float(metric.higher_is_better), abs=1e-6)


@BOTH
@pytest.mark.parametrize(("slope", "offset"), [(1.0, 1e4), (257.0, 0.0), (-1.0, 255.0), (1 / 255, -3.0)])
def test_offset_contrast_and_inversion_change_nothing(metric, slope, offset):
    first, second = noisy((18, 20, 22), seed=3)
    changed = metric(first * slope + offset, second * slope + offset, 255.0 * abs(slope))
    assert changed == pytest.approx(metric(first, second, 255.0), rel=1e-5)


@BOTH
def test_an_odd_last_line_is_left_out(metric):
    first, second = noisy((17, 19, 21))
    values = metric.per_slice(first, second, 255.0)["xz"]
    np.testing.assert_allclose(metric.per_slice(first[:16], second[:16], 255.0)["xz"], values, rtol=1e-6)


@BOTH
def test_too_small_slices_are_not_defined(metric):
    assert math.isnan(metric(*noisy((15, 30, 30)), 255.0))
    slices = metric.per_slice(*noisy((16, 15, 16)), 255.0)
    assert np.isfinite(slices["xz"]).all()
    assert np.isnan(slices["yz"]).all()


@BOTH
def test_flat_slices_differ_in_nothing(metric):
    flat = np.full((16, 16, 16), 90, np.uint8)
    assert metric(flat + np.uint8(20), flat, 255.0) == pytest.approx(float(metric.higher_is_better), abs=1e-6)


@BOTH
def test_missing_reference_is_named(metric):
    with pytest.raises(InputError, match="reference is None"):
        metric(np.zeros((16, 16, 16)), None, 1.0)
