"""ECLARE: its sizes, and the protocol's training on the acquired slices."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import torch
from torch import nn

from a2ibench import MULTIPLY_ADDS, Context, Degraded, InputError, SliceNetwork, Volume, setting
from a2ibench_eclare.network import EclareNet, work

SIZES = {
    "tiny": {"channels": 26, "blocks": 4},
    "small": {"channels": 48, "blocks": 7},
    "full": {"channels": 116, "blocks": 16},
}
"""Blocks, and the width at a ratio of 3."""
PUBLISHED = {"channels": 256, "blocks": 16}


class Eclare(SliceNetwork):
    """A wide-activation residual CNN on the acquired slices (Remedios et al., 2025).

    There are fewer acquired pixels than voxels of the output, so the larger the ratio, the wider is a network
    that does the work of the other methods.
    """

    learning_rate = 4e-3
    reach: int = setting(
        0, "halo around a block, at least what the network sees", unit="pixels of the acquired slices", low=0
    )
    variant: str = setting(
        "auto",
        "auto: channels and blocks by size and ratio; published: 256 channels and 16 blocks",
        choices=("auto", "published"),
    )
    channels: int = setting(0, "width; 0: by size and ratio", low=0)
    blocks: int = setting(0, "residual blocks; 0: by size", low=0)

    align: ClassVar[int] = 1
    sees_slices: ClassVar[bool] = True

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._by_ratio = not self.channels

    def fit(self, volume: Volume, ctx: Context) -> None:
        """Train as every slice network, in the width that does the work of the size at the volume's ratio."""
        if self._by_ratio and self.variant == "auto":
            self.channels = width(MULTIPLY_ADDS[ctx.size], SIZES[ctx.size]["blocks"], volume.ratio)
        super().fit(volume, ctx)

    def build(self, size: str) -> EclareNet:
        """Return the network of a size, with as many shuffled rows as the ratio, rounded up."""
        # Checkpoints from before the width went by the ratio have that of a ratio of 3.
        shape = PUBLISHED if self.variant == "published" else SIZES[size]
        channels, blocks = self.channels or shape["channels"], self.blocks or shape["blocks"]
        if channels == 1:
            raise InputError("eclare: channels: got 1; give at least 2, for blocks take four fifths of them")
        self.reach = max(self.reach, blocks + 2)
        return EclareNet(channels, blocks, math.ceil(self.ratio), self.slope)

    def forward(self, network: nn.Module, degraded: Degraded) -> torch.Tensor:
        """Return the restored rows, shape (batch, 1, rows, columns)."""
        restored: torch.Tensor = network(degraded.image, degraded.positions)
        return restored


def width(most: float, blocks: int, ratio: float) -> int:
    """Return the channels of the widest network with so many blocks that does no more work.

    Parameters
    ----------
    most : float
        Multiply-adds per voxel of the output, of both plane families.
    blocks : int
        Residual blocks.
    ratio : float
        Voxels of the output for an acquired one.
    """
    channels = 2
    while 2 * work(channels + 1, blocks, math.ceil(ratio)) / ratio <= most:
        channels += 1
    return channels
