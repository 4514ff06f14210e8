"""Voxels at known places of a file, written past the library that laid the file out.

A library that is killed while it holds a file open may leave it broken, and a memory map of a file on a
full disk kills the process. Plain writes to places fixed beforehand can do neither: the file is laid out
once, with holes for the voxels, and a block that was cut short is simply written again.
"""

from __future__ import annotations

import math
import os
import shutil
import threading
from pathlib import Path

import numpy as np

from a2ibench.data.writing.layout import Voxels
from a2ibench.errors import InputError

_GIB = 2**30
# Of what is all alike a thousandth may be left; no tissue is.
_COMPRESSED = 1000


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


def check_possible(output: Path, size: int) -> None:
    """Accept an output that the disk may hold, if it compresses as well as nothing does.

    Parameters
    ----------
    output : Path
        The output, in an existing folder.
    size : int
        Bytes of its voxels.

    Raises
    ------
    InputError
        If it is beyond that: the header of the input claims more voxels than there can be.
    """
    whole = shutil.disk_usage(output.absolute().parent).total
    if size > _COMPRESSED * whole:
        raise InputError(
            f"{output}: its voxels would take {size / _GIB:.3g} GiB, but the disk has {_gib(whole)} GiB in "
            "all; give a crop, or an input that is not so large"
        )


def check_space(file: Path, output: Path) -> None:
    """Accept a file laid out with holes if the disk has room to fill them.

    Parameters
    ----------
    file : Path
        The file.
    output : Path
        What it is to become, for the message.

    Raises
    ------
    InputError
        If it has not; says how much is missing.
    """
    state = file.stat()
    holes = state.st_size - 512 * getattr(state, "st_blocks", 0)
    free = shutil.disk_usage(file.parent).free
    if holes > free:
        raise InputError(
            f"{output}: needs {_gib(holes)} GiB more, but the disk has {_gib(free)} GiB free; "
            "free some space, or write elsewhere"
        )


def _gib(size: int) -> str:
    return f"{math.ceil(size / _GIB * 1000) / 1000:.3f}"
