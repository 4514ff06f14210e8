"""Dialects of folders of slices: formats, names, parts, and what is no stack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import dm_files
import numpy as np
import tifffile
from dialect import DEEP, GREY, NM, VOXELS, Dialect
from PIL import Image

Write = Callable[[Path, np.ndarray], object]
# JPEG gives blocks of 8 x 8 equal pixels back exactly.
FLAT = np.kron(VOXELS[:, :2, :3], np.ones((1, 8, 8), np.uint8))


def tiff(path: Path, plane: np.ndarray) -> None:
    tifffile.imwrite(path, plane, **GREY)


def picture(path: Path, plane: np.ndarray) -> None:
    Image.fromarray(plane).save(path)


def coloured(path: Path, plane: np.ndarray) -> None:
    picture(path, np.stack([plane, plane, plane // 2], -1))


def equal_channels(path: Path, plane: np.ndarray) -> None:
    picture(path, np.stack([plane] * 3, -1))


def turned(path: Path, plane: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(plane).save(path, exif=exif)


def dm(path: Path, plane: np.ndarray) -> None:
    version = int(path.suffix[-1])
    written = dm_files.written(path.parent, (plane, NM[1:], ("nm", "nm")), version=version)
    written.rename(path)


def named(write: Write, names: list[str], planes: np.ndarray | list[np.ndarray] = VOXELS, extra: str = ""):
    """Return what writes a plane under each name, and the first again under another one."""

    def make(folder: Path) -> Path:
        (folder / "slices").mkdir()
        for name, plane in zip(names, planes, strict=True):
            write(folder / "slices" / name, plane)
        if extra:
            (tiff if extra.endswith(".tif") else picture)(folder / "slices" / extra, planes[0])
        return folder / "slices"

    return make


def numbered(write: Write, pattern: str, planes: np.ndarray | list[np.ndarray] = VOXELS, extra: str = ""):
    return named(write, [pattern.format(number) for number in range(len(planes))], planes, extra)


def two_detectors(folder: Path) -> Path:
    numbered(tiff, "s{}_SE.tif")(folder)
    for number, plane in enumerate(VOXELS[::-1]):
        tiff(folder / "slices" / f"s{number}_BSE.tif", plane)
    return folder / "slices"


def one_detector(folder: Path) -> Path:
    return two_detectors(folder) / "*_SE.tif"


def one_picture(folder: Path) -> Path:
    picture(folder / "a.png", VOXELS[0])
    return folder / "a.png"


def slices(name: str, make: Callable[[Path], Path], **options: object) -> Dialect:
    return Dialect("folder of slices", name, make, **options)


FOLDERS = [
    slices("TIFF", numbered(tiff, "s{}.tif")),
    slices(
        "TIFF, numbers padded or not",
        named(tiff, ["s8.tif", "s09.tif", *(f"s{i}.tif" for i in range(10, 14))]),
    ),
    slices("TIFF, decimal numbers", named(tiff, [f"z{number / 4:g}.tif" for number in range(6)])),
    slices("TIFF, negative numbers", named(tiff, [f"z{number}.tif" for number in range(-3, 3)])),
    slices("TIFF, axes of length 1", numbered(tiff, "s{}.tif", VOXELS[:, np.newaxis, :, :, np.newaxis])),
    slices("TIFF, parts of several slices", numbered(tiff, "part{}.tif", VOXELS.reshape(2, 3, 16, 24))),
    slices(
        "TIFF, parts of other lengths",
        numbered(tiff, "p{}.tif", [VOXELS[:2], VOXELS[2:3], VOXELS[3:]]),
        refused="slices/p1.tif: holds 1 slice, but p0.tif 2; give slices of one grey-scale "
        "image each, or parts of as many",
    ),
    slices(
        "TIFF, a number is missing",
        named(tiff, [f"s{i}.tif" for i in (1, 2, 3, 5, 6, 7)]),
        warned="slices: no slice 4; the others are taken for a stack without a gap",
    ),
    slices(
        "TIFF, with a projection",
        numbered(tiff, "s{}.tif", extra="MAX_s.tif"),
        refused="slices: holds images of 2 kinds of names: 6 like s*.tif, MAX_s.tif; give a "
        "folder of one kind, or a pattern, 'slices/s*.tif'",
    ),
    slices(
        "TIFF of two detectors",
        two_detectors,
        refused="slices: holds images of 2 kinds of names: 6 like s*_BSE.tif, 6 like s*_SE.tif; "
        "give a folder of one kind, or a pattern, 'slices/s*_BSE.tif'",
    ),
    slices("TIFF of two detectors, by the pattern `slices/*_SE.tif`", one_detector),
    slices(
        "TIFF, names without numbers",
        named(tiff, [f"{letter}.tif" for letter in "abcdef"]),
        refused="slices: names such as a.tif and b.tif tell no order; number the slices alike",
    ),
    slices(
        "TIFF and a JPEG",
        numbered(tiff, "s{}.tif", extra="preview.jpg"),
        refused="slices: holds images of 2 formats: 6 TIFF (s0.tif), 1 JPEG (preview.jpg); give "
        "a folder of one format, or a pattern, 'slices/*.tif'",
    ),
    slices(
        "TIFF in colour",
        numbered(
            lambda path, plane: tifffile.imwrite(path, np.stack([plane] * 3, -1), photometric="rgb"),
            "s{}.tif",
        ),
        refused="slices/s0.tif: holds colour: axes YXS of shape (16, 24, 3); give slices of one "
        "grey-scale image each",
    ),
    slices(
        "TIFF, slices that differ in shape",
        numbered(tiff, "s{}.tif", [*VOXELS[:3], VOXELS[3, :9], *VOXELS[4:]]),
        refused="slices/s3.tif: (9, 24) uint8, but s0.tif is (16, 24) uint8; give slices alike",
    ),
    slices("PNG", numbered(picture, "s{}.png")),
    slices("PNG, 16 bits", numbered(picture, "s{}.png", DEEP), voxels=DEEP),
    slices("PNG, equal channels", numbered(equal_channels, "s{}.png")),
    slices(
        "PNG in colour",
        numbered(coloured, "s{}.png"),
        refused="slices/s0.png: holds colour; give grey-scale slices",
    ),
    slices("JPEG", numbered(picture, "s{}.jpg", FLAT), voxels=FLAT),
    slices(
        "JPEG, to be turned",
        numbered(turned, "s{}.jpg"),
        refused="slices/s0.jpg: is to be shown turned (EXIF orientation 6); store it upright",
    ),
    slices("DM3", numbered(dm, "s{}.dm3"), needs="rsciio"),
    slices("DM4", numbered(dm, "s{}.dm4", DEEP), voxels=DEEP, needs="rsciio"),
    slices("one PNG alone", one_picture, refused="a.png: is one image; give the folder of all slices"),
]
