"""Whole volumes from any method, block by block with halos where they do not fit in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Context, Method, Volume
from a2ibench.contracts.planes import AXIAL, PLANE_CHOICES
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
    yield from Blocks(grid, lateral, halo, size, align)


@dataclass(frozen=True)
class Blocks(Sequence[Block]):
    """The blocks of a volume, in the order of `plan_blocks`; each is made when it is asked for.

    Parameters
    ----------
    grid, lateral, halo, size, align
        As for `plan_blocks`.
    """

    grid: AxialGrid
    lateral: tuple[int, int]
    halo: tuple[int, int]
    size: tuple[int, int, int]
    align: int = 1

    @property
    def _counts(self) -> tuple[int, ...]:
        whole = (self.grid.n_out, *self.lateral)
        return tuple(-(-n // step) for n, step in zip(whole, self.size, strict=True))

    def __len__(self) -> int:
        return math.prod(self._counts)

    @overload
    def __getitem__(self, number: int) -> Block: ...

    @overload
    def __getitem__(self, number: slice) -> list[Block]: ...

    def __getitem__(self, number: int | slice) -> Block | list[Block]:
        if isinstance(number, slice):
            return [self[at] for at in range(*number.indices(len(self)))]
        if not 0 <= number < len(self):
            raise IndexError(number)
        places = np.unravel_index(number, self._counts)
        z, y, x = (int(at) * step for at, step in zip(places, self.size, strict=True))
        n_z = min(self.size[0], self.grid.n_out - z)
        part = self.grid.block(z, n_z, self.halo[0])
        y_out = slice(y, min(y + self.size[1], self.lateral[0]))
        x_out = slice(x, min(x + self.size[2], self.lateral[1]))
        return Block(
            part,
            slice(part.first_in, part.first_in + part.n_in),
            _grown(y_out, self.halo[1], self.align, self.lateral[0]),
            _grown(x_out, self.halo[1], self.align, self.lateral[1]),
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
    apart: NDArray[np.float32] | None = None,
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
    apart : ndarray of float32, shape (round(n_in * ratio), y, x), optional
        Is filled with how far the plane families are apart, for a method that `tells_disagreement`.

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
        return _reconstructed(method, volume, grid, ctx, apart)
    out = np.empty((grid.n_out, *lateral), np.float32)
    for i, block in enumerate(blocks):
        ctx.progress("reconstruct", i, len(blocks))
        part = volume.crop(block.z_in, block.y_in, block.x_in)
        place = block.z_out, block.y_out, block.x_out
        inner = None if apart is None else apart[place]
        out[place] = reconstruct_block(method, part, block, ctx, apart=inner)
    ctx.progress("reconstruct", len(blocks), len(blocks))
    return out


def tells_disagreement(method: Method) -> bool:
    """Whether a method tells how far its plane families are apart.

    One that restores a single family does not, nor does a class that overrides `reconstruct` alone.
    """
    if not hasattr(method, "reconstruct_with_disagreement"):
        return False
    if len(PLANE_CHOICES.get(str(getattr(method, "planes", "both")), AXIAL)) < len(AXIAL):
        return False
    order = [vars(one) for one in type(method).__mro__]
    telling, plain = (
        next((n for n, own in enumerate(order) if name in own), len(order))
        for name in ("reconstruct_with_disagreement", "reconstruct")
    )
    return telling <= plain


def reconstruct_block(
    method: Method,
    part: Volume,
    block: Block,
    ctx: Context,
    *,
    apart: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
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
    apart : ndarray of float32, shape (z, y, x), optional
        As for `reconstruct_volume`, of the block's output.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
        Intensities of the block's output, halo excluded.

    Raises
    ------
    PluginError
        If the method returns another shape or dtype, or values that are not finite.
    """
    if apart is None or not tells_disagreement(method):
        inner = replace(ctx, kept=block.kept)
        return _reconstructed(method, part, block.grid, inner)[:, *block.kept]
    result, difference = reconstruct_block_apart(method, part, block, ctx)
    apart[...] = difference
    return result


def reconstruct_block_apart(
    method: Method, part: Volume, block: Block, ctx: Context
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Reconstruct one block with a method that `tells_disagreement`, and copy neither result.

    Parameters
    ----------
    method, part, block, ctx
        As for `reconstruct_block`.

    Returns
    -------
    reconstruction : ndarray of float32, shape (z, y, x)
        What `reconstruct_block` returns.
    disagreement : ndarray of float32, shape (z, y, x)
        Absolute difference of intensities.

    Raises
    ------
    PluginError
        As for `reconstruct_block`, of either.
    """
    result, difference = _both(method, part, block.grid, replace(ctx, kept=block.kept))
    return result[:, *block.kept], difference[:, *block.kept]


def _reconstructed(
    method: Method,
    volume: Volume,
    grid: AxialGrid,
    ctx: Context,
    apart: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    if apart is None or not tells_disagreement(method):
        shape = (grid.n_out, *volume.shape[1:])
        return _checked(f"{type(method).__name__}.reconstruct", method.reconstruct(volume, grid, ctx), shape)
    result, apart[...] = _both(method, volume, grid, ctx)
    return result


def _both(
    method: Method, volume: Volume, grid: AxialGrid, ctx: Context
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    name, shape = f"{type(method).__name__}.reconstruct_with_disagreement", (grid.n_out, *volume.shape[1:])
    both: Any = getattr(method, "reconstruct_with_disagreement")(volume, grid, ctx)  # noqa: B009
    if not isinstance(both, tuple) or len(both) != 2:
        raise PluginError(f"{name} returned {type(both).__name__}; return a tuple of two arrays")
    return _checked(name, both[0], shape), _checked(name, both[1], shape)


def _checked(name: str, result: Any, shape: tuple[int, int, int]) -> NDArray[np.float32]:
    if not isinstance(result, np.ndarray) or result.dtype != np.float32:
        got = getattr(result, "dtype", type(result).__name__)
        raise PluginError(f"{name} returned {got}; return a numpy array of float32")
    if result.shape != shape:
        raise PluginError(f"{name} returned shape {result.shape}; return {shape} as (grid.n_out, y, x)")
    if not np.isfinite(result).all():
        count = int(np.count_nonzero(~np.isfinite(result)))
        raise PluginError(
            f"{name} returned {count} values that are NaN or infinite; return finite intensities"
        )
    return result
