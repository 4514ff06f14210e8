"""Restoring a volume plane by plane."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from a2ibench.contracts import Progress
from a2ibench.contracts.planes import AXIAL, PLANES
from a2ibench.errors import InputError
from a2ibench.protocol import fourier_burst
from a2ibench.protocol.frequency_fusion import WEIGHTS, fuse_by_frequency, grown

Run = Callable[[torch.Tensor], torch.Tensor]
RunAt = Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor]

# The symmetries of the square, which training covers, that keep the axial direction.
MIRRORS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))

PIXELS_PER_BATCH = {"cpu": 1 << 15, "cuda": 1 << 22}
PIXELS_PER_TILE = {"cpu": 1 << 16, "cuda": 1 << 22}


def mirrored(run: RunAt) -> RunAt:
    """Return what averages the results of `run` on planes (batch, 1, z, lateral) and their mirror images."""

    def average(images: torch.Tensor, positions: torch.Tensor | None) -> torch.Tensor:
        seen = {False: positions, True: positions}
        if positions is not None:
            seen[True] = images.shape[2] - 1 - positions.flip(0)
        return torch.stack([run(images.flip(axes), seen[2 in axes]).flip(axes) for axes in MIRRORS]).mean(0)

    return average


@dataclass(frozen=True)
class Tile:
    """Part of a plane's lateral extent: what is kept of it, and what is read for that."""

    kept: slice
    read: slice


def tiles(
    rows: int, extent: int, *, pixels: int, reach: int, align: int, wanted: slice | None = None
) -> list[Tile]:
    """Cut planes across their lateral direction, so that features fit in the processor's cache.

    Parameters
    ----------
    rows, extent : int
        Sides of a plane, axial and lateral.
    pixels : int
        Most pixels to read for a tile; tiles are never narrower than four times what is read around them.
    reach : int
        Pixels to read on either side of what is kept.
    align : int
        What is read begins at multiples of it, where the network would cut the whole plane, too.
    wanted : slice, optional
        The part of the extent that is kept; by default all.

    Returns
    -------
    list of Tile
        Their kept parts cover what is wanted in order.
    """
    start, stop = (0, extent) if wanted is None else (wanted.start, wanted.stop)
    if rows * extent <= pixels:
        return [Tile(slice(start, stop), slice(0, extent))]
    width = max(pixels // rows - 2 * reach, 8 * reach, align)
    width = align * math.ceil((stop - start) / math.ceil((stop - start) / width) / align)
    parts = [(first, min(first + width, stop)) for first in range(start, stop, width)]
    return [
        Tile(slice(a, b), slice(max(0, a - reach) // align * align, min(b + reach, extent))) for a, b in parts
    ]


def restore(
    run: Run,
    data: torch.Tensor,
    families: Sequence[str],
    *,
    device: str,
    reach: int,
    align: int,
    progress: Progress,
    kept: tuple[slice, slice] | None = None,
    fusion: str = "frequency",
    weights: tuple[float, ...] = WEIGHTS,
    rows: int | None = None,
    apart: torch.Tensor | None = None,
) -> torch.Tensor:
    """Run a network over every axial plane of a volume, and fuse the plane families.

    Parameters
    ----------
    run : callable
        Maps (batch, 1, z, lateral) to the same shape, or to `rows` rows.
    data : torch.Tensor, shape (z, y, x)
        Interpolated volume, or the slices as they are, on the CPU.
    families : sequence of str
        Some of `a2ibench.contracts.planes.AXIAL`.
    device : str
        Where `run` works.
    reach, align : int
        How far the network sees, and the period of its windows, in pixels: see `tiles`.
    progress : Progress
        Told how many planes are done, of their mean width.
    kept : tuple of slice, optional
        Lateral voxels (y, x) to restore; the others are 0. By default all.
    fusion : {"frequency", "mean", "fourier-burst"}
        How two families become one volume: by `fuse_by_frequency`, by their mean, or by `fuse_by_bursts`.
        As many voxels as `margin_of` says are restored around those that are kept, too.
    weights : tuple of float
        Of `fuse_by_frequency`.
    rows : int, optional
        Rows of what `run` returns, where they are not those of `data`.
    apart : torch.Tensor, shape (z, y, x), or (rows, y, x), optional
        Is filled with how far two families are apart, the absolute difference, where voxels are kept; may be
        `data` itself.

    Returns
    -------
    torch.Tensor, shape (z, y, x), or (rows, y, x)
        On the CPU.

    Raises
    ------
    InputError
        If there is no fusion of that name.
    """
    margin = margin_of(fusion, weights)
    if len(families) < len(AXIAL):
        margin = 0
    separate = margin > 0 or (apart is not None and len(families) == len(AXIAL))
    out = data.new_zeros((data.shape[0] if rows is None else rows, *data.shape[1:]))
    others = torch.zeros_like(out) if separate else out
    kind = device.split(":")[0]
    z, y, x = (slice(0, n) for n in data.shape)
    inside = kept or (y, x)
    # What is restored: planes, and columns of each.
    box = (z, *(grown(part, n, margin) for part, n in zip(inside, data.shape[1:], strict=True)))
    axes = [PLANES[family] for family in families]
    planes = sum(_length(box[stacked]) for stacked, *_ in axes)
    # Planes of one family may be much wider than the other's, but each family covers the same voxels.
    work, done = len(families) * _length(box[1]) * _length(box[2]), 0
    for order, restored in zip(axes, (out, others), strict=False):
        some, part_wanted = box[order[0]], box[order[2]]
        stack, target = (volume.permute(order)[some] for volume in (data, restored))
        height, extent = max(stack.shape[1], target.shape[1]), stack.shape[2]
        cut = tiles(
            height, extent, pixels=PIXELS_PER_TILE[kind], reach=reach, align=align, wanted=part_wanted
        )
        batch = max(1, PIXELS_PER_BATCH[kind] // (height * extent))
        for first in range(0, len(stack), batch):
            part = stack[first : first + batch]
            for tile in cut:
                images = part[:, None, :, tile.read].contiguous().to(device, non_blocking=True)
                inner = slice(tile.kept.start - tile.read.start, tile.kept.stop - tile.read.start)
                result = run(images)[:, 0, :, inner].to(data.device)
                share = 1 if separate else 1 / len(families)
                target[first : first + batch, :, tile.kept].add_(result, alpha=share)
            done += len(part) * _length(part_wanted)
            progress("reconstruct", planes * done // work, planes)
    if apart is not None and separate:
        torch.sub(out[:, *inside], others[:, *inside], out=apart[:, *inside]).abs_()
    if margin:
        if fusion == "frequency":
            return fuse_by_frequency(out, others, inside, weights)
        return fourier_burst.fuse_by_bursts(out, others, inside)
    return out.add_(others).div_(2) if separate else out


FUSIONS = ("frequency", "mean", "fourier-burst")


def margin_of(fusion: str, weights: tuple[float, ...] = WEIGHTS) -> int:
    """Return how many voxels around what is kept a fusion reads.

    Raises
    ------
    InputError
        If there is no fusion of that name.
    """
    if fusion not in FUSIONS:
        raise InputError(f"fusion: got {fusion!r}; choose one of {', '.join(FUSIONS)}")
    return {"frequency": len(weights), "mean": 0, "fourier-burst": fourier_burst.MARGIN}[fusion]


def _length(part: slice) -> int:
    return int(part.stop - part.start)
