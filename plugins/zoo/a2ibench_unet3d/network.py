"""The 3D U-Net that pools laterally until voxels are cubes, and upsamples along z on its way back."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from a2ibench import AxialGrid, interpolation_matrix

CONTRAST = 4.0
"""The network sees (intensity - 0.5) times this, as networks on slices do."""
MOST_POOLINGS = 2
CONVOLUTIONS = 3
"""Of a level, on either side."""


def upsampling_steps(ratio: float) -> tuple[int, ...]:
    """Return how much finer along z each step back up makes the features, the coarsest step first.

    There are as many steps as poolings by 2 until voxels are cubes, but one at least and no more than
    `MOST_POOLINGS`. Their product is the ratio, or the next whole number.
    """
    whole = max(1, math.ceil(ratio - 0.01))
    poolings = min(MOST_POOLINGS, max(1, round(math.log2(whole))))
    primes, rest = list[int](), whole
    for candidate in range(2, whole + 1):
        while rest % candidate == 0:
            primes.append(candidate)
            rest //= candidate
    while len(primes) > poolings:
        primes = sorted([primes[0] * primes[1], *primes[2:]])
    return (1,) * (poolings - len(primes)) + tuple(primes)


def level_widths(base: float, steps: Sequence[int]) -> list[int]:
    """Return the features of each level, the finest first: each has twice those of the level above."""
    return [round(base * 2**level) for level in range(len(steps) + 1)]


def work(widths: Sequence[int], steps: Sequence[int], ratio: float) -> float:
    """Return the multiply-adds per output voxel."""
    total, above = float(widths[0]), 1
    for level, width in enumerate(widths):
        share = 1 / (ratio * 4**level)
        total += 27 * (above * width + (CONVOLUTIONS - 1) * width**2) * share
        above = width
        if level == len(steps):
            break
        finer = math.prod(steps[: len(steps) - level])
        total += (widths[level + 1] * width + (width**2 if finer > 1 else 0)) * finer * share
        voxels = 1.0 if level == 0 else finer * share
        total += 27 * (CONVOLUTIONS + 1) * width**2 * voxels
    return total


def base_width(most: float, ratio: float) -> float:
    """Return the largest number of features, in quarters, with which the network does no more work."""
    steps, quarters = upsampling_steps(ratio), 4
    while work(level_widths((quarters + 1) / 4, steps), steps, ratio) <= most:
        quarters += 1
    return quarters / 4


def sees(steps: Sequence[int], ratio: float) -> tuple[float, int]:
    """Return how far a network sees: input slices and lateral voxels."""
    levels = len(steps)
    lateral = sum(CONVOLUTIONS * 2**level for level in (*range(levels + 1), *range(levels)))
    # Poolings and what undoes them work in cells: a voxel sees all of its own.
    lateral += 2**levels - 1
    axial = CONVOLUTIONS * (levels + 1.0)
    for level in range(1, levels):
        axial += CONVOLUTIONS / math.prod(steps[: levels - level])
    # The finest level is resized to the output slices; a slice and its neighbour, and the cell.
    return axial + CONVOLUTIONS / ratio + 1 / math.prod(steps) + 1, lateral


class Level(nn.Sequential):
    """Three 3 x 3 x 3 convolutions, each with a ReLU.

    Parameters
    ----------
    features, width : int
        Before and after.
    """

    def __init__(self, features: int, width: int) -> None:
        sizes = [features, *[width] * (CONVOLUTIONS - 1)]
        layers = [(nn.Conv3d(size, width, 3, padding=1), nn.ReLU(inplace=True)) for size in sizes]
        super().__init__(*(layer for pair in layers for layer in pair))


class UNet3DNet(nn.Module):
    """Super-resolve a block along z; at first, interpolate it.

    Parameters
    ----------
    widths : sequence of int
        Features of the levels, the finest first.
    steps : sequence of int
        See `upsampling_steps`.
    """

    def __init__(self, widths: Sequence[int], steps: Sequence[int]) -> None:
        super().__init__()
        self.steps = tuple(steps)
        fine = widths[:-1]
        finer = [math.prod(steps[: len(steps) - level]) for level in range(len(fine))]
        self.down = nn.ModuleList(Level(*sizes) for sizes in zip([1, *fine], widths, strict=True))
        self.up = nn.ModuleList(
            _transposed(below, width, (step, 2, 2))
            for width, below, step in zip(fine, widths[1:], reversed(steps), strict=True)
        )
        self.across = nn.ModuleList(
            _transposed(width, width, (times, 1, 1)) if times > 1 else nn.Identity()
            for width, times in zip(fine, finer, strict=True)
        )
        self.joined = nn.ModuleList(Level(2 * width, width) for width in fine)
        self.last = nn.Conv3d(widths[0], 1, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.ConvTranspose3d):
                # Strides are as long as kernels, so that each voxel comes of one below.
                nn.init.normal_(module.weight, std=module.in_channels**-0.5)
            else:
                continue
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        nn.init.zeros_(self.last.weight)

    def forward(self, block: torch.Tensor, grid: AxialGrid) -> torch.Tensor:
        """Return the output slices of a grid, (batch, 1, grid.n_out, y, x), for (batch, 1, grid.n_in, y, x).

        Sides are of any length; intensities are 0 to 1.
        """
        rows, columns = block.shape[-2:]
        cell = 2 ** len(self.steps)
        padded = F.pad(block, (0, -columns % cell, 0, -rows % cell, 0, 0), mode="replicate")
        features = ((padded - 0.5) * CONTRAST).contiguous(memory_format=torch.channels_last_3d)
        skipped = list[torch.Tensor]()
        for level, convolved in enumerate(self.down):
            features = convolved(F.max_pool3d(features, (1, 2, 2)) if level else features)
            skipped.append(features)
        for level in reversed(range(len(self.steps))):
            both = [self.up[level](features), self.across[level](skipped[level])]
            if level == 0:
                both = [resized(one, grid, math.prod(self.steps)) for one in both]
            features = self.joined[level](torch.cat(both, 1))
        correction = self.last(features)[..., :rows, :columns].float() / CONTRAST
        return interpolated(block, grid) + correction


def interpolated(block: torch.Tensor, grid: AxialGrid) -> torch.Tensor:
    """Return the cubic interpolation of a block (batch, 1, grid.n_in, y, x) at the slices of a grid."""
    with torch.autocast(block.device.type, enabled=False):
        matrix = torch.from_numpy(interpolation_matrix(grid)).to(block)
        return torch.matmul(matrix, block.flatten(3)).unflatten(3, block.shape[3:])


def resized(features: torch.Tensor, grid: AxialGrid, finer: int) -> torch.Tensor:
    """Return features at the output slices of a grid, linearly between those they are known at.

    Parameters
    ----------
    features : torch.Tensor, shape (batch, features, finer * grid.n_in, y, x)
        At `finer` places in each input slice.
    grid : AxialGrid
        The wanted slices; those beyond the ends repeat the end.
    finer : int
        Places an input slice.
    """
    last = features.shape[2] - 1
    places = torch.from_numpy((grid.positions + 0.5) * finer - 0.5).clamp_(0, last)
    near = places.round()
    if bool(((places - near).abs() < 1e-6).all()):
        indices = near.long()
        whole = indices.equal(torch.arange(last + 1))
        return features if whole else features.index_select(2, indices.to(features.device))
    left = places.floor().clamp_(max=max(0, last - 1))
    first, second = left.long().to(features.device), (left.long() + 1).clamp_(max=last).to(features.device)
    share = (places - left).to(features)[:, None, None]
    return torch.lerp(features.index_select(2, first), features.index_select(2, second), share)


def _transposed(features: int, width: int, stride: tuple[int, int, int]) -> nn.ConvTranspose3d:
    return nn.ConvTranspose3d(features, width, stride, stride)
