"""Cutting a reconstruction into blocks that fit in memory, and each block's halo."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from a2ibench.contracts import AxialGrid


@dataclass(frozen=True)
class Block:
    """One block: which input it reads and where its output goes.

    Parameters
    ----------
    grid : AxialGrid
        Wanted output slices, relative to the input read.
    z_in, y_in, x_in : slice
        Input voxels, halo included.
    z_out, y_out, x_out : slice
        Output voxels, halo excluded.
    """

    grid: AxialGrid
    z_in: slice
    y_in: slice
    x_in: slice
    z_out: slice
    y_out: slice
    x_out: slice

    @property
    def kept(self) -> tuple[slice, slice]:
        """Lateral voxels of the block's result that are kept, (y, x)."""
        return (_within(self.y_out, self.y_in), _within(self.x_out, self.x_in))


def _within(inner: slice, outer: slice) -> slice:
    return slice(inner.start - outer.start, inner.stop - outer.start)


@dataclass(frozen=True)
class _Limits:
    ratio: float
    halo: tuple[int, int]
    max_voxels: int
    max_plane: int

    def fits(self, size: tuple[int, int, int], whole: tuple[int, int, int]) -> bool:
        rows = min(size[0] + 2 * math.ceil(self.halo[0] * self.ratio), whole[0])
        y, x = (min(n + 2 * self.halo[1], full) for n, full in zip(size[1:], whole[1:], strict=True))
        return rows * y * x <= self.max_voxels and rows * max(y, x) <= self.max_plane


def block_size(
    grid: AxialGrid,
    lateral: tuple[int, int],
    halo: tuple[int, int],
    *,
    align: int = 1,
    max_voxels: int,
    max_plane: int,
) -> tuple[int, int, int]:
    """Return the largest output size (z, y, x) of a block within the limits, by halving the longest side."""
    whole = (grid.n_out, *lateral)
    size = list(whole)
    limits = _Limits(grid.ratio, halo, max_voxels, max_plane)
    while not limits.fits((size[0], size[1], size[2]), whole):
        longest = max(range(3), key=lambda axis: size[axis])
        half = align * math.ceil(size[longest] / 2 / align)
        if half >= size[longest]:
            break
        size[longest] = half
    return size[0], size[1], size[2]


def plan_blocks(
    grid: AxialGrid,
    lateral: tuple[int, int],
    halo: tuple[int, int],
    size: tuple[int, int, int],
    align: int = 1,
) -> Iterator[Block]:
    """Yield the blocks of a volume.

    Parameters
    ----------
    grid : AxialGrid
        Grid of the whole volume.
    lateral : tuple of int
        Its voxels along (y, x).
    halo : tuple of int
        Input slices and lateral voxels to read around a block.
    size : tuple of int
        Output voxels of a block, (z, y, x).
    align : int
        Lateral starts of what is read are multiples of it.
    """
    ranges = [range(0, n, step) for n, step in zip((grid.n_out, *lateral), size, strict=True)]
    for z, y, x in product(*ranges):
        n_z = min(size[0], grid.n_out - z)
        part = grid.block(z, n_z, halo[0])
        y_out, x_out = slice(y, min(y + size[1], lateral[0])), slice(x, min(x + size[2], lateral[1]))
        yield Block(
            part,
            slice(part.first_in, part.first_in + part.n_in),
            _grown(y_out, halo[1], align, lateral[0]),
            _grown(x_out, halo[1], align, lateral[1]),
            slice(z, z + n_z),
            y_out,
            x_out,
        )


def _grown(inner: slice, halo: int, align: int, extent: int) -> slice:
    start = max(0, inner.start - halo) // align * align
    return slice(start, min(inner.stop + halo, extent))
