"""Whole volumes from any method, block by block with halos where they do not fit in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Context, Method, Volume
from a2ibench.errors import PluginError

Fits = Callable[[tuple[int, int, int]], bool]


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


def block_size(
    grid: AxialGrid,
    lateral: tuple[int, int],
    halo: tuple[int, int],
    *,
    align: int = 1,
    max_voxels: int,
    fits: Fits | None = None,
) -> tuple[int, int, int]:
    """Return the largest output size (z, y, x) of a block within the limits, by halving the longest side.

    Parameters
    ----------
    grid : AxialGrid
        Grid of the whole volume.
    lateral : tuple of int
        Its voxels along (y, x).
    halo : tuple of int
        Input slices and lateral voxels to read around a block.
    align : int
        Sides that are halved are multiples of it.
    max_voxels : int
        Most output voxels, halo included.
    fits : callable, optional
        A method's own limit, see `a2ibench.Method`.
    """
    whole = (grid.n_out, *lateral)
    around = (math.ceil(halo[0] * grid.ratio), halo[1], halo[1])
    size = list(whole)

    def allowed() -> bool:
        z, y, x = (min(n + 2 * h, full) for n, h, full in zip(size, around, whole, strict=True))
        return z * y * x <= max_voxels and (fits is None or fits((z, y, x)))

    while not allowed():
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


MAX_VOXELS = 1 << 28


def reconstruct_volume(
    method: Method,
    volume: Volume,
    ctx: Context,
    *,
    max_voxels: int = MAX_VOXELS,
) -> NDArray[np.float32]:
    """Reconstruct a whole volume with a fitted method.

    Parameters
    ----------
    method : Method
        A fitted method.
    volume : Volume, shape (n_in, y, x)
        The anisotropic volume.
    ctx : Context
        Device, precision and progress.
    max_voxels : int
        Most output voxels that the method is asked for at once, halo included; fewer where its own ``fits``
        says so. The halo sets a lower bound.

    Returns
    -------
    ndarray of float32, shape (round(n_in * ratio), y, x)
        Intensities, where 0 and 1 are ``volume.intensity``.

    Raises
    ------
    PluginError
        If the method returns another shape or dtype, or values that are not finite.
    """
    grid = AxialGrid(volume.shape[0], volume.ratio)
    lateral = volume.shape[1:]
    align = int(getattr(method, "align", 1))
    halo = (int(method.halo[0]), int(method.halo[1]))
    fits = getattr(method, "fits", None)
    size = block_size(grid, lateral, halo, align=align, max_voxels=max_voxels, fits=fits)
    blocks = list(plan_blocks(grid, lateral, halo, size, align))
    if len(blocks) == 1:
        return _checked(method, method.reconstruct(volume, grid, ctx), (grid.n_out, *lateral))
    out = np.empty((grid.n_out, *lateral), np.float32)
    for i, block in enumerate(blocks):
        ctx.progress("reconstruct", i, len(blocks))
        part = volume.crop(block.z_in, block.y_in, block.x_in)
        out[block.z_out, block.y_out, block.x_out] = reconstruct_block(method, part, block, ctx)
    ctx.progress("reconstruct", len(blocks), len(blocks))
    return out


def reconstruct_block(method: Method, part: Volume, block: Block, ctx: Context) -> NDArray[np.float32]:
    """Reconstruct one block.

    Parameters
    ----------
    method : Method
        A fitted method.
    part : Volume
        What the block reads of the anisotropic volume, halo included.
    block : Block
        The block.
    ctx : Context
        Device, precision and progress.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
        Intensities of the block's output, halo excluded.

    Raises
    ------
    PluginError
        If the method returns another shape or dtype, or values that are not finite.
    """
    result = method.reconstruct(part, block.grid, replace(ctx, kept=block.kept))
    return _checked(method, result, (block.grid.n_out, *part.shape[1:]))[:, *block.kept]


def _checked(method: Method, result: Any, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    name = type(method).__name__
    if not isinstance(result, np.ndarray) or result.dtype != np.float32:
        got = getattr(result, "dtype", type(result).__name__)
        raise PluginError(f"{name}.reconstruct returned {got}; return a numpy array of float32")
    if result.shape != shape:
        raise PluginError(
            f"{name}.reconstruct returned shape {result.shape}; return {shape} as (grid.n_out, y, x)"
        )
    if not np.isfinite(result).all():
        count = int(np.count_nonzero(~np.isfinite(result)))
        raise PluginError(
            f"{name}.reconstruct returned {count} values that are NaN or infinite; return finite intensities"
        )
    return result
