"""Files that hold voxels one after another, without compression, and NumPy arrays among them."""

from __future__ import annotations

import io
import logging
import math
import mmap
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats.axes import assumed_axes
from a2ibench.data.formats.metadata import axis_order, check_sizes
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume
from a2ibench.errors import InputError, counted

_log = logging.getLogger("a2ibench")

# Bytes that are mapped at once. What is mapped counts as memory in use, so it is never the whole file.
_MAPPED = 2**24
# Bytes of a remote file that are fetched at once: not much more than is wanted, but no tiny pieces either.
_FETCHED, _WASTE, _SMALL = 2**24, 4, 2**16


class RawArray:
    """An array at an offset of a file, of which a block takes memory only while it is copied.

    Parameters
    ----------
    source : Source
        The file; mapped piece by piece where it is local, else read by ranges of bytes.
    offset : int
        Bytes before the first voxel.
    shape : tuple of int
        Voxels along each stored axis, the last varying fastest.
    dtype : numpy.dtype
        Of any byte order.
    resources : contextlib.ExitStack
        Closes the file.

    Raises
    ------
    InputError
        If the file is shorter than that.
    """

    def __init__(
        self, source: Source, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], resources: ExitStack
    ) -> None:
        check_sizes(shape, source.text)
        self.shape, self.dtype = shape, dtype
        self._source, self._offset = source, offset
        self.where = source.text
        self._strides = tuple(math.prod(shape[axis + 1 :]) * dtype.itemsize for axis in range(len(shape)))
        self._file = resources.enter_context(source.open())
        self._check_size()

    @property
    def chunks(self) -> tuple[int, ...]:
        """Voxels that come from the disk together: a page of memory, along the last axis."""
        return (1,) * (len(self.shape) - 1) + (max(1, mmap.PAGESIZE // self.dtype.itemsize),)

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        # Reading a map of a file that was cut short meanwhile would end the process.
        self._check_size()
        out = np.empty([part.stop - part.start for part in block], self.dtype)
        self._copy([part.start for part in block], out)
        return out

    def behind(self, most: int) -> tuple[int, bytes]:
        """Return how many bytes lie behind the voxels, and up to `most` of the first ones."""
        stop = self._offset + self._nbytes
        size = self._file.seek(0, 2) - stop
        self._file.seek(stop)
        return size, self._file.read(min(size, most))

    @property
    def _nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    def _check_size(self) -> None:
        needed = self._nbytes
        there = max(self._file.seek(0, 2) - self._offset, 0)
        if self._offset < 0 or there < needed:
            raise InputError(
                f"{self._source.text}: cut short: {there} of {needed} bytes of voxels are there; "
                "get the file again"
            )

    def _copy(self, starts: Sequence[int], out: NDArray[Any]) -> None:
        """Copy a block, in halves for as long as it is spread over too much of the file."""
        steps = zip(out.shape, self._strides, strict=True)
        span = sum((size - 1) * step for size, step in steps) + self.dtype.itemsize
        if span <= self._limit(out.nbytes):
            self._copy_span(starts, out, span)
            return
        axis = next(axis for axis, size in enumerate(out.shape) if size > 1)
        half = out.shape[axis] // 2
        first, second = np.split(out, [half], axis)
        self._copy(starts, first)
        self._copy([*starts[:axis], starts[axis] + half, *starts[axis + 1 :]], second)

    def _limit(self, wanted: int) -> int:
        return _MAPPED if self._source.path is not None else max(_SMALL, min(_FETCHED, _WASTE * wanted))

    def _copy_span(self, starts: Sequence[int], out: NDArray[Any], span: int) -> None:
        at = self._offset + sum(start * step for start, step in zip(starts, self._strides, strict=True))
        if self._source.path is None:
            self._file.seek(at)
            out[...] = np.ndarray(out.shape, self.dtype, self._file.read(span), 0, self._strides)
            return
        before = at % mmap.ALLOCATIONGRANULARITY
        with mmap.mmap(
            self._file.fileno(), before + span, access=mmap.ACCESS_READ, offset=at - before
        ) as mapped:
            out[...] = np.ndarray(out.shape, self.dtype, mapped, before, self._strides)


_MOST_PADDING = 2**16


def check_end(array: RawArray, described: str) -> None:
    """Accept files that end with their voxels, or with up to 64 KiB of zeros, which is said.

    Parameters
    ----------
    array : RawArray
        The voxels.
    described : str
        What the header states, for the message.

    Raises
    ------
    InputError
        If more lies there, for then the header may be another file's.
    """
    size, content = array.behind(_MOST_PADDING)
    if size > _MOST_PADDING or any(content):
        raise InputError(
            f"{array.where}: holds {counted(size, 'byte')} more than its header says: "
            f"{array.dtype.name} voxels {described}; correct the header, or store one volume again"
        )
    if size:
        _log.warning(
            "%s: %s of zeros behind its voxels are taken for padding", array.where, counted(size, "byte")
        )


# numpy itself refuses headers above 10,000 characters.
_LARGEST_NPY_HEADER = 2**14


def open_npy(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open a ``.npy`` file; its axes are z, y, x, after any of length 1.

    Raises
    ------
    InputError
        If the file holds no volume of numbers, is of another size than it says, or `key` is given.
    """
    if key is not None:
        raise InputError(f"{source.text}: key is {key!r}, but a NumPy file holds one array; remove it")
    # Read apart, so that of a remote file no more is fetched for it.
    file = io.BytesIO(source.read(0, _LARGEST_NPY_HEADER) or b"")
    shape, fortran, dtype = _npy_header(file)
    offset = file.tell()
    if dtype.hasobject:
        raise InputError(f"{source.text}: holds Python objects; save an array of numbers")
    names = assumed_axes(shape)
    if fortran:
        shape, names = shape[::-1], names[::-1]
    axis_order(names, shape, source.text)
    array = RawArray(source, offset, shape, dtype, resources)
    check_end(array, f"of shape {shape}")
    return LazyVolume(
        array, names, source=source.text, kind="NumPy", chunks=array.chunks, resources=resources
    )


def _npy_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)
