"""MRC2014.

The format has no unsigned bytes (its mode 0 is signed): uint8 is stored as uint16, mode 6, with the same
values, as the mrcfile library does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from a2ibench.data.formats.single_file_writer import ContiguousFile
from a2ibench.data.writing.journal import Notes
from a2ibench.data.writing.layout import Triple, Voxels

_ANGSTROM = 10.0
_LABEL = "a2ibench"
# Minimum, maximum and mean in the header, and the deviation.
_STATISTICS = (slice(76, 88), slice(216, 220))


class MrcFile(ContiguousFile):
    """A volume in MRC format, with its voxel size in angstrom and its statistics in the header."""

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Type of the voxels within the file."""
        dtype = self.layout.dtype
        return np.dtype(np.uint16) if dtype == np.uint8 else dtype

    def prepare(self) -> None:
        """Lay out the file: the header, and a hole for the voxels."""
        import mrcfile

        mode = mrcfile.utils.mode_from_dtype(self.stored_dtype)
        with mrcfile.new_mmap(self.path, self.layout.shape, mode, overwrite=True) as file:
            z, y, x = (size * _ANGSTROM for size in self.layout.voxel_size)
            file.set_volume()
            file.voxel_size = (x, y, z)
            # The library's own label holds the time, and no two files would be the same.
            file.header.label = b""
            file.header.label[0] = _LABEL
            file.header.nlabl = 1

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

    def write(self, start: Triple, array: Voxels) -> Notes:
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

    def finish(self, notes: Mapping[Triple, Notes]) -> None:
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
