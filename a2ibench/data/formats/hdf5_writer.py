"""HDF5: one chunked dataset."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import decimal_spacing
from a2ibench.data.formats.raw_writer import OneFile, RawFile, gathered
from a2ibench.data.writing.layout import (
    HISTORY_KEY,
    ZYX,
    Layout,
    Notes,
    Voxels,
    block_at,
    clipped,
    parts,
    starts,
)

_BLOCK = (256, 256, 256)
_CHUNK = (64, 64, 64)
_NAME = "volume"


class Hdf5File(OneFile):
    """A file of one dataset, ``volume``, in chunks that a viewer can load one by one.

    Its voxel size is told as ``element_size_um`` (ilastik, Fiji, this package) and as ``resolution`` in nm
    (CREMI), its axes as dimension labels and as ``axistags`` (ilastik), its history as JSON in ``a2ibench``.
    All chunks are allocated at once, uncompressed; then blocks go straight to where their chunks lie.

    Parameters
    ----------
    path : Path
        The file.
    layout : Layout
        The volume.
    """

    def __init__(self, path: Path, layout: Layout) -> None:
        super().__init__(path, layout, _BLOCK)
        self._chunk = clipped(_CHUNK, layout.shape)
        self._offsets: NDArray[np.int64] = np.empty((0, 0, 0), np.int64)

    def prepare(self) -> None:
        """Lay out the file: metadata, and a hole for every chunk."""
        try:
            self._lay_out()
        except RuntimeError as error:
            # What the library raises if the disk does not take the rest of a file that is closed.
            number = re.search(r"errno = (\d+)", str(error))
            code = int(number[1]) if number else errno.EIO
            raise OSError(code, os.strerror(code)) from error

    def open(self) -> None:
        """Find out where the chunks lie."""
        import h5py

        with h5py.File(self.path, "r") as file:
            self._offsets = _chunk_offsets(file[_NAME])
        self._file = RawFile(self.path)

    def write(self, start: ZYX, array: Voxels) -> Notes:
        """Write one block, chunk by chunk."""
        file, checksum = self._opened(), 0
        for at, voxels in parts(start, array, self._chunk):
            # Chunks at the far ends reach beyond the volume.
            missing = [(0, size - found) for size, found in zip(self._chunk, voxels.shape, strict=True)]
            chunk = np.pad(voxels, missing) if any(n for _, n in missing) else voxels
            z, y, x = (first // size for first, size in zip(at, self._chunk, strict=True))
            data = gathered(chunk)
            checksum = zlib.crc32(data, checksum)
            file.write(data, int(self._offsets[z, y, x]))
        return {"crc32": checksum}

    def checksum(self, start: ZYX) -> int:
        """Return the checksum of a block as it is stored now."""
        file, checksum = self._opened(), 0
        for at in starts(block_at(start, self.block, self.layout.shape), self._chunk, start):
            z, y, x = (first // size for first, size in zip(at, self._chunk, strict=True))
            checksum = zlib.crc32(file.read(self._chunk_bytes, int(self._offsets[z, y, x])), checksum)
        return checksum

    def frame(self) -> int:
        """Return a checksum of all but the chunks."""
        import h5py

        with h5py.File(self.path, "r") as opened:
            chunks = np.sort(_chunk_offsets(opened[_NAME]).ravel()).tolist()
        size = self.path.stat().st_size
        checksum = zlib.crc32(f"{size}".encode())
        ends = [0, *(offset + self._chunk_bytes for offset in chunks)]
        with self.path.open("rb") as file:
            for first, last in zip(ends, [*chunks, size], strict=True):
                if first < last:
                    file.seek(first)
                    checksum = zlib.crc32(file.read(last - first), checksum)
        return checksum

    @property
    def _chunk_bytes(self) -> int:
        return math.prod(self._chunk) * self.layout.dtype.itemsize

    def _lay_out(self) -> None:
        import h5py

        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        creation.set_fill_time(h5py.h5d.FILL_TIME_NEVER)
        nanometres = self.layout.voxel_size
        with h5py.File(self.path, "w") as file:
            dataset = file.create_dataset(
                _NAME, self.layout.shape, self.layout.dtype, chunks=self._chunk, dcpl=creation
            )
            dataset.attrs["element_size_um"] = [decimal_spacing(nm / 1000) for nm in nanometres]
            dataset.attrs["resolution"] = nanometres
            dataset.attrs["axistags"] = _axistags()
            if self.layout.history:
                dataset.attrs[HISTORY_KEY] = self.layout.history_text
            for dimension, label in zip(dataset.dims, "zyx", strict=True):
                dimension.label = label


def _chunk_offsets(dataset: Any) -> NDArray[np.int64]:
    grid = [-(-size // chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True)]
    offsets = np.zeros(grid, np.int64)

    def note(chunk: Any) -> None:
        place = zip(chunk.chunk_offset, dataset.chunks, strict=True)
        offsets[tuple(first // size for first, size in place)] = chunk.byte_offset

    dataset.id.chunk_iter(note)
    return offsets


def _axistags() -> str:
    # What vigra, under ilastik, writes for spatial axes.
    axes = [{"key": key, "typeFlags": 2, "resolution": 0, "description": ""} for key in "zyx"]
    return json.dumps({"axes": axes})
