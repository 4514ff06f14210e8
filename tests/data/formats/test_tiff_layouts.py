"""Pages of one TIFF file that are stored in different ways are one stack; pages that differ are none."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageSequence

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError

STACK = np.random.default_rng(2).integers(0, 256, (17, 33, 41)).astype(np.uint8)
GREY = {"photometric": "minisblack"}


def read(path) -> np.ndarray:
    with open_lazy(path) as volume:
        np.testing.assert_array_equal(volume[3:6, 7:30, 9:11], volume[:, :, :][3:6, 7:30, 9:11])
        return volume[:, :, :]


def write(path, options_of, stack=STACK, **common) -> None:
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(stack):
            writer.write(page, **GREY, **common, **options_of(number))


WAYS = {
    "the first is packed": lambda i: {"compression": None if i else "packbits"},
    "a late one is packed": lambda i: {"compression": "packbits" if i == 12 else None},
    "every other": lambda i: {"compression": ("zlib", "lzw")[i % 2]},
    # tifffile takes pages for alike where the second, eighth and last are.
    "one in the middle": lambda i: {"compression": "lzw" if i == 4 else "zlib"},
    "predictor": lambda i: {"compression": "zlib", "predictor": i == 5},
    "rows per strip": lambda i: {"compression": "zlib", "rowsperstrip": 3 + i},
    "tiles": lambda i: {"compression": "zlib"} | ({"tile": (16, 32)} if i in (0, 9) else {}),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_pages_stored_in_different_ways(tmp_path, way, dtype):
    stack = STACK.astype(dtype) * (257 if dtype == "uint16" else 1)
    write(tmp_path / "a.tif", way, stack, metadata=None)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), stack)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_pages_that_are_each_described(tmp_path, compression):
    write(tmp_path / "a.tif", lambda i: {"compression": compression})
    assert len(tifffile.TiffFile(tmp_path / "a.tif").series) == len(STACK)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), STACK)


def test_pages_appended_by_one_writer_after_the_other(tmp_path):
    for page in STACK[:4]:
        tifffile.imwrite(tmp_path / "a.tif", page, append=True, **GREY)
    np.testing.assert_array_equal(read(tmp_path / "a.tif")[:, :, :], STACK[:4])


def test_pages_as_pillow_writes_them(tmp_path):
    first, *others = (Image.fromarray(page) for page in STACK)
    first.save(tmp_path / "a.tif", save_all=True, append_images=others, compression="tiff_lzw")
    with Image.open(tmp_path / "a.tif") as image:
        pages = [np.asarray(page) for page in ImageSequence.Iterator(image)]
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), np.stack(pages))


@pytest.mark.parametrize("odd", [{"compression": "lzw"}, {"compression": "zlib", "predictor": True}])
def test_described_as_one_stack_but_stored_in_different_ways(tmp_path, odd):
    text = f"ImageJ=1.54f\nimages={len(STACK)}\nslices={len(STACK)}\nunit=nm\nspacing=40.0\n"
    described = {"description": text, "metadata": None, "resolution": (0.1, 0.1), "resolutionunit": "NONE"}
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for number, page in enumerate(STACK):
            options = odd if number == 4 else {"compression": "zlib"}
            writer.write(page, **GREY, **options, **({"metadata": None} if number else described))
    assert tifffile.TiffFile(tmp_path / "a.tif").is_imagej
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), STACK)
    with open_lazy(tmp_path / "a.tif") as volume:
        assert volume.voxel_size == pytest.approx((40, 10, 10))


@pytest.mark.parametrize(
    ("pages", "message"),
    [
        ([STACK[0], STACK[1], STACK[2, :20]], "holds 2 images that differ ((2, 33, 41), (20, 41)); give one"),
        (
            [STACK[0], STACK[1].astype("u2"), STACK[2]],
            "pages alike in shape, (33, 41), but of dtypes uint8 (2) and uint16 (1); give one stack",
        ),
    ],
)
def test_pages_that_truly_differ(tmp_path, pages, message):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in pages:
            writer.write(page, metadata=None, **GREY)
    with pytest.raises(InputError, match=re.escape(f"a.tif: {message}")):
        open_lazy(tmp_path / "a.tif")


def test_stacks_that_are_described_apart(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(STACK[:5], compression="zlib", **GREY)
        writer.write(STACK[5:10], compression="lzw", **GREY)
    message = "holds 2 images alike in shape, but written as 2 stacks of (5, 33, 41); give one stack"
    with pytest.raises(InputError, match=re.escape(message)):
        open_lazy(tmp_path / "a.tif")


@pytest.mark.parametrize("shape", [(5, 33, 41, 1), (1, 5, 33, 41), (5, 1, 33, 41)])
def test_axes_of_length_1(tmp_path, shape):
    tifffile.imwrite(tmp_path / "a.tif", STACK[:5].reshape(shape), **GREY)
    np.testing.assert_array_equal(read(tmp_path / "a.tif"), STACK[:5])
