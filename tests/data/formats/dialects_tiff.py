"""Dialects of TIFF: stacks in one file, and OME-TIFF images in several."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import ome_set_files
import tifffile
from dialect import DEEP, FLOATS, GREY, NM, VOXELS, Dialect, made

RAMP = np.arange(256) * 257
COLOURS = np.random.default_rng(3).integers(0, 65536, (3, 256))
ANNOTATED = np.stack([RAMP] * 3)
ANNOTATED[:, 250:] = 65535 * np.array([[1], [0], [0]])
# Of pure red, 299 thousandths of white.
MARKED = np.where(VOXELS < 250, VOXELS, 76).astype(np.uint8)
INCH = 25_400_000  # nm
IMAGEJ = {"axes": "ZYX", "spacing": 0.04, "unit": "um"}
OME = {"axes": "ZYX"} | {
    key: value
    for axis, size in zip("ZYX", NM, strict=True)
    for key, value in ((f"PhysicalSize{axis}", size), (f"PhysicalSize{axis}Unit", "nm"))
}


def stack(voxels: np.ndarray = VOXELS, **options: object) -> Callable[[Path], Path]:
    return made(lambda path: tifffile.imwrite(path, voxels, **(GREY | options)), "a.tif")


def palette(colours: np.ndarray, voxels: np.ndarray = VOXELS) -> Callable[[Path], Path]:
    colormap = np.broadcast_to(colours, (3, 256)).astype(np.uint16)
    return stack(voxels, photometric="palette", colormap=colormap)


def pages(options_of: Callable[[int], dict[str, object]], planes: list[np.ndarray] | None = None):
    def write(path: Path) -> None:
        with tifffile.TiffWriter(path) as writer:
            for number, page in enumerate(VOXELS if planes is None else planes):
                writer.write(page, metadata=None, **GREY, **options_of(number))

    return made(write, "a.tif")


def imagej_y_unit(path: Path) -> None:
    """Write as ImageJ does where y and z have units of their own."""
    text = "ImageJ=1.54f\nimages=6\nslices=6\nunit=nm\nyunit=um\nzunit=mm\nspacing=0.00004\nloop=false\n"
    described = {"description": text, "metadata": None, "resolution": (0.25, 200), "resolutionunit": "NONE"}
    with tifffile.TiffWriter(path) as writer:
        for number, page in enumerate(VOXELS):
            writer.write(page, **GREY, **({"metadata": None} if number else described))


def part_of_set(folder: Path) -> Path:
    return ome_set_files.write_set(folder / "set", 2)[1]


def set_folder(folder: Path) -> Path:
    part_of_set(folder)
    return folder / "set"


def incomplete_set(folder: Path) -> Path:
    part_of_set(folder)
    (folder / "set" / "c.ome.tif").unlink()
    return folder / "set"


def ome_axes(axes: str) -> Callable[[Path], Path]:
    def write(path: Path) -> None:
        tifffile.imwrite(path, np.stack([VOXELS, VOXELS]), **GREY, ome=True, metadata={"axes": axes})

    return made(write, "a.ome.tif")


def tiff(name: str, make: Callable[[Path], Path], **options: object) -> Dialect:
    return Dialect("TIFF", name, make, **options)


TIFF = [
    tiff("plain pages", stack()),
    tiff("big-endian", stack(byteorder=">")),
    tiff("BigTIFF", stack(bigtiff=True)),
    tiff("compressed (zlib)", stack(compression="zlib")),
    tiff("compressed (LZW), tiles", stack(compression="lzw", tile=(16, 16))),
    tiff("pages that differ in compression", pages(lambda i: {"compression": ("zlib", "lzw", None)[i % 3]})),
    tiff("pages that differ in rows per strip", pages(lambda i: {"rowsperstrip": i + 2})),
    tiff("16 bits", stack(DEEP), voxels=DEEP),
    tiff("12 bits, packed", stack(DEEP, bitspersample=12), voxels=DEEP),
    tiff("floats", stack(FLOATS), voxels=FLOATS),
    tiff(
        "ImageJ, one unit",
        stack(imagej=True, metadata=IMAGEJ, resolution=(250, 200)),
        size=NM,
    ),
    tiff(
        "ImageJ, inches",
        stack(
            imagej=True,
            metadata={"axes": "ZYX", "spacing": 40 / INCH, "unit": "inch"},
            resolution=(INCH / 4, INCH / 5),
        ),
        size=NM,
    ),
    tiff(
        "ImageJ, a hyperstack of one channel and time",
        stack(VOXELS[None, :, None], imagej=True, metadata=IMAGEJ | {"axes": "TZCYX"}, resolution=(250, 200)),
        size=NM,
    ),
    tiff("ImageJ, other units along y and z", made(imagej_y_unit, "a.tif"), size=NM),
    tiff(
        "OME", made(lambda path: tifffile.imwrite(path, VOXELS, metadata=OME, **GREY), "a.ome.tif"), size=NM
    ),
    tiff(
        "OME in several files, by one of them",
        part_of_set,
        voxels=ome_set_files.STACK,
        size=ome_set_files.SPACING,
    ),
    tiff(
        "OME in several files, by their folder",
        set_folder,
        voxels=ome_set_files.STACK,
        size=ome_set_files.SPACING,
    ),
    tiff(
        "OME in several files, one missing",
        incomplete_set,
        refused="set/q.ome.tif: is one of 3 files of an image, which lacks c.ome.tif; put all "
        "files into one folder",
    ),
    tiff("WhiteIsZero", stack(255 - VOXELS, photometric="miniswhite")),
    tiff("WhiteIsZero, 12 bits", stack(4095 - DEEP, photometric="miniswhite", bitspersample=12), voxels=DEEP),
    tiff(
        "WhiteIsZero, floats",
        stack(FLOATS, photometric="miniswhite"),
        refused="a.tif: white is zero (WhiteIsZero), but of float32 nothing tells how much black is; "
        "invert it and store it with black as zero",
    ),
    tiff("palette of greys", palette(RAMP[::-1], 255 - VOXELS)),
    tiff(
        "palette of greys, annotations in colour",
        palette(ANNOTATED),
        voxels=MARKED,
        warned="a.tif: some voxels are annotations in colour; they are read by their luminance",
    ),
    tiff(
        "palette of colours",
        palette(COLOURS),
        refused="a.tif: holds colour: a palette of colours; give a grey-scale stack",
    ),
    tiff(
        "RGB",
        stack(np.stack([VOXELS] * 3, -1), photometric="rgb"),
        refused="a.tif: holds colour: axes QYXS of shape (6, 16, 24, 3); give one grey-scale "
        "stack with axes ZYX",
    ),
    tiff(
        "channels",
        ome_axes("CZYX"),
        refused="a.ome.tif: holds several channels: axes CZYX of shape (2, 6, 16, 24); give one "
        "grey-scale stack with axes ZYX",
    ),
    tiff(
        "time series",
        ome_axes("TZYX"),
        refused="a.ome.tif: holds a time series: axes TZYX of shape (2, 6, 16, 24); give one "
        "grey-scale stack with axes ZYX",
    ),
    tiff(
        "two images that differ",
        pages(lambda i: {}, [*VOXELS[:4], *VOXELS[4:, :9]]),
        refused="a.tif: holds 2 images that differ ((4, 16, 24), (2, 9, 24)); give one stack",
    ),
    tiff(
        "labels of 32 bits",
        stack(VOXELS.astype(np.uint32)),
        refused="a.tif: dtype is uint32; give 8- or 16-bit integers, or floats",
    ),
]
