"""Arrays that MATLAB saved with ``-v7.3``."""

from __future__ import annotations

from contextlib import ExitStack

from a2ibench.data.formats import hdf5
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume
from a2ibench.errors import InputError

KIND = "MATLAB v7.3"


def open_source(
    source: Source, key: str | None, resources: ExitStack, *, fill_missing: bool = False
) -> LazyVolume:
    """Open one 3D array; MATLAB's rows, columns and pages are y, x and z.

    Raises
    ------
    InputError
        If the file is of an older version, damaged, or holds no such array.
    """
    content = source.read(0, 128) or b""
    if content.startswith(b"MATLAB 5.0"):
        raise InputError(f"{source.text}: is a MATLAB 5 file; save it again with save(..., '-v7.3')")
    return hdf5.open_source(source, key, resources, fill_missing=fill_missing)
