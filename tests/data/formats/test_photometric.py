"""Grey levels as other programs show them: white as zero, palettes, and pages that differ in that."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageSequence

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError

RANDOM = np.random.default_rng(5)
STACK = RANDOM.integers(0, 256, (4, 19, 27)).astype(np.uint8)
RAMP = np.arange(256) * 257


def read(path) -> np.ndarray:
    with open_lazy(path) as volume:
        whole = volume[:, :, :]
        block = volume[1:3, 4:9, 7:20]
    np.testing.assert_array_equal(block, whole[1:3, 4:9, 7:20])
    return whole


def shown(path) -> np.ndarray:
    """Return the pages as Pillow shows them in grey."""
    with Image.open(path) as image:
        return np.stack([np.asarray(page.convert("L")) for page in ImageSequence.Iterator(image)])


LAYOUTS = {
    "plain": {},
    "big-endian": {"byteorder": ">"},
    "compressed": {"compression": "lzw", "rowsperstrip": 5},
    "tiles": {"tile": (16, 16), "compression": "zlib"},
}


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
def test_white_as_zero_comes_as_it_is_shown(tmp_path, options):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, photometric="miniswhite", **options)
    np.testing.assert_array_equal(read(path), shown(path))
    assert not np.array_equal(read(path), STACK)


@pytest.mark.parametrize("dtype", ["int8", "uint16", "int16"])
@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
def test_white_as_zero_turns_the_range_of_the_type_over(tmp_path, dtype, options):
    limits = np.iinfo(dtype)
    stack = RANDOM.integers(limits.min, limits.max, (4, 19, 27), dtype, endpoint=True)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="miniswhite", **options)
    found = read(tmp_path / "a.tif")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found.astype(int) - limits.min, limits.max - stack.astype(int))


@pytest.mark.parametrize("kind", [{"imagej": True}, {"ome": True}])
def test_metadata_do_not_hide_that_white_is_zero(tmp_path, kind):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, photometric="miniswhite", metadata={"axes": "ZYX"}, **kind)
    np.testing.assert_array_equal(read(path), shown(path))


def test_white_as_zero_of_floats_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK.astype(np.float32), photometric="miniswhite")
    with pytest.raises(InputError, match=r"white is zero \(WhiteIsZero\), but of float32 nothing tells how"):
        open_lazy(tmp_path / "a.tif")


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_twelve_packed_bits(tmp_path, photometric):
    stack = RANDOM.integers(0, 4096, (4, 19, 26)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric=photometric, bitspersample=12)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), stack)
    expected = stack if photometric == "minisblack" else 4095 - stack
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), expected)


def test_pages_may_differ_in_how_they_are_shown(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(np.concatenate([STACK] * 3)):
            white = number in (2, 9)
            writer.write(page, metadata=None, photometric="miniswhite" if white else "minisblack")
    np.testing.assert_array_equal(read(path), shown(path))


# --- palettes


def write_palette(path, colours, stack=STACK, **options):
    colormap = np.broadcast_to(colours, (3, np.shape(colours)[-1])).astype(np.uint16)
    tifffile.imwrite(path, stack, photometric="palette", colormap=colormap, **options)
    return path


GREYS = {
    "a ramp": RAMP,
    "a ramp of 256": np.arange(256) * 256,
    "reversed": RAMP[::-1],
    "gamma": (65535 * (np.arange(256) / 255) ** 0.6).astype(int),
    "stretched": np.clip(RAMP * 2 - 9000, 0, 65535),
    "in any order": RANDOM.permutation(RAMP),
}


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("colours", GREYS.values(), ids=GREYS)
def test_palettes_of_greys_come_as_they_are_shown(tmp_path, colours, options, caplog):
    path = write_palette(tmp_path / "a.tif", colours, **options)
    np.testing.assert_array_equal(read(path), shown(path))
    assert not caplog.records


def test_palettes_with_8_bits_in_the_lower_half(tmp_path):
    path = write_palette(tmp_path / "a.tif", np.arange(256)[::-1])
    np.testing.assert_array_equal(read(path), 255 - STACK)


def test_palettes_of_16_bits(tmp_path):
    stack = RANDOM.integers(0, 65536, (4, 19, 27)).astype(np.uint16)
    path = write_palette(tmp_path / "a.tif", np.arange(65536)[::-1], stack)
    found = read(path)
    assert found.dtype == np.uint16
    np.testing.assert_array_equal(found, 65535 - stack)


def test_palettes_of_4_bits(tmp_path):
    path = tmp_path / "a.tif"
    packed = (STACK[:, :, :26:2] >> 4 << 4) | STACK[:, :, 1:26:2] >> 4
    tags = [(320, "H", 48, [*(np.arange(16)[::-1] * 4369)] * 3, True)]
    with tifffile.TiffWriter(path) as writer:
        for page in packed:
            writer.write(page, metadata=None, photometric="minisblack", extratags=tags)
    # No writer packs 4 bits: tell so in the tags of pages whose bytes hold two voxels each.
    with tifffile.TiffFile(path, mode="r+b") as file:
        for page in file.pages:
            for name, value in (("ImageWidth", 26), ("BitsPerSample", 4), ("PhotometricInterpretation", 3)):
                page.tags[name].overwrite(value)
    np.testing.assert_array_equal(read(path), 255 - (STACK[:, :, :26] >> 4) * 17)
    np.testing.assert_array_equal(read(path), shown(path))


def annotated() -> np.ndarray:
    """Return a ramp with colours for text and marks, as microscopes save it."""
    colours = np.stack([RAMP] * 3)
    colours[:, 248:] = RANDOM.integers(0, 65536, (3, 8))
    return colours


def test_annotations_that_no_voxel_has_change_nothing(tmp_path, caplog):
    stack = np.minimum(STACK, 247)
    path = write_palette(tmp_path / "a.tif", annotated(), stack)
    np.testing.assert_array_equal(read(path), stack)
    assert not caplog.records


def test_annotations_have_their_luminance_and_are_told_once(tmp_path, caplog):
    path = write_palette(tmp_path / "a.tif", annotated())
    with open_lazy(path) as volume:
        whole = volume[:, :, :]
        volume[:, :, :]
    np.testing.assert_array_equal(whole, shown(path))
    np.testing.assert_array_equal(whole[STACK < 248], STACK[STACK < 248])
    (record,) = caplog.records
    assert record.getMessage() == (
        f"{path}: some voxels are annotations in colour; they are read by their luminance"
    )


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
def test_palettes_of_colours_are_refused(tmp_path, options):
    path = write_palette(tmp_path / "a.tif", RANDOM.integers(0, 65536, (3, 256)), **options)
    with pytest.raises(InputError, match=r"a\.tif: holds colour: a palette of colours"):
        open_lazy(path)


def test_every_page_has_its_own_palette(tmp_path):
    path = tmp_path / "a.tif"
    maps = [RAMP, RAMP[::-1], RANDOM.permutation(RAMP), RAMP]
    with tifffile.TiffWriter(path) as writer:
        for page, colours in zip(STACK, maps, strict=True):
            colormap = np.stack([colours] * 3).astype(np.uint16)
            writer.write(page, metadata=None, photometric="palette", colormap=colormap)
    np.testing.assert_array_equal(read(path), shown(path))


def test_the_slices_of_a_folder_are_shown_one_by_one(tmp_path):
    folder = tmp_path / "slices"
    folder.mkdir()
    for number, page in enumerate(STACK):
        if number == 1:
            tifffile.imwrite(folder / f"{number}.tif", 255 - page, photometric="miniswhite")
        elif number == 2:
            write_palette(folder / f"{number}.tif", RAMP[::-1], 255 - page)
        else:
            tifffile.imwrite(folder / f"{number}.tif", page, photometric="minisblack")
    np.testing.assert_array_equal(read(folder), STACK)
