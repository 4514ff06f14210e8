"""Cropping and binning against outside references, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.measure import block_reduce

from a2ibench.data.prepare import check_finite, check_shows, cropped, mean_bin
from a2ibench.errors import InputError

DTYPES = st.sampled_from([np.uint8, np.int8, np.uint16, np.int16, np.float32])
SHAPES = st.tuples(st.integers(3, 9), st.integers(3, 9), st.integers(3, 9))
VOLUMES = st.tuples(DTYPES, SHAPES).flatmap(
    lambda drawn: arrays(
        *drawn,
        elements=st.floats(-1e6, 1e6, width=32) if drawn[0] is np.float32 else None,
    )
)


@settings(deadline=None)
@given(VOLUMES, st.integers(1, 3))
def test_bins_are_the_means_of_blocks(data, factor):
    binned = mean_bin(data, factor, "a")
    whole = data[tuple(slice(size // factor * factor) for size in data.shape)]
    means = block_reduce(whole.astype(np.float64), (factor,) * 3, np.mean)
    assert binned.dtype == data.dtype
    assert binned.shape == means.shape
    if data.dtype.kind == "f":
        np.testing.assert_allclose(binned, means, rtol=1e-6, atol=0.1)
    else:
        sums = block_reduce(whole.astype(np.int64), (factor,) * 3, np.sum)
        quotient, rest = np.divmod(sums, factor**3)
        up = (2 * rest > factor**3) | ((2 * rest == factor**3) & (quotient % 2 == 1))
        np.testing.assert_array_equal(binned, quotient + up)


def test_halves_are_rounded_to_even():
    data = np.zeros((2, 2, 6), np.uint8)
    data[0, 0, ::2] = [4, 12, 20]  # means 0.5, 1.5, 2.5
    np.testing.assert_array_equal(mean_bin(data, 2, "a"), [[[0, 2, 2]]])


def test_binning_accepts_views_of_any_layout():
    data = np.arange(2 * 7 * 5 * 6, dtype=np.uint16).reshape(2, 7, 5, 6)[1].transpose(2, 0, 1)[::-1]
    expected = block_reduce(data[:6, :6, :4].astype(float), (2, 2, 2), np.mean)
    np.testing.assert_array_equal(mean_bin(data, 2, "a"), np.rint(expected))


def test_a_bin_larger_than_the_volume():
    with pytest.raises(InputError, match=r"^a: bin is 4, but the volume is \(3, 9, 9\); give a smaller bin$"):
        mean_bin(np.zeros((3, 9, 9), np.uint8), 4, "a")


def test_crops_are_views_of_the_voxels_within():
    data = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    part = cropped(data, ((1, 3), (0, 5), (5, 6)), "a")
    np.testing.assert_array_equal(part, data[1:3, :, 5:])
    assert np.shares_memory(part, data)


@pytest.mark.parametrize(
    ("bounds", "axis"),
    [
        (((0, 5), (0, 5), (0, 6)), "z"),
        (((0, 4), (5, 9), (0, 6)), "y"),
        (((0, 4), (0, 5), (-1, 6)), "x"),
        (((2, 2), (0, 5), (0, 6)), "z"),
    ],
)
def test_a_crop_beyond_the_volume_names_the_axis(bounds, axis):
    size = {"z": 4, "y": 5, "x": 6}[axis]
    with pytest.raises(
        InputError, match=rf"^a: crop is \[.*\] along {axis}, but the volume has {size} voxels"
    ):
        cropped(np.zeros((4, 5, 6)), bounds, "a")


@settings(deadline=None)
@given(arrays(np.float32, (3, 4, 5), elements=st.sampled_from([0, 1, np.nan, np.inf, -np.inf])))
def test_voxels_that_are_not_finite_are_counted(data):
    bad = int((~np.isfinite(data)).sum())
    if bad == 0:
        check_finite(data, "a")
    else:
        with pytest.raises(InputError, match=f"^a: {bad} of 60 voxels are NaN or infinite"):
            check_finite(data, "a")


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 0, 4)])
def test_too_few_slices(shape):
    with pytest.raises(InputError, match="give at least 2 slices that hold voxels"):
        check_shows(np.zeros(shape, np.uint8), "a")


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_a_constant_volume(dtype):
    with pytest.raises(InputError, match=r"^a: every voxel is 7(\.0)?; give a volume that shows something$"):
        check_shows(np.full((2, 3, 4), 7, dtype), "a")
