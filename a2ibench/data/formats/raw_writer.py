"""MRC, and what single files have in common: voxels at known places, written past the library.

A library that is killed while it holds a file open may leave it broken, and a memory map of a file on a
full disk kills the process. Plain writes to places fixed beforehand can do neither: the file is laid out
once, with holes for the voxels, and a block that was cut short is simply written again.
"""

from __future__ import annotations

import math
import os
import textwrap
import threading
import zlib
from abc import abstractmethod
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from a2ibench.data.writing.layout import ZYX, Layout, Notes, Target, Voxels, block_at, clipped
from a2ibench.files import flush_all


class RawFile:
    """An open file of a known size, for writing at any place, from any thread.

    Parameters
    ----------
    path : Path
        An existing file.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        self._seeking = threading.Lock()

    def write(self, data: memoryview, offset: int) -> None:
        """Write bytes at `offset`."""
        while data:
            written = self._write_some(data, offset)
            data, offset = data[written:], offset + written

    def read(self, length: int, offset: int) -> bytes:
        """Return the bytes at `offset`, fewer where the file ends."""
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, length, offset)
        with self._seeking:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.read(self._descriptor, length)

    def flush(self) -> None:
        """Wait until everything written is on the disk."""
        os.fsync(self._descriptor)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _write_some(self, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._descriptor, data, offset)
        # Windows has no write that takes a place.
        with self._seeking:
            os.lseek(self._descriptor, offset, os.SEEK_SET)
            return os.write(self._descriptor, data)


def gathered(array: Voxels) -> memoryview:
    """Return the bytes of an array in C order."""
    if array.strides[-1] == array.itemsize:
        # Row by row, which takes half as long as voxel by voxel.
        array = array.view(np.dtype((np.void, array.shape[-1] * array.itemsize)))
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


class OneFile(Target):
    """A file that is laid out once, and whose voxels are then written in their places.

    Parameters
    ----------
    path : Path
        The file.
    layout : Layout
        The volume.
    block : tuple of int
        Voxels (z, y, x) that are written together, where the volume is that large.
    """

    shared: ClassVar[bool] = False

    def __init__(self, path: Path, layout: Layout, block: ZYX) -> None:
        self.path, self.layout = path, layout
        self.block = clipped(block, layout.shape)
        self._file: RawFile | None = None

    def await_shown(self, blocks: Collection[ZYX], seconds: float) -> None:
        """Do nothing: one process alone writes it."""

    def tidy(self, kept: Collection[ZYX]) -> None:
        """Do nothing: what a block left behind is written over."""

    def flush(self) -> None:
        """Wait until everything written so far is on the disk."""
        self._opened().flush()

    def finish(self, notes: Mapping[ZYX, Notes]) -> None:
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
    def file_dtype(self) -> np.dtype[Any]:
        """Type of the voxels within the file."""
        return self.layout.dtype

    @abstractmethod
    def find_voxels(self) -> int:
        """Return the bytes before the first voxel."""

    def open(self) -> None:
        """Get ready to write blocks."""
        self._offset = self.find_voxels()
        self._file = RawFile(self.path)

    def write(self, start: ZYX, array: Voxels) -> Notes:
        """Write one block."""
        file, dtype, (_, height, width) = self._opened(), self.file_dtype, self.layout.shape
        length, checksum = self._together(array.shape), 0
        for z, plane in enumerate(array, start=start[0]):
            data = gathered(plane.astype(dtype, copy=False))
            checksum = zlib.crc32(data, checksum)
            offset = self._offset + ((z * height + start[1]) * width + start[2]) * dtype.itemsize
            for row, first in enumerate(range(0, len(data), length)):
                file.write(data[first : first + length], offset + row * width * dtype.itemsize)
        return {"crc32": checksum}

    def checksum(self, start: ZYX) -> int:
        """Return the checksum of a block as it is stored now."""
        file, itemsize, (_, height, width) = self._opened(), self.file_dtype.itemsize, self.layout.shape
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
            file.seek(first + math.prod(self.layout.shape) * self.file_dtype.itemsize)
            return zlib.crc32(f"{first} {self.path.stat().st_size}".encode() + head + file.read())

    def unchanging(self, head: bytes) -> bytes:
        """Return what lies before the first voxel, without what is only known in the end."""
        return head

    def _together(self, shape: tuple[int, ...]) -> int:
        """Return bytes that lie together: a row of the block, or all of a plane's if they are whole rows."""
        _, ny, nx = shape
        return (ny * nx if nx == self.layout.shape[2] else nx) * self.file_dtype.itemsize


_ANGSTROM = 10.0
_LABEL = "a2ibench"
# The header has so many labels, of so many characters.
_LABELS, _CHARACTERS = 10, 80
_NO_BREAK = "\xa0"
# Minimum, maximum and mean in the header, and the deviation.
_STATISTICS = (slice(76, 88), slice(216, 220))


class MrcFile(ContiguousFile):
    """A volume in MRC2014, with its voxel size in angstrom and its statistics in the header.

    The format has no unsigned bytes (its mode 0 is signed): uint8 is written as uint16, mode 6, with the same
    values, as the mrcfile library does. Of the history its labels hold what has room, the first entries.
    """

    @property
    def file_dtype(self) -> np.dtype[Any]:
        """Type of the voxels within the file."""
        dtype = self.layout.dtype
        return np.dtype(np.uint16) if dtype == np.uint8 else dtype

    def prepare(self) -> None:
        """Lay out the file: the header, and a hole for the voxels."""
        import mrcfile

        mode = mrcfile.utils.mode_from_dtype(self.file_dtype)
        with mrcfile.new_mmap(self.path, self.layout.shape, mode, overwrite=True) as file:
            z, y, x = (size * _ANGSTROM for size in self.layout.voxel_size)
            file.set_volume()
            file.voxel_size = (x, y, z)
            # The library's own label holds the time, and no two files would be the same.
            file.header.label = b""
            for number, label in enumerate(labels := _labels(self.layout.history)):
                file.header.label[number] = label
            file.header.nlabl = len(labels)

    def find_voxels(self) -> int:
        """Return the bytes before the first voxel."""
        import mrcfile

        with mrcfile.open(self.path, mode="r", header_only=True) as file:
            return int(file.header.nbytes + file.header.nsymbt)

    def unchanging(self, head: bytes) -> bytes:
        """Return the header without the statistics."""
        for part in _STATISTICS:
            head = head[: part.start] + bytes(part.stop - part.start) + head[part.stop :]
        return head

    def write(self, start: ZYX, array: Voxels) -> Notes:
        """Write one block; return its statistics."""
        notes = super().write(start, array)
        total = squares = 0.0
        for plane in array:
            wide = plane.astype(np.float64)
            total += float(wide.sum())
            squares += float(np.einsum("ij,ij->", wide, wide))
        statistics = {
            "min": float(array.min()),
            "max": float(array.max()),
            "sum": total,
            "squares": squares,
        }
        return {**notes, **statistics}

    def finish(self, notes: Mapping[ZYX, Notes]) -> None:
        """Write the statistics, and flush the file."""
        import mrcfile

        count = math.prod(self.layout.shape)
        mean = math.fsum(note["sum"] for note in notes.values()) / count
        variance = math.fsum(note["squares"] for note in notes.values()) / count - mean**2
        with mrcfile.mmap(self.path, mode="r+") as file:
            file.header.dmin = min(note["min"] for note in notes.values())
            file.header.dmax = max(note["max"] for note in notes.values())
            file.header.dmean = mean
            file.header.rms = math.sqrt(max(variance, 0.0))
        super().finish(notes)


def _labels(history: Mapping[str, Any]) -> list[str]:
    text = " ".join(_unbroken(f"{name}: {value};") for name, value in _flattened(history)) or _LABEL
    lines = textwrap.wrap(text, _CHARACTERS, max_lines=_LABELS, placeholder=" ...", break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in lines]


def _unbroken(entry: str) -> str:
    """Return an entry in ASCII that stays in one line, where there is room for that."""
    text = entry.encode("ascii", "backslashreplace").decode()
    return text.replace(" ", _NO_BREAK) if len(text) <= _CHARACTERS else text


def _flattened(history: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in history.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{above}{name}.")
        elif value is not None:
            yield f"{above}{name}", value
