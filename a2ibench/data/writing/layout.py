"""What is to be written, and how it is cut into blocks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Triple = tuple[int, int, int]
Voxels = NDArray[Any]


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
    """

    shape: Triple
    dtype: np.dtype[Any]
    voxel_size: tuple[float, float, float]
    identity: str
    rows: bool = True


def clipped(size: Triple, shape: Triple) -> Triple:
    """Return `size`, nowhere larger than `shape`."""
    z, y, x = (min(pair) for pair in zip(size, shape, strict=True))
    return z, y, x


def starts(shape: Triple, block: Triple, origin: Triple = (0, 0, 0)) -> Iterator[Triple]:
    """Yield where the blocks of a box begin whose first voxel is `origin`."""
    yield from product(
        *(range(at, at + size, step) for at, size, step in zip(origin, shape, block, strict=True))
    )


def box(start: Triple, block: Triple, shape: Triple) -> tuple[slice, slice, slice]:
    """Return the voxels of a block, as far as they lie within `shape`."""
    z, y, x = (slice(at, min(at + size, end)) for at, size, end in zip(start, block, shape, strict=True))
    return z, y, x


def block_at(start: Triple, block: Triple, shape: Triple) -> Triple:
    """Return the size of the block that begins at `start`, as far as it lies within `shape`."""
    z, y, x = (part.stop - part.start for part in box(start, block, shape))
    return z, y, x


def parts(start: Triple, array: Voxels, block: Triple) -> Iterator[tuple[Triple, Voxels]]:
    """Yield the blocks that an array beginning at `start` is made of."""
    shape: Triple = (array.shape[0], array.shape[1], array.shape[2])
    for inner in starts(shape, block):
        z, y, x = (at + offset for at, offset in zip(start, inner, strict=True))
        yield (z, y, x), array[box(inner, block, shape)]
