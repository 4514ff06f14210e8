"""Whole volumes from any method, block by block where they do not fit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Context, Method, Volume
from a2ibench.errors import PluginError
from a2ibench.protocol.blocks import Block, block_size, plan_blocks
from a2ibench.protocol.intensity import quantise

__all__ = ["quantise", "reconstruct_block", "reconstruct_volume"]

MAX_VOXELS = 1 << 28
MAX_PLANE = 1 << 20


def reconstruct_volume(
    method: Method,
    volume: Volume,
    ctx: Context,
    *,
    max_voxels: int = MAX_VOXELS,
    max_plane: int = MAX_PLANE,
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
    max_voxels, max_plane : int
        Most output voxels, and most voxels of an axial plane, that the method is asked for at once, halo
        included. The halo sets a lower bound.

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
    size = block_size(grid, lateral, halo, align=align, max_voxels=max_voxels, max_plane=max_plane)
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
