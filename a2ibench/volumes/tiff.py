"""TIFF stacks: plain, ImageJ and OME."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from a2ibench.errors import InputError
from a2ibench.volumes.stored import Stored, check_dtype, unreadable
from a2ibench.volumes.tiff_voxel_size import voxel_size

# Bytes of voxels that a byte of file may stand for: packed bits, and the emptiest compressed stack.
_PACKED, _COMPRESSED = 8, 10_000
_MEANING = {"S": "colour", "C": "several channels", "T": "a time series"}


def read(path: Path, key: str | None) -> Stored:
    """Read the only image of a TIFF file as (z, y, x), in the axis order that its metadata state.

    Raises
    ------
    InputError
        If the file is damaged or cut short, holds no 3D grey-scale stack, or `key` is given.
    """
    import tifffile

    if key is not None:
        raise InputError(f"{path}: key is {key!r}, but a TIFF file holds no named datasets; remove it")
    with _without_log_lines():
        try:
            with tifffile.TiffFile(path) as tiff:
                _check_pages(path, tiff)
                series = _only_series(path, tiff)
                check_dtype(series.dtype, str(path))
                axes, sizes = _axes(path, series)
                _check_segments(path, series)
                data = series.asarray().reshape(sizes).transpose([axes.index(letter) for letter in "ZYX"])
                return Stored(data, voxel_size(tiff))
        except Exception as error:  # damaged files raise almost anything inside the decoders
            raise unreadable(path, "TIFF", error) from error


def shape(path: Path, key: str | None) -> tuple[int, int, int]:
    """Return the voxels along (z, y, x) that the file's first pages tell, without reading any of them.

    Raises
    ------
    InputError
        If the file is damaged or holds no 3D grey-scale stack.
    """
    import tifffile

    with _without_log_lines():
        try:
            with tifffile.TiffFile(path) as tiff:
                axes, sizes = _axes(path, _only_series(path, tiff))
                z, y, x = (sizes[axes.index(letter)] for letter in "ZYX")
                return z, y, x
        except Exception as error:  # damaged files raise almost anything inside the decoders
            raise unreadable(path, "TIFF", error) from error


@contextmanager
def _without_log_lines() -> Iterator[None]:
    log = logging.getLogger("tifffile")

    def drop(record: logging.LogRecord) -> bool:
        return False

    log.addFilter(drop)
    try:
        yield
    finally:
        log.removeFilter(drop)


def _check_pages(path: Path, tiff: Any) -> None:
    # tifffile leaves out pages it cannot find; a stack with a hole or without its end must not pass.
    layout, file = tiff.tiff, tiff.filehandle
    file.seek(4 if layout.offsetsize == 4 else 8)
    visited: set[int] = set()
    (offset,) = struct.unpack(layout.offsetformat, file.read(layout.offsetsize))
    while offset:
        if offset in visited or offset + layout.tagnosize > file.size:
            raise InputError(f"{path}: cut short or damaged after {len(visited)} pages; get the file again")
        visited.add(offset)
        file.seek(offset)
        (tags,) = struct.unpack(layout.tagnoformat, file.read(layout.tagnosize))
        file.seek(offset + layout.tagnosize + tags * layout.tagsize)
        (offset,) = struct.unpack(layout.offsetformat, file.read(layout.offsetsize))


def _only_series(path: Path, tiff: Any) -> Any:
    series = tiff.series
    if len(series) != 1:
        shapes = ", ".join(str(one.shape) for one in series[:3])
        raise InputError(f"{path}: holds {len(series)} images that differ ({shapes}); give one stack")
    return series[0]


def _axes(path: Path, series: Any) -> tuple[str, list[int]]:
    # A channel or time axis of length 1 does no harm.
    pairs = zip(series.axes, series.shape, strict=True)
    kept = [(letter, size) for letter, size in pairs if size > 1 or letter in "ZYX"]
    axes = "".join(letter for letter, _ in kept)
    for unnamed in "IQ":
        if "Z" not in axes and axes.count(unnamed) == 1:
            axes = axes.replace(unnamed, "Z")
    if sorted(axes) != ["X", "Y", "Z"]:
        found = [meaning for letter, meaning in _MEANING.items() if letter in axes] or [f"{len(axes)}D"]
        raise InputError(
            f"{path}: holds {' and '.join(found)}: axes {series.axes} of shape {tuple(series.shape)}; "
            "give one grey-scale stack with axes ZYX"
        )
    return axes, [size for _, size in kept]


def _check_segments(path: Path, series: Any) -> None:
    # A damaged header may claim sizes that would fill the memory with nothing.
    expansion = _PACKED if series.keyframe.compression == 1 else _COMPRESSED
    if series.nbytes > expansion * series.keyframe.parent.filehandle.size:
        raise InputError(
            f"{path}: damaged: too small for its shape {tuple(series.shape)}; get the file again"
        )
    for number, page in enumerate(series.pages):
        if page is None or not _is_whole(page):
            raise InputError(f"{path}: cut short: page {number} is not all there; get the file again")


def _is_whole(page: Any) -> bool:
    # tifffile fills what it does not find with zeros.
    offsets, counts = page.dataoffsets, page.databytecounts
    ends = [offset + count for offset, count in zip(offsets, counts, strict=False)]
    return 0 < len(ends) == len(offsets) == len(counts) and max(ends) <= page.parent.filehandle.size
