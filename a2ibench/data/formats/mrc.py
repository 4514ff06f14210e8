"""MRC files: axes, voxel size and the sign of bytes by what their headers state."""

from __future__ import annotations

import logging
import math
from contextlib import ExitStack
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import decimal_spacing
from a2ibench.data.formats.metadata import check_sizes
from a2ibench.data.formats.raw import RawArray, check_end
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume
from a2ibench.errors import InputError, counted

ByteOrder = Literal["<", ">"]
_log = logging.getLogger("a2ibench")

_HEADER = 1024
_SINGLE = float(np.finfo(np.float32).eps)
# IMOD marks its files, and those of its 8-bit ones that are signed.
_IMOD_STAMP, _IMOD_SIGNED = 1146047817, 1
# The first version of the standard that calls bytes signed.
_MRC2014 = 20140
# The space group of a stack of volumes is that of each volume and 400.
_VOLUME_STACKS = range(401, 631)


def open_mrc(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open an MRC file in the axis order of its header.

    Raises
    ------
    InputError
        If the file is damaged or of another size than its header says, holds no volume or several, or `key`
        is given.
    """
    if key is not None:
        raise InputError(f"{source.text}: key is {key!r}, but an MRC file holds one volume; remove it")
    content = source.read(0, _HEADER) or b""
    if content[:2] in (b"\x1f\x8b", b"BZ"):
        raise InputError(f"{source.text}: is compressed; unpack it (gunzip, bunzip2) and give the result")
    header, byteorder = _header(source, content)
    shape = tuple(int(header[name]) for name in ("nz", "ny", "nx"))
    extended = int(header["nsymbt"])
    check_sizes(shape, source.text)
    if extended < 0:
        raise InputError(f"{source.text}: damaged: extended header of {extended} bytes; get the file again")
    _check_single(source, header, shape[0])
    names = _axes(source, header)
    dtype = _dtype(source, header, byteorder)
    array = RawArray(source, _HEADER + extended, shape, dtype, resources)
    check_end(array, f"of shape {shape} after {_HEADER + extended} bytes of header")
    if dtype == np.int8 and not _signed(source, header, byteorder, array):
        array.dtype = np.dtype(np.uint8)
    return LazyVolume(
        array,
        names,
        source=source.text,
        kind="MRC",
        chunks=array.chunks,
        voxel_size=_voxel_size(header),
        resources=resources,
    )


def _header(source: Source, content: bytes) -> tuple[Any, ByteOrder]:
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


def _check_single(source: Source, header: Any, sections: int) -> None:
    """Accept files that are no stack of several volumes."""
    if int(header["ispg"]) not in _VOLUME_STACKS:
        return
    each = int(header["mz"])
    if each < 1 or sections % each:
        raise InputError(
            f"{source.text}: damaged: {counted(sections, 'section')} are no whole number of volumes of "
            f"{each} each; get the file again"
        )
    if sections > each:
        raise InputError(
            f"{source.text}: holds {sections // each} volumes of {counted(each, 'section')} each; "
            "store one of them in a file of its own"
        )


def _axes(source: Source, header: Any) -> list[str]:
    # The header counts axes from the fastest one: 1 is x.
    slowest_first = [int(header[name]) for name in ("maps", "mapr", "mapc")]
    if sorted(slowest_first) == [1, 2, 3]:
        return [" xyz"[axis] for axis in slowest_first]
    if slowest_first == [0, 0, 0]:
        return ["z", "y", "x"]
    raise InputError(f"{source.text}: damaged: axes {slowest_first} in the header; give 1, 2 and 3")


def _dtype(source: Source, header: Any, byteorder: ByteOrder) -> np.dtype[Any]:
    from mrcfile.utils import dtype_from_mode

    try:
        dtype: np.dtype[Any] = np.dtype(dtype_from_mode(int(header["mode"])))
    except ValueError:
        raise InputError(
            f"{source.text}: MRC mode {int(header['mode'])}; give mode 0, 1, 2, 6 or 12 (8- or 16-bit "
            "integers, or floats)"
        ) from None
    return dtype.newbyteorder(byteorder)


def _signed(source: Source, header: Any, byteorder: str, array: RawArray) -> bool:
    """Return whether bytes are signed: by IMOD's flag, else the stated range, else by the voxels.

    MRC2014 calls them signed; IMOD, SerialEM and most that wrote before take them for unsigned.
    """
    stated = _stated_sign(header)
    stamp, flags = np.frombuffer(header["extra2"].tobytes()[40:48], f"{byteorder}i4")
    if stamp == _IMOD_STAMP:
        flagged = bool(int(flags) & _IMOD_SIGNED)
        if stated not in (None, flagged):
            _log.warning(
                "%s: IMOD's flag calls its bytes %s, but their stated range is %g to %g; the flag is obeyed",
                source.text,
                _word(flagged),
                header["dmin"],
                header["dmax"],
            )
        return flagged
    if stated is not None:
        return stated
    standard = int(header["nversion"]) >= _MRC2014
    sample = _sample(array)
    if sample.max() < 128:
        # They are the same either way.
        return standard
    seen = _smoother_signed(sample)
    signed = standard if seen is None else seen
    _log.warning(
        "%s: its header does not tell whether bytes are signed; they are read as %s, %s",
        source.text,
        _word(signed),
        "as the version of its format says" if seen is None else "in which neighbours differ less",
    )
    return signed


def _word(signed: bool) -> str:
    return "signed" if signed else "unsigned"


def _stated_sign(header: Any) -> bool | None:
    """Return what the stated range leaves possible; None where that is both, or nothing is stated."""
    low, high = float(header["dmin"]), float(header["dmax"])
    if not (math.isfinite(low) and math.isfinite(high)) or low >= high:
        return None
    signed, unsigned = -128 <= low <= high <= 127, 0 <= low <= high <= 255
    return signed if signed != unsigned else None


# Slices that are looked at, and the most voxels of each.
_SLICES, _VOXELS = 8, 2**18


def _sample(array: RawArray) -> NDArray[np.uint8]:
    """Return parts of rows, (row, x), from slices all over the volume."""
    nz, ny, nx = array.shape
    width = min(nx, _VOXELS)
    height = min(ny, max(1, _VOXELS // width))
    y, x = (ny - height) // 2, (nx - width) // 2
    parts = [
        array[slice(z, z + 1), slice(y, y + height), slice(x, x + width)].reshape(height, width)
        for z in sorted({nz * k // _SLICES for k in range(_SLICES)})
    ]
    return np.concatenate(parts).view(np.uint8)


def _smoother_signed(sample: NDArray[np.uint8]) -> bool | None:
    """Return whether neighbours differ less when bytes are signed; None where it makes no difference."""
    signed, unsigned = (
        float(np.abs(np.diff(sample.view(dtype).astype(np.int16), axis=1)).sum(dtype=np.int64))
        for dtype in (np.int8, np.uint8)
    )
    if 0.8 * unsigned < signed < 1.25 * unsigned:
        return None
    return signed < unsigned


def _voxel_size(header: Any) -> tuple[float, float, float] | None:
    counts = [int(header[f"m{axis}"]) for axis in "zyx"]
    if min(counts) < 1:
        return None
    # Edges of the cell are in angstrom, in single precision.
    z, y, x = (
        decimal_spacing(float(header["cella"][axis]) / count / 10, within=_SINGLE)
        for axis, count in zip("zyx", counts, strict=True)
    )
    return z, y, x
