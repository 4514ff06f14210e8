"""MRC files of mode 0, whose header says as much of the sign of bytes as is asked for."""

from __future__ import annotations

import struct

import numpy as np
from scipy.ndimage import gaussian_filter


def tissue(low: int, high: int) -> np.ndarray:
    """Return smooth grey levels from `low` to `high`."""
    voxels = gaussian_filter(np.random.default_rng(4).random((6, 30, 44)), (1, 3, 3))
    voxels = (voxels - voxels.min()) / (voxels.max() - voxels.min())
    return np.rint(low + voxels * (high - low)).astype(np.int16)


def written(path, voxels: np.ndarray, *, range_=(0, 0), version=0, stamp=None):
    """Write mode 0 by hand; `range_` is the stated minimum and maximum."""
    header = bytearray(1024)
    nz, ny, nx = voxels.shape
    struct.pack_into("<4i", header, 0, nx, ny, nz, 0)
    struct.pack_into("<3i3f3f3i", header, 28, nx, ny, nz, nx * 50, ny * 50, nz * 300, 90, 90, 90, 1, 2, 3)
    struct.pack_into("<3f", header, 76, *range_, sum(range_) / 2)
    struct.pack_into("<i", header, 108, version)
    if stamp is not None:
        struct.pack_into("<2i", header, 152, 1146047817, stamp)
    header[208:216] = b"MAP DD\0\0"
    (path / "a.mrc").write_bytes(header + voxels.astype(np.uint8).tobytes())
    return path / "a.mrc"
