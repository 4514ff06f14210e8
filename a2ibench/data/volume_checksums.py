"""Checksums of what is kept: of files, of folders, and of voxels."""

from __future__ import annotations

import hashlib
from pathlib import Path

from a2ibench.data.checksums import digest_once, folder_sha256, sha256_of
from a2ibench.data.formats import open_lazy

CROP_KEY = "volume"
"""The dataset in the HDF5 file of a crop."""

_SLAB = 2**26


def content_sha256(path: Path) -> str:
    """Return the checksum of a file; of a folder that of its list of files.

    The list is the one that ``sha256sum`` prints for the files by their sorted names, relative to the
    folder: a line ``CHECKSUM  NAME`` for each. What was read once is read again only where a file's size,
    times, inode or device differ; that holds across processes, too.

    Raises
    ------
    InputError
        If it is, or holds, a pipe, socket or device.
    OSError
        If a file cannot be read.
    """
    return folder_sha256(path) if path.is_dir() else sha256_of(path)


def crop_sha256(path: Path) -> str:
    """Return the checksum of the voxels that the file of a crop holds: C order (z, y, x), little-endian.

    The bytes of an HDF5 file depend on the version of its library; the voxels do not.

    Raises
    ------
    InputError
        If the file is damaged.
    OSError
        If there is none.
    """
    return digest_once(path, "voxels", lambda: _voxels(path))


def _voxels(path: Path) -> str:
    digest = hashlib.sha256()
    with open_lazy(path, key=CROP_KEY) as volume:
        nz, ny, nx = volume.shape
        planes = max(1, _SLAB // (ny * nx * volume.dtype.itemsize))
        for z in range(0, nz, planes):
            slab = volume[slice(z, z + planes), slice(0, ny), slice(0, nx)]
            digest.update(slab.astype(volume.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()
