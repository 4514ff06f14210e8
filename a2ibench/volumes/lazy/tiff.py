"""TIFF stacks: plain, ImageJ and OME."""

from __future__ import annotations

import logging
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from a2ibench.errors import InputError
from a2ibench.volumes.lazy.raw import RawArray
from a2ibench.volumes.lazy.source import Source
from a2ibench.volumes.lazy.tiff_pages import PagedArray
from a2ibench.volumes.lazy.tiff_voxel_size import voxel_size
from a2ibench.volumes.lazy.volume import LazyVolume
from a2ibench.volumes.stored import check_dtype

KIND = "TIFF"

# Bytes of voxels that a byte of file may stand for: packed bits, and the emptiest compressed stack.
_PACKED, _COMPRESSED = 8, 10_000
_MEANING = {"S": "colour", "C": "several channels", "T": "a time series"}


def open_source(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open the only image of a TIFF file, in the axis order that its metadata state.

    Raises
    ------
    InputError
        If the file is damaged or cut short, holds no 3D grey-scale stack, or `key` is given.
    """
    if key is not None:
        raise InputError(f"{source.text}: key is {key!r}, but a TIFF file holds no named datasets; remove it")
    with without_log_lines():
        tiff = opened(source, resources)
        _check_pages(source.text, tiff)
        series = only_series(source.text, tiff)
        check_dtype(series.dtype, source.text)
        names = _names(source.text, series)
        check_segments(source.text, series)
        array = _array(source, series, resources)
        return LazyVolume(
            array,
            names,
            source=source.text,
            kind=KIND,
            chunks=array.chunks,
            voxel_size=voxel_size(tiff),
            resources=resources,
        )


def opened(source: Source, resources: ExitStack) -> Any:
    """Return the file as tifffile opens it; closed with the resources."""
    import tifffile

    # tifffile follows the names of further files only where it knows the file's own.
    place = source.path or resources.enter_context(source.open())
    return resources.enter_context(tifffile.TiffFile(place, name=None if source.path else source.name))


@contextmanager
def without_log_lines() -> Iterator[None]:
    """Keep tifffile from logging, in this thread, what is raised as an error anyway."""
    log, thread = logging.getLogger("tifffile"), threading.get_ident()

    def drop(record: logging.LogRecord) -> bool:
        return threading.get_ident() != thread

    log.addFilter(drop)
    try:
        yield
    finally:
        log.removeFilter(drop)


def _array(source: Source, series: Any, resources: ExitStack) -> PagedArray | RawArray:
    offset = series.dataoffset
    if offset is None or series.is_multifile:
        return PagedArray(series, source.text)
    dtype = np.dtype(series.dtype).newbyteorder(series.keyframe.parent.byteorder)
    return RawArray(source, int(offset), tuple(series.shape), dtype, resources)


def _check_pages(path: str, tiff: Any) -> None:
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


def only_series(path: str, tiff: Any) -> Any:
    """Return the only image of a file.

    Raises
    ------
    InputError
        If there are several.
    """
    series = tiff.series
    if len(series) != 1:
        shapes = ", ".join(str(one.shape) for one in series[:3])
        raise InputError(f"{path}: holds {len(series)} images that differ ({shapes}); give one stack")
    return series[0]


def _names(path: str, series: Any) -> tuple[str, ...]:
    # A channel or time axis of length 1 does no harm.
    kept = "".join(
        letter for letter, size in zip(series.axes, series.shape, strict=True) if size > 1 or letter in "ZYX"
    )
    names = series.axes
    for unnamed in "IQ":
        if "Z" not in names and kept.count(unnamed) == 1:
            at = next(i for i, letter in enumerate(names) if letter == unnamed and series.shape[i] > 1)
            names = f"{names[:at]}Z{names[at + 1 :]}"
            kept = kept.replace(unnamed, "Z")
    if sorted(kept) != ["X", "Y", "Z"]:
        found = [meaning for letter, meaning in _MEANING.items() if letter in kept] or [f"{len(kept)}D"]
        raise InputError(
            f"{path}: holds {' and '.join(found)}: axes {series.axes} of shape {tuple(series.shape)}; "
            "give one grey-scale stack with axes ZYX"
        )
    return tuple(names.lower())


def check_segments(path: str, series: Any) -> None:
    """Accept images whose voxels are all in the file.

    Raises
    ------
    InputError
        If a page is cut short, or the header claims more voxels than the file can hold.
    """
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
