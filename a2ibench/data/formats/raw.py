"""Files that hold voxels one after another, without compression: NumPy arrays and MRC."""

from __future__ import annotations

import io
import math
import mmap
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import decimal_spacing
from a2ibench.data.formats.metadata import assumed_axes, axis_order, check_sizes
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume
from a2ibench.errors import InputError

# Bytes that are mapped at once. What is mapped counts as memory in use, so it is never the whole file.
_MAPPED = 2**24
# Bytes of a remote file that are fetched at once: not much more than is wanted, but no tiny pieces either.
_FETCHED, _WASTE, _SMALL = 2**24, 4, 2**16


class RawArray:
    """An array at an offset of a file, of which a block takes memory only while it is copied.

    Parameters
    ----------
    source : Source
        The file; mapped piece by piece where it is local, else read by ranges of bytes.
    offset : int
        Bytes before the first voxel.
    shape : tuple of int
        Voxels along each stored axis, the last varying fastest.
    dtype : numpy.dtype
        Of any byte order.
    resources : contextlib.ExitStack
        Closes the file.

    Raises
    ------
    InputError
        If the file is shorter than that.
    """

    def __init__(
        self, source: Source, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], resources: ExitStack
    ) -> None:
        check_sizes(shape, source.text)
        self.shape, self.dtype = shape, dtype
        self._source, self._offset = source, offset
        self._strides = tuple(math.prod(shape[axis + 1 :]) * dtype.itemsize for axis in range(len(shape)))
        self._file = resources.enter_context(source.open())
        self._check_size()

    @property
    def chunks(self) -> tuple[int, ...]:
        """Voxels that come from the disk together: a page of memory, along the last axis."""
        return (1,) * (len(self.shape) - 1) + (max(1, mmap.PAGESIZE // self.dtype.itemsize),)

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        # Reading a map of a file that was cut short meanwhile would end the process.
        self._check_size()
        out = np.empty([part.stop - part.start for part in block], self.dtype)
        self._copy([part.start for part in block], out)
        return out

    def _check_size(self) -> None:
        needed = math.prod(self.shape) * self.dtype.itemsize
        there = max(self._file.seek(0, 2) - self._offset, 0)
        if self._offset < 0 or there < needed:
            raise InputError(
                f"{self._source.text}: cut short: {there} of {needed} bytes of voxels are there; "
                "get the file again"
            )

    def _copy(self, starts: Sequence[int], out: NDArray[Any]) -> None:
        """Copy a block, in halves for as long as it is spread over too much of the file."""
        steps = zip(out.shape, self._strides, strict=True)
        span = sum((size - 1) * step for size, step in steps) + self.dtype.itemsize
        if span <= self._limit(out.nbytes):
            self._copy_span(starts, out, span)
            return
        axis = next(axis for axis, size in enumerate(out.shape) if size > 1)
        half = out.shape[axis] // 2
        first, second = np.split(out, [half], axis)
        self._copy(starts, first)
        self._copy([*starts[:axis], starts[axis] + half, *starts[axis + 1 :]], second)

    def _limit(self, wanted: int) -> int:
        return _MAPPED if self._source.path is not None else max(_SMALL, min(_FETCHED, _WASTE * wanted))

    def _copy_span(self, starts: Sequence[int], out: NDArray[Any], span: int) -> None:
        at = self._offset + sum(start * step for start, step in zip(starts, self._strides, strict=True))
        if self._source.path is None:
            self._file.seek(at)
            out[...] = np.ndarray(out.shape, self.dtype, self._file.read(span), 0, self._strides)
            return
        before = at % mmap.ALLOCATIONGRANULARITY
        with mmap.mmap(
            self._file.fileno(), before + span, access=mmap.ACCESS_READ, offset=at - before
        ) as mapped:
            out[...] = np.ndarray(out.shape, self.dtype, mapped, before, self._strides)


# numpy itself refuses headers above 10,000 characters.
_LARGEST_NPY_HEADER = 2**14


def open_npy(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open a ``.npy`` file; its axes are z, y, x, after any of length 1.

    Raises
    ------
    InputError
        If the file holds no volume of numbers, is cut short, or `key` is given.
    """
    if key is not None:
        raise InputError(f"{source.text}: key is {key!r}, but a NumPy file holds one array; remove it")
    # Read apart, so that of a remote file no more is fetched for it.
    file = io.BytesIO(source.read(0, _LARGEST_NPY_HEADER) or b"")
    shape, fortran, dtype = _npy_header(file)
    offset = file.tell()
    if dtype.hasobject:
        raise InputError(f"{source.text}: holds Python objects; save an array of numbers")
    names = assumed_axes(len(shape))
    if fortran:
        shape, names = shape[::-1], names[::-1]
    axis_order(names, shape, source.text)
    array = RawArray(source, offset, shape, dtype, resources)
    return LazyVolume(
        array, names, source=source.text, kind="NumPy", chunks=array.chunks, resources=resources
    )


def _npy_header(file: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


_MRC_HEADER = 1024
_SINGLE = float(np.finfo(np.float32).eps)
# IMOD marks its files, and those of its 8-bit ones that are signed; older ones and its default are unsigned.
_IMOD_STAMP, _IMOD_SIGNED = 1146047817, 1


def open_mrc(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open an MRC file in the axis order of its header.

    Raises
    ------
    InputError
        If the file is damaged or cut short, holds no volume, or `key` is given.
    """
    if key is not None:
        raise InputError(f"{source.text}: key is {key!r}, but an MRC file holds one volume; remove it")
    content = source.read(0, _MRC_HEADER) or b""
    if content[:2] in (b"\x1f\x8b", b"BZ"):
        raise InputError(f"{source.text}: is compressed; unpack it (gunzip, bunzip2) and give the result")
    header, byteorder = _mrc_header(source, content)
    shape = tuple(int(header[name]) for name in ("nz", "ny", "nx"))
    extended = int(header["nsymbt"])
    check_sizes(shape, source.text)
    if extended < 0:
        raise InputError(f"{source.text}: damaged: extended header of {extended} bytes; get the file again")
    dtype = _mrc_dtype(source, header, byteorder)
    # The header counts axes from the fastest one: 1 is x.
    slowest_first = [int(header[name]) for name in ("maps", "mapr", "mapc")]
    if sorted(slowest_first) == [1, 2, 3]:
        names = [" xyz"[axis] for axis in slowest_first]
    elif slowest_first == [0, 0, 0]:
        names = ["z", "y", "x"]
    else:
        raise InputError(f"{source.text}: damaged: axes {slowest_first} in the header; give 1, 2 and 3")
    array = RawArray(source, _MRC_HEADER + extended, shape, dtype, resources)
    return LazyVolume(
        array,
        names,
        source=source.text,
        kind="MRC",
        chunks=array.chunks,
        voxel_size=_mrc_voxel_size(header),
        resources=resources,
    )


def _mrc_header(source: Source, content: bytes) -> tuple[Any, str]:
    from mrcfile.dtypes import HEADER_DTYPE
    from mrcfile.utils import byte_order_from_machine_stamp

    if len(content) < _MRC_HEADER or content[208:211] != b"MAP":
        raise InputError(f"{source.text}: not a readable MRC file; it is damaged or of another kind")
    try:
        order = byte_order_from_machine_stamp(np.frombuffer(content[212:216], np.uint8))
    except ValueError:
        # Some writers leave the stamp out; the mode is a small number in one order only.
        order = "<" if 0 <= int.from_bytes(content[12:16], "little", signed=True) < 256 else ">"
    return np.frombuffer(content, HEADER_DTYPE.newbyteorder(order), 1)[0], order


def _mrc_dtype(source: Source, header: Any, byteorder: str) -> np.dtype[Any]:
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


def _mrc_voxel_size(header: Any) -> tuple[float, float, float] | None:
    counts = [int(header[f"m{axis}"]) for axis in "zyx"]
    if min(counts) < 1:
        return None
    # Edges of the cell are in angstrom, in single precision.
    z, y, x = (
        decimal_spacing(float(header["cella"][axis]) / count / 10, within=_SINGLE)
        for axis, count in zip("zyx", counts, strict=True)
    )
    return z, y, x
