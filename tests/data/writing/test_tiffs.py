"""TIFF stacks tell ImageJ, or programs that read OME, what a voxel measures."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import tifffile
from PIL import Image
from written import noise, write

from a2ibench.data.formats import open_lazy

SIZE = (12.5, 4.6, 4.7)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("name", ["a.tif", "a.TIFF"])
def test_a_stack_for_imagej(tmp_path, name, dtype):
    voxels = noise((5, 20, 30), dtype)
    path = write(tmp_path / name, voxels, voxel_size=SIZE)
    with tifffile.TiffFile(path) as file:
        assert (file.is_imagej, file.is_ome, file.is_bigtiff, len(file.pages)) == (True, False, False, 5)
        told, tags = file.imagej_metadata, file.pages[0].tags
        assert file.series[0].kind == "imagej"
        assert (file.series[0].axes, file.series[0].shape) == ("ZYX", (5, 20, 30))
        np.testing.assert_array_equal(file.asarray(), voxels)
    assert told["ImageJ"]
    assert {key: told[key] for key in ("images", "slices", "unit", "spacing", "loop")} == {
        "images": 5,
        "slices": 5,
        "unit": "um",
        "spacing": 0.0125,
        "loop": False,
    }
    # Pixels in a micrometre; ImageJ takes the unit from its own metadata.
    assert Fraction(*tags["XResolution"].value) == Fraction(10_000, 47)
    assert Fraction(*tags["YResolution"].value) == Fraction(10_000, 46)
    assert tags["ResolutionUnit"].value == 1


@pytest.mark.parametrize(
    ("name", "dtype"), [("a.ome.tif", "uint8"), ("a.ome.tiff", "int16"), ("a.tif", "int8")]
)
def test_a_stack_with_ome_metadata(tmp_path, name, dtype):
    # ImageJ knows no signed bytes.
    voxels = noise((5, 20, 30), dtype)
    path = write(tmp_path / name, voxels, voxel_size=SIZE)
    with tifffile.TiffFile(path) as file:
        assert (file.is_imagej, file.is_ome, file.series[0].axes, len(file.pages)) == (False, True, "ZYX", 5)
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
        tags = file.pages[0].tags
        np.testing.assert_array_equal(file.asarray(), voxels)
    sizes = {axis: (pixels[f"PhysicalSize{axis}"], pixels[f"PhysicalSize{axis}Unit"]) for axis in "ZYX"}
    assert sizes == {"Z": (12.5, "nm"), "Y": (4.6, "nm"), "X": (4.7, "nm")}
    assert tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER
    assert Fraction(*tags["YResolution"].value) == Fraction(10**8, 46)


def test_every_slice_is_seen_by_readers_that_know_no_metadata(tmp_path):
    voxels = noise((5, 20, 30), "uint8")
    with Image.open(write(tmp_path / "a.tif", voxels)) as image:
        assert image.n_frames == 5
        image.seek(4)
        np.testing.assert_array_equal(np.asarray(image), voxels[4])


def test_sizes_that_no_fraction_of_32_bits_holds_are_read_back(tmp_path):
    sizes = (9.87654321, 33.3333333, 0.123456789)
    with open_lazy(write(tmp_path / "a.tif", noise((3, 4, 5), "uint8"), voxel_size=sizes)) as volume:
        assert volume.voxel_size == sizes


def test_a_stack_that_imagej_cannot_hold_has_a_directory_of_all_planes(tmp_path):
    from a2ibench.data.formats.tiff_writer import ImageJTiffFile, OmeTiffFile, tiff_file
    from a2ibench.data.writing.layout import Layout

    def made(planes):
        return type(tiff_file(tmp_path / "a.tif", Layout((planes, 1024, 1024), np.dtype("uint8"), SIZE, "")))

    assert (made(4000), made(4095), made(5000)) == (ImageJTiffFile, OmeTiffFile, OmeTiffFile)
