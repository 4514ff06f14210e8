"""Voxels that lie in a file one after another, without compression."""

from __future__ import annotations

import math
import mmap
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats import axes
from a2ibench.data.formats.source import Source
from a2ibench.errors import InputError

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
        axes.check_sizes(shape, source.text)
        self.shape, self.dtype = shape, dtype
        self._source, self._offset = source, offset
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

    def _check_size(self) -> None:
        needed = math.prod(self.shape) * self.dtype.itemsize
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
