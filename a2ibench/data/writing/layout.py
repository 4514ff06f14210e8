"""What is to be written, how it is cut into blocks, and what a format must be able to do."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

ZYX = tuple[int, int, int]
"""Voxels along (z, y, x): a shape, or a place."""

HISTORY_KEY = "a2ibench"
"""The name of the attribute that holds a volume's history, in formats that have attributes."""

Voxels = NDArray[Any]
Notes = Mapping[str, Any]
"""What is noted of a block that is written: its ``crc32``, and what the format wants to know in the end."""


@dataclass(frozen=True)
class Layout:
    """A volume to be written.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (z, y, x).
    dtype : numpy.dtype
        Of native byte order.
    voxel_size : tuple of float
        Nanometres, (z, y, x).
    identity : str
        All that determines the voxels, in one text.
    rows : bool
        Whether blocks are to be whole rows where the format stores voxels row by row.
    history : mapping
        What the volume is and how it came about, JSON-able; empty where it is not to tell.
    """

    shape: ZYX
    dtype: np.dtype[Any]
    voxel_size: tuple[float, float, float]
    identity: str
    rows: bool = True
    history: Mapping[str, Any] = field(default_factory=dict)

    @property
    def history_text(self) -> str:
        """The history in one line of ASCII: JSON, or nothing."""
        return json.dumps(self.history) if self.history else ""

    def begins(self, block: ZYX) -> Callable[[ZYX], bool]:
        """Return a function that tells whether a block of a size can begin at a voxel."""

        def possible(start: ZYX) -> bool:
            sides = zip(start, block, self.shape, strict=True)
            return all(at % by == 0 and 0 <= at < n for at, by, n in sides)

        return possible


def clipped(size: ZYX, shape: ZYX) -> ZYX:
    """Return `size`, nowhere larger than `shape`."""
    z, y, x = (min(pair) for pair in zip(size, shape, strict=True))
    return z, y, x


def starts(shape: ZYX, block: ZYX, origin: ZYX = (0, 0, 0)) -> Iterator[ZYX]:
    """Yield where the blocks of a box begin whose first voxel is `origin`."""
    yield from product(
        *(range(at, at + size, step) for at, size, step in zip(origin, shape, block, strict=True))
    )


def box(start: ZYX, block: ZYX, shape: ZYX) -> tuple[slice, slice, slice]:
    """Return the voxels of a block, as far as they lie within `shape`."""
    z, y, x = (slice(at, min(at + size, end)) for at, size, end in zip(start, block, shape, strict=True))
    return z, y, x


def block_at(start: ZYX, block: ZYX, shape: ZYX) -> ZYX:
    """Return the size of the block that begins at `start`, as far as it lies within `shape`."""
    z, y, x = (part.stop - part.start for part in box(start, block, shape))
    return z, y, x


def parts(start: ZYX, array: Voxels, block: ZYX) -> Iterator[tuple[ZYX, Voxels]]:
    """Yield the blocks that an array beginning at `start` is made of."""
    shape: ZYX = (array.shape[0], array.shape[1], array.shape[2])
    for inner in starts(shape, block):
        z, y, x = (at + offset for at, offset in zip(start, inner, strict=True))
        yield (z, y, x), array[box(inner, block, shape)]


class Target(Protocol):
    """A file or folder that is being written, under a name of its own.

    Every member raises OSError when the disk does not take the data.
    """

    shared: ClassVar[bool]
    """Whether several processes may write blocks at once."""

    block: ZYX
    """Voxels (z, y, x) of a block: no two blocks share a file, a chunk or anything else that is
    written as one."""

    def prepare(self) -> None:
        """Create it with all its metadata and no voxel."""

    def open(self) -> None:
        """Get ready to write blocks to what `prepare` created, maybe in an earlier process."""

    def frame(self) -> int:
        """Return a checksum of all but the voxels: of the metadata, and of the size of a file.

        It is the same from `prepare` until after `finish`. Damaged files may raise anything.
        """

    def write(self, start: ZYX, array: Voxels) -> Notes:
        """Write one block; return what `finish` wants to know of it, and as ``crc32`` its `checksum`."""

    def checksum(self, start: ZYX) -> int:
        """Return the checksum of a block as it is stored now.

        Raises OSError if it is not all there.
        """

    def await_shown(self, blocks: Collection[ZYX], seconds: float) -> None:
        """Wait until the files of blocks show that other machines wrote, at most so many seconds in all."""

    def tidy(self, kept: Collection[ZYX]) -> None:
        """Remove whatever belongs neither to the metadata nor to one of the blocks given."""

    def flush(self) -> None:
        """Wait until everything written so far is on the disk."""

    def finish(self, notes: Mapping[ZYX, Notes]) -> None:
        """Complete it from what is known of every block, and flush it; may be called again after a crash."""

    def close(self) -> None:
        """Let go of open files."""
