"""The restoration of a slice network: interpolated, plane by plane, and fused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Context, Volume
from a2ibench.contracts.planes import AXIAL, PLANE_CHOICES
from a2ibench.protocol.brightness import mean_added
from a2ibench.protocol.frequency_fusion import WEIGHTS
from a2ibench.protocol.intensity import split_contrast
from a2ibench.protocol.planes import RunAt, mirrored, restore
from a2ibench.protocol.resample import interpolate, interpolation_matrix
from a2ibench.protocol.restoration import fusion_weights
from a2ibench.protocol.training import autocast

if TYPE_CHECKING:
    from a2ibench.protocol.slice_network import SliceNetwork


class Restored(NamedTuple):
    """Slices (z, y, x), and how far the plane families are apart; None where that is not asked for."""

    slices: NDArray[np.float32]
    apart: NDArray[np.float32] | None


def positions_of(method: SliceNetwork, grid: AxialGrid, device: str) -> torch.Tensor | None:
    """Return where the rows of a grid lie for a network that sees the input slices as they are; else None."""
    return torch.from_numpy(grid.positions).to(device) if method.sees_slices else None


def shown(method: SliceNetwork, seen: NDArray[np.float32], grid: AxialGrid) -> torch.Tensor:
    """Return input slices (n_in, y, x) as the network sees them: on the rows of a grid, or as they are."""
    return torch.from_numpy(seen if method.sees_slices else interpolate(seen, grid, method.slope))


def restore_slices(
    method: SliceNetwork,
    run: RunAt,
    seen: NDArray[np.float32],
    grid: AxialGrid,
    ctx: Context,
    *,
    families: Sequence[str] | None = None,
    weights: tuple[float, ...] = WEIGHTS,
    apart: bool = False,
) -> Restored:
    """Restore what a network sees of a volume, by the settings of its method.

    Parameters
    ----------
    method : SliceNetwork
        Whose settings count.
    run : callable
        The network, on images and positions as `Degraded` has them.
    seen : ndarray of float32, shape (grid.n_in, y, x)
        The input slices, between the ends of the contrast.
    grid : AxialGrid
        The wanted output slices.
    ctx : Context
        Device, precision, progress, and which part is kept.
    families : sequence of str, optional
        Plane families to restore, instead of the method's.
    weights : tuple of float
        Of the fusion by frequency.
    apart : bool
        Whether to tell how far the plane families are apart; a single family tells nothing.
    """
    cover = grid.covering(method.align)
    data, positions = shown(method, seen, cover), positions_of(method, cover, ctx.device)
    if families is None:
        families = PLANE_CHOICES[method.planes]
    difference = None
    if apart and len(families) == len(AXIAL):
        # When it is filled, nothing is read any more from what is interpolated.
        difference = data.new_zeros((cover.n_out, *data.shape[1:])) if method.sees_slices else data
    restoring = mirrored(run) if method.flips else run
    with torch.inference_mode(), autocast(method.precision_used(ctx), ctx.device)():
        restored = restore(
            lambda images: restoring(images, positions),
            data,
            families,
            device=ctx.device,
            reach=method.reach,
            align=method.align,
            progress=ctx.progress,
            kept=ctx.kept,
            fusion=method.fusion,
            weights=weights,
            rows=cover.n_out,
            apart=difference,
        )
    first = grid.first_out - cover.first_out
    part = slice(first, first + grid.n_out)
    return Restored(restored[part].numpy(), None if difference is None else difference[part].numpy())


def brightness_added(
    method: SliceNetwork, run: RunAt, volume: Volume, ends: tuple[float, float], device: str
) -> list[float]:
    """Return what `mean_added` tells of a network that sees what lies between two fractions of intensity."""

    def images(planes: Volume, grid: AxialGrid) -> torch.Tensor:
        return shown(method, split_contrast(planes, *ends)[0], grid).to(device)

    if not method.sees_slices:
        return mean_added(lambda seen: run(seen, None), volume, images)

    def made(seen: torch.Tensor) -> torch.Tensor:
        return run(seen, positions_of(method, AxialGrid(seen.shape[2], volume.ratio), device))

    def interpolated(seen: torch.Tensor) -> torch.Tensor:
        matrix = interpolation_matrix(AxialGrid(seen.shape[2], volume.ratio), method.slope)
        # Weights that are rounded to bf16 do not sum to one.
        with torch.autocast(seen.device.type, enabled=False):
            return torch.from_numpy(matrix).to(seen) @ seen

    return mean_added(made, volume, images, interpolated)


def weights_of(
    method: SliceNetwork, run: RunAt, volume: Volume, ends: tuple[float, float], ctx: Context
) -> tuple[float, ...]:
    """Return the `fusion_weights` of a network that sees what lies between two fractions of intensity."""

    def restored(part: Volume, grid: AxialGrid, ctx: Context, family: str) -> NDArray[np.float32]:
        seen = split_contrast(part, *ends)[0]
        return restore_slices(method, run, seen, grid, ctx, families=[family]).slices

    return fusion_weights(restored, volume, ctx)
