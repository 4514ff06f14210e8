"""TIFF stacks, plain, ImageJ and OME, and folders of slices; only strips and tiles touched are decoded."""

from __future__ import annotations

import itertools
import logging
import math
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats.metadata import tiff_voxel_size
from a2ibench.data.formats.raw import RawArray
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume, check_dtype, unreachable, unreadable
from a2ibench.errors import InputError

# (depth, length, width)
Size = tuple[int, int, int]


class PagedArray:
    """The image of a TIFF series, page by page and segment by segment.

    Parameters
    ----------
    series : tifffile.TiffPageSeries
        Of pages alike, of one sample a pixel.
    where : str
        The file's name in messages.

    Raises
    ------
    InputError
        If the pages do not make up the image, or are compressed in an unknown way.
    """

    def __init__(self, series: Any, where: str) -> None:
        keyframe = series.keyframe
        _check_compression(keyframe, where)
        self._where = where
        self.shape: tuple[int, ...] = tuple(series.shape)
        self.dtype = np.dtype(series.dtype)
        self._pages, self._keyframe = series.pages, keyframe
        separate, depth, length, width, samples = keyframe.shaped
        count, page = len(series.pages), depth * length * width
        leading = [at for at in range(len(self.shape) + 1) if math.prod(self.shape[:at]) == count]
        if separate * samples != 1 or not leading or math.prod(self.shape) != count * page:
            raise InputError(
                f"{where}: {count} pages of shape {tuple(keyframe.shape)} do not make an "
                f"image of shape {self.shape}; get the file again"
            )
        self._leading = leading[-1] if depth == 1 else leading[0]
        self._size: Size = (depth, length, width)
        self._segment = _segment_size(keyframe)
        self._grid: Size = (
            math.ceil(depth / self._segment[0]),
            math.ceil(length / self._segment[1]),
            math.ceil(width / self._segment[2]),
        )

    @property
    def chunks(self) -> tuple[int, ...]:
        """Voxels that are decoded together, along each stored axis."""
        inner = len(self.shape) - self._leading
        sizes = self._segment[max(3 - inner, 0) :]
        return (1,) * (len(self.shape) - len(sizes)) + tuple(sizes)

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        sizes = [part.stop - part.start for part in block]
        out = np.empty(sizes, self.dtype)
        outer, inner = block[: self._leading], block[self._leading :]
        region = self._region(inner)
        pages = itertools.product(*(range(part.start, part.stop) for part in outer))
        flat = out.reshape(-1, *(part.stop - part.start for part in region))
        for number, index in enumerate(pages):
            page = self._pages[int(np.ravel_multi_index(index, self.shape[: self._leading])) if index else 0]
            self._read(page, region, flat[number])
        return out

    def _region(self, inner: tuple[slice, ...]) -> tuple[slice, slice, slice]:
        # The axes of a page that the series shows, without some of those of length 1.
        shown = [
            (part, size) for part, size in zip(inner, self.shape[self._leading :], strict=True) if size > 1
        ]
        region = (shown.pop(0)[0] if size > 1 and shown else slice(0, 1) for size in self._size)
        depth, length, width = region
        return depth, length, width

    def _read(self, page: Any, region: tuple[slice, slice, slice], out: NDArray[Any]) -> None:
        touched = [
            range(part.start // size, (part.stop - 1) // size + 1)
            for part, size in zip(region, self._segment, strict=True)
        ]
        indices = [int(np.ravel_multi_index(at, self._grid)) for at in itertools.product(*touched)]
        keyframe, file = self._keyframe, page.parent.filehandle
        options = {}
        if keyframe.compression in (6, 7, 34892, 33007):
            options = {"jpegtables": page.jpegtables, "jpegheader": keyframe.jpegheader}
        offsets = [page.dataoffsets[index] for index in indices]
        counts = [page.databytecounts[index] for index in indices]
        for content, index in file.read_segments(offsets, counts, indices=indices):
            decoded, (_, *start, _), shape = keyframe.decode(content, index, **options)
            if decoded is None:
                raise InputError(f"{self._where}: page {page.index}: segment {index} is missing")
            found = decoded[..., 0]
            inside, outside = [], []
            for begin, length, part in zip(start, shape, region, strict=False):
                first, last = max(begin, part.start), min(begin + length, part.stop)
                inside.append(slice(first - begin, last - begin))
                outside.append(slice(first - part.start, last - part.start))
            out[tuple(outside)] = found[tuple(inside)]


def _segment_size(keyframe: Any) -> Size:
    _, _, length, width, _ = keyframe.shaped
    if keyframe.is_tiled:
        return keyframe.tiledepth, keyframe.tilelength, keyframe.tilewidth
    return 1, min(keyframe.rowsperstrip, length), width


def _check_compression(keyframe: Any, where: str) -> None:
    import tifffile

    try:
        tifffile.TIFF.DECOMPRESSORS[keyframe.compression]
    except KeyError:
        raise InputError(
            f"{where}: unknown compression {int(keyframe.compression)}; store it again, for "
            "example as zstd or zlib"
        ) from None


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
        tiff = _opened(source, resources)
        _check_pages(source.text, tiff)
        series = _only_series(source.text, tiff)
        check_dtype(series.dtype, source.text)
        names = _names(source.text, series)
        _check_segments(source.text, series)
        array = _array(source, series, resources)
        return LazyVolume(
            array,
            names,
            source=source.text,
            kind=KIND,
            chunks=array.chunks,
            voxel_size=tiff_voxel_size(tiff),
            resources=resources,
        )


def _opened(source: Source, resources: ExitStack) -> Any:
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


def _only_series(path: str, tiff: Any) -> Any:
    """Return the only image of a file."""
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


def _check_segments(path: str, series: Any) -> None:
    """Accept images whose voxels are all in the file."""
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


def open_folder(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open a folder of slices as a stack, in the order of the numbers in their names.

    Raises
    ------
    InputError
        If a slice differs from the first, is damaged, or is no grey-scale image; names it.
    """
    if key is not None:
        raise InputError(f"{source.text}: key is {key!r}, but a folder of slices is one volume; remove it")
    array = _SliceFolder(source, slice_names(source))
    return LazyVolume(
        array,
        ("z", "y", "x"),
        source=source.text,
        kind=KIND,
        chunks=(1, *array.chunks),
        resources=resources,
    )


def slice_names(source: Source) -> list[str]:
    """Return the names of the TIFF files in a folder, 9 before 10.

    Raises
    ------
    InputError
        If the folder cannot be listed.
    """
    try:
        found = source.filesystem.ls(source.place, detail=False)
    except FileNotFoundError:
        return []
    except Exception as error:
        raise unreachable(source.text, error) from error
    names = (str(name).replace("\\", "/").rstrip("/").rpartition("/")[2] for name in found)
    # Names that start with a dot are those of copies that macOS leaves.
    slices = (name for name in names if name.lower().endswith((".tif", ".tiff")) and name[0] != ".")
    return sorted(slices, key=_natural)


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts], name


class _SliceFolder:
    """Images of one shape and dtype, each opened when it is read."""

    def __init__(self, source: Source, names: list[str]) -> None:
        if not names:
            raise InputError(f"{source.text}: holds no slices; give a folder of .tif files")
        self._source, self._names = source, names
        with self._slice(names[0]) as first:
            self._plane, self.dtype, self.chunks = first.shape, first.dtype, first.chunks
        self.shape = (len(names), *self._plane)

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        numbers, *region = block
        sizes = [part.stop - part.start for part in region]
        out = np.empty((numbers.stop - numbers.start, *sizes), self.dtype)
        for row, name in enumerate(self._names[numbers]):
            with self._slice(name) as array:
                if array.shape != self._plane or array.dtype != self.dtype:
                    raise InputError(
                        f"{(self._source / name).text}: {array.shape} {array.dtype.name}, but "
                        f"{self._names[0]} is {self._plane} {self.dtype.name}; give slices alike"
                    )
                out[row] = array[tuple(region)]
        return out

    @contextmanager
    def _slice(self, name: str) -> Iterator[PagedArray]:
        """Open one slice; what goes wrong while it is open is an error of its file."""
        file = self._source / name
        try:
            with ExitStack() as resources, without_log_lines():
                series = _only_series(file.text, _opened(file, resources))
                check_dtype(series.dtype, file.text)
                _check_segments(file.text, series)
                array = PagedArray(series, file.text)
                if len(array.shape) != 2:
                    raise InputError(
                        f"{file.text}: shape {array.shape}; give slices of one grey-scale image each"
                    )
                yield array
        except InputError:
            raise
        except Exception as error:  # damaged files raise almost anything inside the decoders
            raise unreadable(file.text, KIND, error) from error
