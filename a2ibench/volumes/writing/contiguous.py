"""Files that hold all voxels one after another."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.volumes.writing.journal import Notes
from a2ibench.volumes.writing.layout import Layout, Triple, Voxels
from a2ibench.volumes.writing.one_file import OneFile
from a2ibench.volumes.writing.raw import RawFile, gathered

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
        _, ny, nx = array.shape
        # What lies together in the file: a row of the block, or all of a plane's if they are whole rows.
        length = (ny * nx if nx == width else nx) * dtype.itemsize
        for z, plane in enumerate(array, start=start[0]):
            data = gathered(plane.astype(dtype, copy=False))
            offset = self._offset + ((z * height + start[1]) * width + start[2]) * dtype.itemsize
            for row, first in enumerate(range(0, len(data), length)):
                file.write(data[first : first + length], offset + row * width * dtype.itemsize)
        return {}
