from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.metrics import peak_signal_noise_ratio

from a2ibench.errors import InputError
from a2ibench.metrics.psnr import CEILING, PSNR, PSNRxy, PSNRxz, PSNRyz, psnr, psnr_slices

PLANE_METRICS = {"xy": PSNRxy, "xz": PSNRxz, "yz": PSNRyz}
volumes = arrays(np.uint8, (4, 3, 5))


def take(volume, plane, index):
    return np.take(volume, index, axis={"xy": 0, "xz": 1, "yz": 2}[plane])


@pytest.mark.parametrize(("step", "data_range"), [(1, 255.0), (7, 255.0), (0.25, 2.0)])
def test_constant_error_has_the_closed_form(step, data_range):
    reference = np.arange(60, dtype=np.float64).reshape(3, 4, 5)
    expected = 20 * math.log10(data_range / step)
    assert psnr(reference + step, reference, data_range) == pytest.approx(expected, abs=1e-12)
    for metric in PLANE_METRICS.values():
        assert metric()(reference + step, reference, data_range) == pytest.approx(expected, abs=1e-12)


def test_one_wrong_voxel_of_the_volume():
    reference = np.zeros((5, 8, 10), np.uint8)
    prediction = reference.copy()
    prediction[2, 3, 4] = 51
    assert psnr(prediction, reference, 255) == pytest.approx(10 * math.log10(25 * reference.size))
    in_slice = 10 * math.log10(25 * 8 * 10)
    np.testing.assert_allclose(
        psnr_slices(prediction, reference, 255, "xy"), [CEILING] * 2 + [in_slice] + [CEILING] * 2
    )


def test_unsigned_differences_do_not_wrap_around():
    low, high = np.zeros((2, 2, 2), np.uint8), np.full((2, 2, 2), 255, np.uint8)
    assert psnr(low, high, 255) == pytest.approx(0)
    assert psnr(low.astype(np.uint16), high.astype(np.uint16) * 257, 65535) == pytest.approx(0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
@pytest.mark.parametrize("shape", [(5, 6, 7), (3, 300, 1100)])
def test_equals_scikit_image(dtype, shape):
    rng = np.random.default_rng(1)
    reference, prediction = (rng.integers(0, 200, shape).astype(dtype) for _ in range(2))
    expected = peak_signal_noise_ratio(reference, prediction, data_range=255)
    assert psnr(prediction, reference, 255) == pytest.approx(expected, abs=1e-9)
    for plane in ("xy", "xz", "yz"):
        values = psnr_slices(prediction, reference, 255, plane)
        for index in (0, len(values) // 2, len(values) - 1):
            pair = take(reference, plane, index), take(prediction, plane, index)
            assert values[index] == pytest.approx(peak_signal_noise_ratio(*pair, data_range=255), abs=1e-9)


def test_real_volume_against_scikit_image(shared_data: Path):
    reference = tifffile.imread(shared_data / "epfl_ca1_15nm_dev.tif")
    prediction = np.roll(reference, 1, axis=0)
    expected = peak_signal_noise_ratio(reference, prediction, data_range=255)
    assert psnr(prediction, reference, 255) == pytest.approx(expected, abs=1e-9)


def test_scores_stay_finite_and_errors_smaller_than_the_ceiling_do_not_count():
    reference = np.full((3, 4, 5), 7.0)
    assert psnr(reference, reference, 255) == CEILING
    assert psnr(reference + 255e-6, reference, 255) == CEILING
    assert psnr(reference + 255e-4, reference, 255) == pytest.approx(80)
    assert all(metric()(reference, reference, 255) == CEILING for metric in PLANE_METRICS.values())


@settings(deadline=None)
@given(volumes, volumes)
def test_symmetric_and_bounded(first, second):
    value = psnr(first, second, 255)
    assert value == psnr(second, first, 255)
    assert 0 <= value <= CEILING


@settings(deadline=None)
@given(volumes, volumes, st.floats(0.1, 100), st.floats(-50, 50))
def test_grey_scale_does_not_matter(first, second, scale, offset):
    scaled = first * scale + offset, second * scale + offset
    assert psnr(*scaled, 255 * scale) == pytest.approx(psnr(first, second, 255), abs=1e-6)


@settings(deadline=None)
@given(volumes, volumes, st.permutations("zyx"))
def test_swapping_axes_swaps_plane_families(first, second, axes):
    normals = {"xy": "z", "xz": "y", "yz": "x"}
    order = ["zyx".index(axis) for axis in axes]
    turned = first.transpose(order), second.transpose(order)
    assert psnr(*turned, 255) == pytest.approx(psnr(first, second, 255), abs=1e-12)
    for plane, normal in normals.items():
        was = next(p for p, n in normals.items() if n == axes["zyx".index(normal)])
        before, after = psnr_slices(first, second, 255, was), psnr_slices(*turned, 255, plane)
        np.testing.assert_allclose(after, before, atol=1e-12)


def test_per_slice_values_average_to_the_plane_metrics():
    rng = np.random.default_rng(2)
    pair = rng.integers(0, 256, (2, 6, 7, 8), dtype=np.uint8)
    slices = PSNR().per_slice(*pair, 255)
    assert {plane: len(values) for plane, values in slices.items()} == {"xy": 6, "xz": 7, "yz": 8}
    for plane, metric in PLANE_METRICS.items():
        assert metric()(*pair, 255) == pytest.approx(slices[plane].mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("prediction", "reference", "data_range", "complaint"),
    [
        (np.zeros((2, 2, 2)), None, 1.0, "reference is None"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 3)), 1.0, r"\(2, 2, 3\)"),
        (np.zeros((2, 2)), np.zeros((2, 2)), 1.0, "one shape"),
        (np.zeros((0, 2, 2)), np.zeros((0, 2, 2)), 1.0, "one shape"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), 0.0, "data_range is 0.0"),
        (np.zeros((2, 2, 2)), np.zeros((2, 2, 2)), math.nan, "data_range is nan"),
    ],
)
def test_bad_arguments_are_named(prediction, reference, data_range, complaint):
    with pytest.raises(InputError, match=complaint):
        PSNR()(prediction, reference, data_range)
