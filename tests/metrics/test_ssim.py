from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.metrics import structural_similarity

from a2ibench.errors import InputError
from a2ibench.metrics import similarity
from a2ibench.metrics.planes import slices_kept
from a2ibench.metrics.ssim import SSIM, SSIM3D, SSIMxy, SSIMxz, SSIMyz, ssim, ssim_3d, ssim_slices

AXES = {"xy": 0, "xz": 1, "yz": 2}


def outside(first, second, data_range):
    return structural_similarity(
        first.astype(np.float64),
        second.astype(np.float64),
        data_range=data_range,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )


def outside_slices(first, second, data_range, plane):
    axis = AXES[plane]
    return np.array(
        [
            outside(np.take(first, i, axis), np.take(second, i, axis), data_range)
            for i in range(first.shape[axis])
        ]
    )


def noisy(shape, dtype, seed, spread=30.0):
    rng = np.random.default_rng(seed)
    first = rng.integers(0, 200, shape)
    return first.astype(dtype), np.clip(first + rng.normal(0, spread, shape), 0, 255).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("shape", [(11, 12, 13), (16, 40, 23)])
def test_every_slice_equals_scikit_image(shape, dtype):
    prediction, reference = noisy(shape, dtype, seed=3)
    for plane in AXES:
        expected = outside_slices(prediction, reference, 255, plane)
        np.testing.assert_allclose(ssim_slices(prediction, reference, 255, plane), expected, atol=1e-6)


# At the last offset scikit-image's own differences of squares have lost their digits.
@pytest.mark.parametrize(("offset", "tolerance"), [(0.0, 1e-6), (1e4, 1e-5), (-3e6, 2e-2)])
def test_offset_of_the_intensities_costs_no_accuracy(offset, tolerance):
    prediction, reference = (
        v.astype(np.float64) / 255 + offset for v in noisy((12, 13, 14), np.uint8, seed=4)
    )
    expected = outside_slices(prediction, reference, 1.0, "xz")
    np.testing.assert_allclose(ssim_slices(prediction, reference, 1.0, "xz"), expected, atol=tolerance)


def test_three_dimensional_window_equals_scikit_image_across_blocks(monkeypatch):
    prediction, reference = noisy((17, 30, 25), np.uint8, seed=5)
    expected = outside(prediction, reference, 255)
    assert ssim_3d(prediction, reference, 255) == pytest.approx(expected, abs=1e-6)
    monkeypatch.setattr(similarity, "_BLOCK", (3, 7, 6))
    assert SSIM3D()(prediction, reference, 255) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("shape", "block"), [((17, 30, 25), (4, 7, 6)), ((12, 11, 29), (2, 1, 40))])
def test_plane_families_equal_scikit_image_across_blocks(monkeypatch, shape, block):
    prediction, reference = noisy(shape, np.uint8, seed=8)
    monkeypatch.setattr(similarity, "_BLOCK", block)
    monkeypatch.setattr(similarity, "_SLICES", 2)
    for plane in AXES:
        expected = outside_slices(prediction, reference, 255, plane)
        np.testing.assert_allclose(ssim_slices(prediction, reference, 255, plane), expected, atol=1e-6)
    axial = SSIM().per_slice(prediction, reference, 255)
    for plane, values in axial.items():
        np.testing.assert_allclose(values, ssim_slices(prediction, reference, 255, plane), atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 2), st.sampled_from([np.uint8, np.uint16, np.float32]))
def test_flat_and_nearly_flat_windows_equal_scikit_image(seed, spread, dtype):
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, (2, 1, 2, 2)).repeat(13, 1).repeat(12, 2).repeat(12, 3)
    noise = np.rint(rng.normal(0, spread, levels.shape))
    prediction, reference = np.clip(levels + noise, 0, 255).astype(dtype)
    for plane in AXES:
        expected = outside_slices(prediction, reference, 255, plane)
        found = ssim_slices(prediction, reference, 255, plane)
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_real_volume_against_scikit_image(shared_data: Path):
    reference = tifffile.imread(shared_data / "epfl_ca1_15nm_dev.tif")[:, :96, :128]
    prediction = np.roll(reference, 1, axis=0)
    xz, yz = (outside_slices(prediction, reference, 255, plane) for plane in ("xz", "yz"))
    assert ssim(prediction, reference, 255) == pytest.approx(np.concatenate([xz, yz]).mean(), abs=1e-6)
    assert SSIMxz()(prediction, reference, 255) == pytest.approx(xz.mean(), abs=1e-6)
    assert SSIMyz()(prediction, reference, 255) == pytest.approx(yz.mean(), abs=1e-6)
    xy = outside_slices(prediction, reference, 255, "xy")
    assert SSIMxy()(prediction, reference, 255) == pytest.approx(xy.mean(), abs=1e-6)
    np.testing.assert_allclose(SSIMxy().per_slice(prediction, reference, 255)["xy"], xy, atol=1e-6)
    assert ssim_3d(prediction, reference, 255) == pytest.approx(outside(prediction, reference, 255), abs=1e-6)


def test_each_axial_slice_has_one_vote():
    prediction, reference = noisy((12, 14, 40), np.uint8, seed=6)
    prediction[:, :, :14] = reference[:, :, :14]
    slices = SSIM().per_slice(prediction, reference, 255)
    assert {plane: len(values) for plane, values in slices.items()} == {"xz": 14, "yz": 40}
    expected = (slices["xz"].sum() + slices["yz"].sum()) / 54
    assert SSIM()(prediction, reference, 255) == pytest.approx(expected, abs=1e-12)
    assert ssim(prediction, reference, 255) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("kind", ["saturated", "halves", "bias", "far", "gradient", "tiny range"])
def test_blocks_that_would_lose_digits_equal_scikit_image(kind):
    rng = np.random.default_rng(7)
    shape = (14, 15, 16)
    reference = {
        "saturated": np.where(np.indices(shape).sum(0) % 40 > 20, 65535.0, 100.0),
        "halves": np.where(np.arange(shape[2]) < 8, 0.0, 255.0) * np.ones(shape),
        "bias": np.full(shape, 20.0),
        "far": np.full(shape, 3e5),
        "gradient": 200.0 * np.arange(shape[2]) * np.ones(shape),
        "tiny range": 1e-6 * rng.normal(size=shape) + 1e-4,
    }[kind]
    scale = 1e-6 if kind == "tiny range" else 1.0
    prediction = reference + scale * rng.normal(size=shape) + 60 * (kind == "bias")
    data_range = 255 * scale
    for plane in ("xz", "yz"):
        expected = outside_slices(prediction, reference, data_range, plane)
        np.testing.assert_allclose(ssim_slices(prediction, reference, data_range, plane), expected, atol=1e-6)


def test_closed_form_of_two_flat_volumes():
    first, second = np.full((11, 11, 11), 100.0), np.full((11, 11, 11), 50.0)
    c1 = (0.01 * 255) ** 2
    expected = (2 * 100 * 50 + c1) / (100**2 + 50**2 + c1)
    assert ssim(first, second, 255) == pytest.approx(expected, abs=1e-9)
    assert ssim_3d(first, second, 255) == pytest.approx(expected, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(0, 80), st.tuples(*[st.integers(11, 16)] * 3))
def test_symmetric_bounded_and_one_for_equal_volumes(seed, spread, shape):
    first, second = noisy(shape, np.uint8, seed, spread)
    value = ssim(first, second, 255)
    assert value == pytest.approx(ssim(second, first, 255), abs=1e-6)
    assert -1 <= value <= 1 + 1e-6
    assert ssim(first, first, 255) == pytest.approx(1, abs=1e-9)
    assert ssim_3d(first, first, 255) == pytest.approx(1, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.permutations("zyx"))
def test_swapping_axes_swaps_plane_families(seed, axes):
    first, second = noisy((11, 13, 16), np.uint8, seed)
    normals = {"xy": "z", "xz": "y", "yz": "x"}
    order = ["zyx".index(axis) for axis in axes]
    turned = first.transpose(order), second.transpose(order)
    assert ssim_3d(*turned, 255) == pytest.approx(ssim_3d(first, second, 255), abs=1e-6)
    for plane, normal in normals.items():
        was = next(p for p, n in normals.items() if n == axes["zyx".index(normal)])
        before, after = ssim_slices(first, second, 255, was), ssim_slices(*turned, 255, plane)
        np.testing.assert_allclose(after, before, atol=1e-6)


def test_too_thin_slices_are_not_defined():
    pair = noisy((10, 12, 12), np.uint8, seed=7)
    assert math.isnan(ssim(*pair, 255))
    assert math.isnan(SSIMxz()(*pair, 255))
    assert math.isnan(ssim_3d(*pair, 255))
    assert np.isfinite(SSIMxy()(*pair, 255))
    slices = SSIM().per_slice(*noisy((12, 10, 12), np.uint8, seed=7), 255)
    assert np.isfinite(slices["xz"]).all()
    assert np.isnan(slices["yz"]).all()


def test_missing_reference_is_named():
    with pytest.raises(InputError, match="reference is None"):
        SSIM()(np.zeros((12, 12, 12)), None, 1.0)


def test_values_are_kept_for_the_volumes_of_a_context_and_no_others():
    prediction, reference = noisy((12, 13, 14), np.uint8, seed=9)
    other = noisy((12, 13, 14), np.uint8, seed=10)[0]
    fresh, fresh_of_other = ssim(prediction, reference, 255), ssim(other, reference, 255)
    with slices_kept(prediction, reference):
        slices = SSIM().per_slice(prediction, reference, 255)
        slices["xz"][:] = 0
        assert ssim(prediction, reference, 255) == fresh
        assert ssim(other, reference, 255) == fresh_of_other
        assert ssim(prediction, reference, 200) != fresh
        prediction[:] = other
        assert ssim(prediction, reference, 255) == fresh
    assert ssim(prediction, reference, 255) == fresh_of_other
