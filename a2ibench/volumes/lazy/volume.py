"""A volume that is opened, of which only the blocks that are asked for are read."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from a2ibench.errors import InputError
from a2ibench.volumes.lazy import axes
from a2ibench.volumes.lazy.units import usable
from a2ibench.volumes.stored import VoxelSize, check_dtype, unreadable

# Readers hold a whole chunk in memory, and no format's own limit is far above this one.
_LARGEST_CHUNK = 2**32


class StoredArray(Protocol):
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
    array : StoredArray
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
        array: StoredArray,
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
        self._order = axes.order(names, array.shape, where)
        self._array: StoredArray | None = array
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
            stored = array[tuple(bounds)]
        except InputError:
            raise
        except Exception as error:  # damaged files raise almost anything inside the decoders
            raise unreadable(self.source, self._kind, error) from error
        # What is mapped from a file, or cannot be written to, is not handed out.
        shared = isinstance(stored, np.memmap) or not stored.flags.writeable
        others = [axis for axis in range(stored.ndim) if axis not in self._order]
        data = stored.transpose(*self._order, *others).reshape(shape)
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
