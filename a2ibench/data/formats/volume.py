"""A volume that is opened, of which only the blocks that are asked for are read, along (z, y, x)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats.metadata import VoxelSize, axis_order, usable
from a2ibench.errors import InputError, one_line

_INTEGERS = ("uint8", "int8", "uint16", "int16")
_FLOATS = ("float16", "float32", "float64")
_OF_LABELS = (*_INTEGERS, "uint32", "int32", "uint64", "int64")
_labelled: ContextVar[bool] = ContextVar("labelled", default=False)


@contextmanager
def as_labels() -> Iterator[None]:
    """Accept, of what is opened within, the dtypes of labels in place of those of images."""
    before = _labelled.set(True)
    try:
        yield
    finally:
        _labelled.reset(before)


def check_dtype(dtype: np.dtype[Any], where: str) -> None:
    """Accept the dtypes of grey-scale images, or within `as_labels` those of labels.

    Raises
    ------
    InputError
        If the dtype is another, such as bool, complex, or the 32-bit integers of labels.
    """
    if _labelled.get():
        if dtype.name not in _OF_LABELS:
            raise InputError(f"{where}: dtype is {dtype.name}; labels are whole numbers, give integers")
    elif dtype.name not in _INTEGERS + _FLOATS:
        raise InputError(f"{where}: dtype is {dtype.name}; give 8- or 16-bit integers, or floats")


def native(data: NDArray[Any]) -> NDArray[Any]:
    """Return the array C-contiguous in native byte order; floats become float32."""
    dtype = np.dtype(np.float32) if data.dtype.kind == "f" else data.dtype.newbyteorder("=")
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes inf, which is reported later
        return np.ascontiguousarray(data, dtype=dtype)


def unreadable(place: Path | str, kind: str, error: Exception) -> InputError:
    """Return the one line to raise when `error` stopped the reading of a file of that kind."""
    if isinstance(error, InputError):
        return error
    if isinstance(error, MemoryError):
        return InputError(f"{place}: does not fit into memory; give a smaller volume")
    if isinstance(error, PermissionError) or (is_remote(place) and _is_of_network(error)):
        return unreachable(place, error)
    return InputError(f"{place}: not a readable {kind} file; it is damaged, cut short or of another kind")


def unreachable(place: Path | str, error: BaseException) -> InputError:
    """Return the one line to raise when a file could not be got for that reason."""
    if isinstance(error, InputError):
        return error
    remote = is_remote(place)
    if isinstance(error, PermissionError):
        advice = "is not public; give one that is" if remote else "may not be read; change its permissions"
        return InputError(f"{place}: {advice}")
    reason = one_line(str(error), 200) or type(error).__name__
    if isinstance(status := getattr(error, "status", None), int):
        reason = f"its server answered {status}"
    advice = "check the address and the connection" if remote else "check the file and its disk"
    return InputError(f"{place}: cannot be read ({reason}); {advice}")


def is_remote(place: Path | str) -> bool:
    """Return whether a place is an address and not a path."""
    return "://" in str(place)


def _is_of_network(error: Exception) -> bool:
    # What readers make of an error of the connection keeps it as the cause.
    cause: BaseException | None = error
    while cause is not None:
        library = type(cause).__module__.partition(".")[0]
        if isinstance(cause, OSError) or library in ("aiohttp", "botocore", "gcsfs"):
            return not isinstance(cause, FileNotFoundError) or cause.__cause__ is not None
        cause = cause.__cause__ or cause.__context__
    return False


# Readers hold a whole chunk in memory, and no format's own limit is far above this one.
_LARGEST_CHUNK = 2**32


class FileArray(Protocol):
    """What the readers of the formats give: an array in the order of axes that the file has."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each stored axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """As stored, of any byte order."""

    def __getitem__(self, block: tuple[slice, ...]) -> Any:
        """Return a block; slices have bounds within the shape and no step."""


class LazyVolume:
    """Voxels (z, y, x) that stay where they are stored until a block of them is read.

    Parameters
    ----------
    array : FileArray
        The voxels in stored order; its blocks are read when they are asked for.
    names : sequence of str
        What each stored axis is; those other than z, y and x must have length 1.
    source : str
        Path or address, shown in messages.
    kind : str
        The format's name, shown in messages.
    chunks : sequence of int
        Voxels along each stored axis that are best read together.
    voxel_size : sequence of float, optional
        Nanometres (z, y, x), where the metadata tell.
    key : str, optional
        The dataset or array within the source.
    level : int, optional
        Which resolution this is, 0 the finest; None where there is only one.
    resources : contextlib.ExitStack, optional
        Closed with the volume.

    Raises
    ------
    InputError
        If the array is no grey-scale volume with axes z, y and x.
    """

    def __init__(
        self,
        array: FileArray,
        names: Sequence[str],
        *,
        source: str,
        kind: str,
        chunks: Sequence[int],
        voxel_size: Sequence[float] | None = None,
        key: str | None = None,
        level: int | None = None,
        resources: ExitStack | None = None,
    ) -> None:
        where = source if not key else f"{source}: /{key.lstrip('/')}"
        check_dtype(array.dtype, where)
        self._order = axis_order(names, array.shape, where)
        self._array: FileArray | None = array
        self._kind, self._resources = kind, resources or ExitStack()
        z, y, x = (int(array.shape[axis]) for axis in self._order)
        self.shape: tuple[int, int, int] = (z, y, x)
        self.dtype: np.dtype[Any] = array.dtype.newbyteorder("=")
        self.voxel_size: VoxelSize | None = usable(voxel_size)
        z, y, x = (
            max(1, min(int(chunks[axis]), size)) for axis, size in zip(self._order, self.shape, strict=True)
        )
        self.chunks: tuple[int, int, int] = (z, y, x)
        self.source, self.key, self.level = source, key, level
        check_chunk(chunks, array.dtype, where)

    def __getitem__(self, block: tuple[slice, slice, slice]) -> NDArray[Any]:
        """Return a block (z, y, x), C-contiguous and in native byte order.

        Raises
        ------
        InputError
            If what is stored there is damaged, cut short or missing.
        """
        array = self._array
        if array is None:
            raise ValueError(f"{self.source}: is closed; open it again")
        bounds = [slice(0, 1)] * len(array.shape)
        if not isinstance(block, tuple) or len(block) != 3:
            raise TypeError(f"{self.source}: block is {block!r}; give three slices (z, y, x)")
        for axis, part, size in zip(self._order, block, self.shape, strict=True):
            start, stop, step = part.indices(size)
            if step != 1:
                raise ValueError(f"{self.source}: a slice has the step {step}; give slices without steps")
            bounds[axis] = slice(start, max(start, stop))
        shape = tuple(bounds[axis].stop - bounds[axis].start for axis in self._order)
        if 0 in shape:
            return np.empty(shape, self.dtype)
        try:
            voxels = array[tuple(bounds)]
        except InputError:
            raise
        except Exception as error:  # damaged files raise almost anything inside the decoders
            raise unreadable(self.source, self._kind, error) from error
        # What is mapped from a file, or cannot be written to, is not handed out.
        shared = isinstance(voxels, np.memmap) or not voxels.flags.writeable
        others = [axis for axis in range(voxels.ndim) if axis not in self._order]
        data = voxels.transpose(*self._order, *others).reshape(shape)
        return np.array(data, dtype=self.dtype, order="C", copy=shared or None)

    @property
    def nbytes(self) -> int:
        """Memory in bytes that all voxels would take."""
        z, y, x = self.shape
        return z * y * x * self.dtype.itemsize

    def close(self) -> None:
        """Close the files; blocks cannot be read any more."""
        self._array = None
        self._resources.close()

    def __enter__(self) -> LazyVolume:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<LazyVolume {self.source} {self.shape} {self.dtype.name}>"


def check_chunk(chunks: Sequence[int], dtype: np.dtype[Any], where: str) -> None:
    """Accept chunks that a reader can hold.

    Raises
    ------
    InputError
        If a chunk has no voxels or takes more than 4 GiB.
    """
    size = dtype.itemsize
    for length in chunks:
        size *= int(length)
    if not 0 < size <= _LARGEST_CHUNK:
        shape = tuple(int(length) for length in chunks)
        raise InputError(f"{where}: damaged: chunks of shape {shape}; give chunks of at most 4 GiB")
