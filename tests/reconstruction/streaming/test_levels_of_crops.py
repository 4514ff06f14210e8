"""The grey levels of a volume that is read piece by piece."""

from __future__ import annotations

import numpy as np
import pytest

from a2ibench import InputError
from a2ibench.data import intensity_range
from a2ibench.data.intensity_range import find_levels

SHAPE = (5, 6, 7)


def stack(dtype, low, high):
    values = np.full(SHAPE, low, dtype)
    values[3, 4, 5] = high
    return values


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (stack("uint8", 3, 90), (0, 255)),
        (stack("int8", 3, 90), (-128, 127)),
        (stack("uint16", 3, 90), (0, 255)),
        (stack("uint16", 0, 4095), (0, 4095)),
        (stack(">u2", 0, 4096), (0, 8191)),
        (stack("uint16", 0, 65535), (0, 65535)),
        (stack("int16", 0, 300), (0, 511)),
        (stack("int16", -300, 5), (-512, 511)),
        (stack("int16", -32768, 32767), (-32768, 32767)),
        (stack("float32", -0.5, 0.75), (-0.5, 0.75)),
        (stack("float64", 0, 255), (0, 255)),
    ],
)
def test_range_of_each_dtype(crop, reports, monkeypatch, values, expected) -> None:
    monkeypatch.setattr(intensity_range, "_VOXELS", 20)
    progress, told = reports
    assert find_levels(crop(values), "stack", progress=progress).intensity == expected
    if values.dtype.itemsize > 1:
        assert told[-1] == ("intensity", values.size, values.size)
        assert len(told) > 5


def test_a_copy_in_another_dtype_maps_alike(crop) -> None:
    values = np.random.default_rng(0).integers(0, 256, SHAPE)
    values[0, 0, :2] = 0, 255
    kinds = ("uint8", "uint16", "int16", ">u2", ">f4", "float64")
    assert {find_levels(crop(values.astype(kind)), "s").intensity for kind in kinds} == {(0, 255)}


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted(crop, bad) -> None:
    values = stack("float32", 0, 1)
    values[:2, 0, 0] = bad
    with pytest.raises(InputError, match="2 of 210 voxels are NaN or infinite"):
        find_levels(crop(values), "stack")


@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_a_volume_that_shows_nothing_is_refused(crop, dtype) -> None:
    with pytest.raises(InputError, match="stack: every voxel is 7; give"):
        find_levels(crop(stack(dtype, 7, 7)), "stack")
