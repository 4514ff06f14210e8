"""NumPy arrays in files."""

from __future__ import annotations

import io
from contextlib import ExitStack
from typing import Any

import numpy as np

from a2ibench.data.formats import axes
from a2ibench.data.formats.raw import RawArray
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume
from a2ibench.errors import InputError

KIND = "NumPy"
# numpy itself refuses headers above 10,000 characters.
_LARGEST_HEADER = 2**14


def open_source(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open a ``.npy`` file; its axes are z, y, x, after any of length 1.

    Raises
    ------
    InputError
        If the file holds no volume of numbers, is cut short, or `key` is given.
    """
    if key is not None:
        raise InputError(f"{source.text}: key is {key!r}, but a NumPy file holds one array; remove it")
    # Read apart, so that of a remote file no more is fetched for it.
    file = io.BytesIO(source.read(0, _LARGEST_HEADER) or b"")
    shape, fortran, dtype = _header(file)
    offset = file.tell()
    if dtype.hasobject:
        raise InputError(f"{source.text}: holds Python objects; save an array of numbers")
    names = axes.assumed(len(shape))
    if fortran:
        shape, names = shape[::-1], names[::-1]
    axes.order(names, shape, source.text)
    array = RawArray(source, offset, shape, dtype, resources)
    return LazyVolume(array, names, source=source.text, kind=KIND, chunks=array.chunks, resources=resources)


def _header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)
