"""Outputs that are a single file which holds all voxels one after another."""

from __future__ import annotations

import math
import zlib
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.data.writing.journal import Notes
from a2ibench.data.writing.layout import Layout, Triple, Voxels, block_at, clipped
from a2ibench.data.writing.raw import RawFile, gathered
from a2ibench.files import flush_all


class OneFile(ABC):
    """A file that is laid out once, and whose voxels are then written in their places; see `Target`.

    Parameters
    ----------
    path : Path
        The file.
    layout : Layout
        The volume.
    block : tuple of int
        Voxels (z, y, x) that are written together, where the volume is that large.
    """

    def __init__(self, path: Path, layout: Layout, block: Triple) -> None:
        self.path, self.layout = path, layout
        self.block = clipped(block, layout.shape)
        self._file: RawFile | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Lay out the file, with holes for the voxels."""

    @abstractmethod
    def open(self) -> None:
        """Get ready to write blocks."""

    @abstractmethod
    def write(self, start: Triple, array: Voxels) -> Notes:
        """Write one block."""

    @abstractmethod
    def frame(self) -> int:
        """Return a checksum of all but the voxels."""

    @abstractmethod
    def checksum(self, start: Triple) -> int:
        """Return the checksum of a block as it is stored now."""

    def tidy(self, kept: Collection[Triple]) -> None:  # noqa: B027  (nothing is the rule for single files)
        """Do nothing: what a block left behind is written over."""

    def flush(self) -> None:
        """Wait until everything written so far is on the disk."""
        self._opened().flush()

    def finish(self, notes: Mapping[Triple, Notes]) -> None:
        """Flush the file."""
        flush_all([self.path])

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> RawFile:
        if self._file is None:
            raise ValueError(f"{self.path} is not open")
        return self._file


# Whole rows, in nearly all volumes: then the rows of a block lie together in each plane, and are written at
# once. Rows of 1 KiB, one by one, take five times as long.
_ROWS = (64, 128, 4096)
_COLUMNS = (64, 128, 256)


class ContiguousFile(OneFile):
    """Writes blocks to a file whose voxels begin at some offset.

    Parameters
    ----------
    path : Path
        The file.
    layout : Layout
        The volume.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        super().__init__(path, layout, _ROWS if layout.rows else _COLUMNS)
        self._offset = 0

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Type of the voxels within the file."""
        return self.layout.dtype

    @abstractmethod
    def find_voxels(self) -> int:
        """Return the bytes before the first voxel."""

    def open(self) -> None:
        """Get ready to write blocks."""
        self._offset = self.find_voxels()
        self._file = RawFile(self.path)

    def write(self, start: Triple, array: Voxels) -> Notes:
        """Write one block."""
        file, dtype, (_, height, width) = self._opened(), self.stored_dtype, self.layout.shape
        length, checksum = self._together(array.shape), 0
        for z, plane in enumerate(array, start=start[0]):
            data = gathered(plane.astype(dtype, copy=False))
            checksum = zlib.crc32(data, checksum)
            offset = self._offset + ((z * height + start[1]) * width + start[2]) * dtype.itemsize
            for row, first in enumerate(range(0, len(data), length)):
                file.write(data[first : first + length], offset + row * width * dtype.itemsize)
        return {"crc32": checksum}

    def checksum(self, start: Triple) -> int:
        """Return the checksum of a block as it is stored now."""
        file, itemsize, (_, height, width) = self._opened(), self.stored_dtype.itemsize, self.layout.shape
        shape = block_at(start, self.block, self.layout.shape)
        length, checksum = self._together(shape), 0
        for z in range(start[0], start[0] + shape[0]):
            offset = self._offset + ((z * height + start[1]) * width + start[2]) * itemsize
            for row in range(shape[1] * shape[2] * itemsize // length):
                checksum = zlib.crc32(file.read(length, offset + row * width * itemsize), checksum)
        return checksum

    def frame(self) -> int:
        """Return a checksum of all but the voxels."""
        first = self.find_voxels()
        with self.path.open("rb") as file:
            head = self.unchanging(file.read(first))
            file.seek(first + math.prod(self.layout.shape) * self.stored_dtype.itemsize)
            return zlib.crc32(f"{first} {self.path.stat().st_size}".encode() + head + file.read())

    def unchanging(self, head: bytes) -> bytes:
        """Return what lies before the first voxel, without what is only known in the end."""
        return head

    def _together(self, shape: tuple[int, ...]) -> int:
        """Return bytes that lie together: a row of the block, or all of a plane's if they are whole rows."""
        _, ny, nx = shape
        return (ny * nx if nx == self.layout.shape[2] else nx) * self.stored_dtype.itemsize
