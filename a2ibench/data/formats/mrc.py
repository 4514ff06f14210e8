"""MRC files, as cryo-EM and tomography write them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np

from a2ibench.data.formats import axes
from a2ibench.data.formats.raw import RawArray
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume
from a2ibench.errors import InputError

KIND = "MRC"

_HEADER = 1024
# IMOD marks its files, and those of its 8-bit ones that are signed; older ones and its default are unsigned.
_IMOD_STAMP, _IMOD_SIGNED = 1146047817, 1


def open_source(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open an MRC file in the axis order of its header.

    Raises
    ------
    InputError
        If the file is damaged or cut short, holds no volume, or `key` is given.
    """
    if key is not None:
        raise InputError(f"{source.text}: key is {key!r}, but an MRC file holds one volume; remove it")
    content = source.read(0, _HEADER) or b""
    if content[:2] in (b"\x1f\x8b", b"BZ"):
        raise InputError(f"{source.text}: is compressed; unpack it (gunzip, bunzip2) and give the result")
    header, byteorder = _header(source, content)
    shape = tuple(int(header[name]) for name in ("nz", "ny", "nx"))
    extended = int(header["nsymbt"])
    axes.check_sizes(shape, source.text)
    if extended < 0:
        raise InputError(f"{source.text}: damaged: extended header of {extended} bytes; get the file again")
    dtype = _dtype(source, header, byteorder)
    # The header counts axes from the fastest one: 1 is x.
    slowest_first = [int(header[name]) for name in ("maps", "mapr", "mapc")]
    if sorted(slowest_first) == [1, 2, 3]:
        names = [" xyz"[axis] for axis in slowest_first]
    elif slowest_first == [0, 0, 0]:
        names = ["z", "y", "x"]
    else:
        raise InputError(f"{source.text}: damaged: axes {slowest_first} in the header; give 1, 2 and 3")
    array = RawArray(source, _HEADER + extended, shape, dtype, resources)
    return LazyVolume(
        array,
        names,
        source=source.text,
        kind=KIND,
        chunks=array.chunks,
        voxel_size=_voxel_size(header),
        resources=resources,
    )


def _header(source: Source, content: bytes) -> tuple[Any, str]:
    from mrcfile.dtypes import HEADER_DTYPE
    from mrcfile.utils import byte_order_from_machine_stamp

    if len(content) < _HEADER or content[208:211] != b"MAP":
        raise InputError(f"{source.text}: not a readable MRC file; it is damaged or of another kind")
    try:
        order = byte_order_from_machine_stamp(np.frombuffer(content[212:216], np.uint8))
    except ValueError:
        # Some writers leave the stamp out; the mode is a small number in one order only.
        order = "<" if 0 <= int.from_bytes(content[12:16], "little", signed=True) < 256 else ">"
    return np.frombuffer(content, HEADER_DTYPE.newbyteorder(order), 1)[0], order


def _dtype(source: Source, header: Any, byteorder: str) -> np.dtype[Any]:
    from mrcfile.utils import dtype_from_mode

    try:
        dtype: np.dtype[Any] = np.dtype(dtype_from_mode(int(header["mode"]))).newbyteorder(byteorder)
    except ValueError:
        raise InputError(
            f"{source.text}: MRC mode {int(header['mode'])}; give mode 0, 1, 2, 6 or 12 (8- or 16-bit "
            "integers, or floats)"
        ) from None
    stamp, flags = np.frombuffer(header["extra2"].tobytes()[40:48], f"{byteorder}i4")
    if dtype == np.int8 and stamp == _IMOD_STAMP and not int(flags) & _IMOD_SIGNED:
        return np.dtype(np.uint8)
    return dtype


def _voxel_size(header: Any) -> tuple[float, float, float] | None:
    counts = [int(header[f"m{axis}"]) for axis in "zyx"]
    if min(counts) < 1:
        return None
    # Edges of the cell are in angstrom.
    z, y, x = (float(header["cella"][axis]) / count / 10 for axis, count in zip("zyx", counts, strict=True))
    return z, y, x
