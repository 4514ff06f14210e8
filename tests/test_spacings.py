"""Lengths come through units, ratios and single precision without leftovers in their last digits."""

from __future__ import annotations

import math

import mrcfile
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

import a2ibench
from a2ibench.contracts import decimal_spacing
from a2ibench.data.formats import open_lazy
from a2ibench.reconstruction.options import ReconstructOptions, spacings

VOXELS = np.zeros((3, 4, 5), np.uint8)


@given(
    digits=st.integers(1, 99_999), places=st.integers(0, 4), unit=st.sampled_from([1e3, 1e-3, 10, 1e7, 7.0])
)
def test_a_decimal_survives_a_unit_and_back(digits, places, unit) -> None:
    length = float(f"{digits}e-{places}")
    assert decimal_spacing(length * unit / unit) == length
    assert decimal_spacing(length * (1 + 4e-16)) == length


@given(length=st.floats(1e-6, 1e9))
def test_nothing_moves_by_more_than_a_billionth(length) -> None:
    found = decimal_spacing(length)
    assert math.isclose(found, length, rel_tol=1e-9)
    assert len(repr(found).replace(".", "").lstrip("0")) <= 13 or "e" in repr(found)


def test_other_numbers_are_what_they_are() -> None:
    assert decimal_spacing(50 / 3) == 16.66666667
    assert decimal_spacing(0.0) == 0.0
    assert decimal_spacing(-0.30000000000000004) == -0.3
    assert decimal_spacing(math.inf) == math.inf
    assert math.isnan(decimal_spacing(math.nan))


@pytest.mark.parametrize("nm", [4.6, 8.2, 3.3, 29.4])
def test_voxel_sizes_are_read_as_they_were_meant(tmp_path, nm) -> None:
    tifffile.imwrite(
        tmp_path / "a.tif",
        VOXELS,
        imagej=True,
        resolution=(1000 / nm, 1000 / nm),
        metadata={"axes": "ZYX", "spacing": nm / 1000, "unit": "micron"},
    )
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(VOXELS.astype(np.int16))
        file.set_volume()
        file.voxel_size = 10 * nm
    for name in ("a.tif", "a.mrc"):
        with open_lazy(tmp_path / name) as volume:
            assert volume.voxel_size == (nm, nm, nm)


@pytest.mark.parametrize(("z", "y"), [(50.0, 4.6), (29.0, 8.3), (40.0, 0.7)])
def test_the_spacing_of_the_output_is_that_of_the_pixels(z, y) -> None:
    found = spacings(ReconstructOptions("cubic", voxel_size=(z, y, y)), None, "a.tif")
    assert found.given == (z, y, y)
    assert found.reconstructed == (y, y, y)
    assert found.ratio == z / y
    wanted = spacings(ReconstructOptions("cubic", voxel_size=(z, y, y), target_spacing=0.69), None, "a.tif")
    assert wanted.reconstructed == (0.69, y, y)


def test_memory_and_files_agree_on_the_spacing(tmp_path) -> None:
    voxels = np.random.default_rng(0).integers(0, 255, (4, 20, 24), np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", voxels, photometric="minisblack")
    size = (50.0, 4.6, 4.6)
    volume = a2ibench.open_volume(tmp_path / "in.tif", voxel_size=size)
    assert a2ibench.reconstruct(volume, "cubic").voxel_size == (4.6, 4.6, 4.6)
    target = a2ibench.reconstruct_file(tmp_path / "in.tif", tmp_path / "o.tif", "cubic", voxel_size=size)
    assert a2ibench.open_volume(target).voxel_size == (4.6, 4.6, 4.6)
