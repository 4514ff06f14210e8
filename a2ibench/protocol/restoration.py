"""Reconstructing with a network, for a method that has no base class: in planes, or in blocks."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Context, Volume, silent
from a2ibench.contracts.planes import AXIAL, PLANE_CHOICES
from a2ibench.data.intensity_range import noise_level
from a2ibench.protocol.brightness import middle
from a2ibench.protocol.frequency_fusion import WEIGHTS, estimated_weights
from a2ibench.protocol.intensity import contrast_fractions, from_contrast, split_contrast
from a2ibench.protocol.planes import Run, restore
from a2ibench.protocol.resample import interpolate
from a2ibench.protocol.sampling import NOISY
from a2ibench.protocol.training import autocast, resolve

# Voxels of the part of a volume on which weights are found, along z and laterally.
_ROWS, _SIDE = 64, 192


def restore_planes(
    run: Run,
    volume: Volume,
    grid: AxialGrid,
    ctx: Context,
    *,
    reach: int,
    align: int = 1,
    planes: str = "both",
    fusion: str = "frequency",
    weights: tuple[float, ...] | None = None,
    bf16_on_cpu: bool = False,
) -> NDArray[np.float32]:
    """Interpolate a volume or a block of it, restore its axial planes, and fuse the plane families.

    What `SliceNetwork.reconstruct` does. The halo of the method has to cover `reach` and `align` output
    voxels and two input slices along z, and `reach` voxels laterally, as many more as there are `weights`
    where families are fused by frequency (one where none are given), and 15 more by Fourier bursts.

    Parameters
    ----------
    run : callable
        Maps images (batch, 1, z, lateral) on ``ctx.device`` to the same shape; 0 and 1 are the ends of the
        contrast, or of the intensity range where the volume knows no contrast. Called without gradients, in
        the precision that `train_network` trains in.
    volume : Volume, shape (grid.n_in, y, x)
        What `Method.reconstruct` is handed, as are `grid` and `ctx`.
    reach, align : int
        How many pixels the network sees to each side, and the period of its windows or strides.
    planes : {"both", "xz", "yz"}
        Plane families to restore.
    fusion : {"frequency", "mean", "fourier-burst"}
        Of the two; with the last, the method's ``align`` has to be a multiple of 8.
    weights : tuple of float, optional
        Of the fusion by frequency: what `fusion_weights` returned after the training.
    bf16_on_cpu : bool
        As of `train_network`.

    Returns
    -------
    ndarray of float32, shape (grid.n_out, y, x)
        As `Method.reconstruct` returns it.
    """
    cover = grid.covering(align)

    def restored(seen: NDArray[np.float32]) -> torch.Tensor:
        data = torch.from_numpy(interpolate(seen, cover))
        return restore(
            run,
            data,
            PLANE_CHOICES[planes],
            device=ctx.device,
            reach=reach,
            align=align,
            progress=ctx.progress,
            kept=ctx.kept,
            fusion=fusion,
            weights=weights or WEIGHTS,
        )

    return _reconstructed(restored, volume, grid, cover, ctx, bf16_on_cpu)


def upsample_planes(
    run: Callable[[torch.Tensor, AxialGrid], torch.Tensor],
    volume: Volume,
    grid: AxialGrid,
    ctx: Context,
    *,
    reach: int,
    align: int = 1,
    planes: str = "both",
    fusion: str = "frequency",
    weights: tuple[float, ...] | None = None,
    bf16_on_cpu: bool = False,
) -> NDArray[np.float32]:
    """Do what `restore_planes` does for a network that sees the input slices as they are.

    Parameters
    ----------
    run : callable
        Called with images (batch, 1, n_in, lateral) and the grid of the wanted rows; returns (batch, 1,
        n_out, lateral) of that grid. It begins at a multiple of `align` and covers all that the images do.
    volume, grid, ctx, reach, align, planes, fusion, weights, bf16_on_cpu
        As of `restore_planes`; `reach` is in pixels along the lateral direction.

    Returns
    -------
    ndarray of float32, shape (grid.n_out, y, x)
    """
    cover = grid.covering(align)

    def restored(seen: NDArray[np.float32]) -> torch.Tensor:
        return restore(
            lambda images: run(images, cover),
            torch.from_numpy(seen),
            PLANE_CHOICES[planes],
            device=ctx.device,
            reach=reach,
            align=align,
            progress=ctx.progress,
            kept=ctx.kept,
            fusion=fusion,
            weights=weights or WEIGHTS,
            rows=cover.n_out,
        )

    return _reconstructed(restored, volume, grid, cover, ctx, bf16_on_cpu)


def fusion_weights(
    restored: Callable[[Volume, AxialGrid, Context, str], NDArray[np.floating[Any]]],
    volume: Volume,
    ctx: Context,
) -> tuple[float, ...]:
    """Return the weights by which the plane families of a volume are fused by frequency.

    In a volume that has much noise they are its own; the protocol says how they are found. Call it at the
    end of ``fit`` and keep what it returns with the network, so that blocks and later calls are alike.

    Parameters
    ----------
    restored : callable
        Called as `Method.reconstruct` is, with the middle of the volume, and with ``"xz"`` or ``"yz"``;
        returns what the trained network makes of that family alone, on any linear scale of intensities.
    volume, ctx
        As `Method.fit` has them.

    Returns
    -------
    tuple of float
        One weight, the protocol's, where the volume has less noise than `missing_noise` adds, and else two.
    """
    if noise_level(replace(volume, intensity=volume.contrast or volume.intensity)) < NOISY:
        return WEIGHTS
    most = math.ceil(_ROWS / volume.ratio), _SIDE, _SIDE
    box = tuple(middle(length, part) for length, part in zip(volume.shape, most, strict=True))
    part = replace(volume, data=np.asarray(volume.data[box]))
    grid = AxialGrid(part.shape[0], volume.ratio)
    quiet = replace(ctx, progress=silent)
    xz, yz = (restored(part, grid, quiet, family) for family in AXIAL)
    return estimated_weights(xz, yz, split_contrast(part, *contrast_fractions(part))[0])


def restore_block(
    run: Run,
    volume: Volume,
    grid: AxialGrid,
    ctx: Context,
    *,
    align: int = 1,
    bf16_on_cpu: bool = False,
) -> NDArray[np.float32]:
    """Interpolate a volume or a block of it, and restore it in 3D as a whole.

    Parameters
    ----------
    run : callable
        Maps (1, 1, z, y, x) to the same shape; for the rest see `restore_planes`.
    volume, grid, ctx
        As of `restore_planes`. How large a block may be is for the method's ``fits`` to say.
    align : int
        Period of the network's windows or strides along z.
    bf16_on_cpu : bool
        As of `train_network`.

    Returns
    -------
    ndarray of float32, shape (grid.n_out, y, x)
    """
    cover = grid.covering(align)

    def restored(seen: NDArray[np.float32]) -> torch.Tensor:
        data = torch.from_numpy(interpolate(seen, cover)).to(ctx.device)
        result = run(data[None, None])[0, 0].cpu()
        ctx.progress("reconstruct", 1, 1)
        return result

    return _reconstructed(restored, volume, grid, cover, ctx, bf16_on_cpu)


def upsample_block(
    run: Callable[[torch.Tensor, AxialGrid], torch.Tensor],
    volume: Volume,
    grid: AxialGrid,
    ctx: Context,
    *,
    bf16_on_cpu: bool = False,
) -> NDArray[np.float32]:
    """Do what `restore_block` does for a network that sees the input slices as they are.

    Parameters
    ----------
    run : callable
        Called with a block (1, 1, n_in, y, x) and the grid of the wanted slices; returns (1, 1, n_out, y, x)
        of that grid, which covers all that the block does.
    volume, grid, ctx, bf16_on_cpu
        As of `restore_block`.

    Returns
    -------
    ndarray of float32, shape (grid.n_out, y, x)
    """
    cover = grid.covering()

    def restored(seen: NDArray[np.float32]) -> torch.Tensor:
        result = run(torch.from_numpy(seen).to(ctx.device)[None, None], cover)[0, 0].cpu()
        ctx.progress("reconstruct", 1, 1)
        return result

    return _reconstructed(restored, volume, grid, cover, ctx, bf16_on_cpu)


def _reconstructed(
    restored: Callable[[NDArray[np.float32]], torch.Tensor],
    volume: Volume,
    grid: AxialGrid,
    cover: AxialGrid,
    ctx: Context,
    bf16_on_cpu: bool,
) -> NDArray[np.float32]:
    low, high = contrast_fractions(volume)
    seen, beyond = split_contrast(volume, low, high)
    precision = resolve(ctx.precision, ctx.device, bf16_on_cpu=bf16_on_cpu)
    with torch.inference_mode(), autocast(precision, ctx.device)():
        result = restored(seen)
    first = grid.first_out - cover.first_out
    wanted: NDArray[np.float32] = result[first : first + grid.n_out].float().numpy()
    if beyond is not None:
        # What lies beyond the contrast is kept from the network, and comes back as it is interpolated.
        wanted = wanted + interpolate(beyond, grid)
    return from_contrast(wanted, low, high)
