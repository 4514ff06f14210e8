"""Stacks that are spread over files, each opened when it is read."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats.photometric import Notice
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume, unreadable
from a2ibench.errors import InputError, counted


class Plane(NamedTuple):
    """Where a slice is: a file, and which of its pages; None where it has to be the only one."""

    file: Source
    page: int | None = None


# Any array (y, x) with chunks.
OpenSlice = Callable[[Source, int | None, Notice, ExitStack], Any]


class SliceStack:
    """Slices of one shape and dtype, (z, y, x), of which one is in memory at a time.

    Parameters
    ----------
    planes : sequence of Plane
        From the first slice to the last.
    open_slice : callable
        Opens a slice, given its file, its page, what is told of annotations, and what closes it.
    kind : str
        The files' format in messages.
    notice : Notice
        Told of annotations in colour.

    Raises
    ------
    InputError
        If the first slice is no grey-scale image, or damaged.
    """

    def __init__(self, planes: Sequence[Plane], open_slice: OpenSlice, kind: str, notice: Notice) -> None:
        self._planes, self._open_slice, self._kind, self._notice = planes, open_slice, kind, notice
        with self._slice(planes[0]) as first:
            self._plane: tuple[int, ...] = tuple(first.shape)
            self.dtype: np.dtype[Any] = first.dtype.newbyteorder("=")
            self.chunks: tuple[int, ...] = (1, *first.chunks)
        self.shape = (len(planes), *self._plane)

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        numbers, *region = block
        sizes = [part.stop - part.start for part in region]
        out = np.empty((numbers.stop - numbers.start, *sizes), self.dtype)
        for row, plane in enumerate(self._planes[numbers]):
            with self._slice(plane) as array:
                if array.shape != self._plane or array.dtype != self.dtype:
                    raise InputError(
                        f"{plane.file.text}: {array.shape} {array.dtype.name}, but "
                        f"{self._planes[0].file.name} is {self._plane} {self.dtype.name}; give slices alike"
                    )
                out[row] = array[tuple(region)]
        return out

    @contextmanager
    def _slice(self, plane: Plane) -> Iterator[Any]:
        """Open one slice; what goes wrong while it is open is an error of its file."""
        try:
            with ExitStack() as resources:
                yield self._open_slice(plane.file, plane.page, self._notice, resources)
        except InputError:
            raise
        except Exception as error:  # damaged files raise almost anything inside the decoders
            raise unreadable(plane.file.text, self._kind, error) from error


# A stack, given its file, what is told of annotations, and what closes it.
OpenStack = Callable[[Source, Notice, ExitStack], LazyVolume]


class PartStack:
    """Stacks one behind the other, (z, y, x), each opened when some of it is read.

    Parameters
    ----------
    files : sequence of Source
        From the first part to the last.
    open_stack : callable
        Opens a part.
    notice : Notice
        Told of annotations in colour.

    Raises
    ------
    InputError
        If the parts differ in slices, dtype or voxel size, or one is no stack.
    """

    def __init__(self, files: Sequence[Source], open_stack: OpenStack, notice: Notice) -> None:
        self._files, self._open_stack, self._notice = files, open_stack, notice
        self._starts = [0]
        for file in files:
            with self._part(file) as part:
                if file is files[0]:
                    self.dtype, self.chunks = part.dtype, part.chunks
                    self.voxel_size, plane = part.voxel_size, part.shape[1:]
                # A part of one slice tells no voxel size.
                found = (part.shape[1:], part.dtype.name, part.voxel_size or self.voxel_size)
                first = (plane, self.dtype.name, self.voxel_size)
                if found != first:
                    told = [
                        f"slices of {one} {dtype}, voxel size {size}" for one, dtype, size in (found, first)
                    ]
                    raise InputError(
                        f"{file.text}: {told[0]}, but {files[0].name}: {told[1]}; give parts alike"
                    )
                self._starts.append(self._starts[-1] + part.shape[0])
        self.shape = (self._starts[-1], *plane)
        self._check_counts()

    def _check_counts(self) -> None:
        # Of a stack that was cut into parts the last one alone may be shorter.
        counts = [stop - start for start, stop in itertools.pairwise(self._starts)]
        for number, (file, count) in enumerate(zip(self._files, counts, strict=True)):
            if count > counts[0] or (count < counts[0] and number + 1 < len(counts)):
                raise InputError(
                    f"{file.text}: holds {counted(count, 'slice')}, but {self._files[0].name} {counts[0]}; "
                    "give slices of one grey-scale image each, or parts of as many"
                )

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        z, y, x = block
        out = np.empty([part.stop - part.start for part in block], self.dtype)
        for file, start, stop in zip(self._files, self._starts[:-1], self._starts[1:], strict=True):
            first, last = max(start, z.start), min(stop, z.stop)
            if first < last:
                with self._part(file) as part:
                    out[first - z.start : last - z.start] = part[first - start : last - start, y, x]
        return out

    @contextmanager
    def _part(self, file: Source) -> Iterator[LazyVolume]:
        with ExitStack() as resources:
            yield self._open_stack(file, self._notice, resources)
