"""ECLARE: its sizes, and the protocol's training on the acquired slices."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import nn

from a2ibench import Degraded, InputError, SliceNetwork, setting
from a2ibench_eclare.network import EclareNet

SIZES = {
    "tiny": {"channels": 26, "blocks": 4},
    "small": {"channels": 48, "blocks": 7},
    "full": {"channels": 116, "blocks": 16},
}
PUBLISHED = {"channels": 256, "blocks": 16}


class Eclare(SliceNetwork):
    """A wide-activation residual CNN on the acquired slices (Remedios et al., 2025).

    It does the same work for each acquired pixel, so the larger the ratio, the less for a voxel of the
    output. Sizes are matched to the other methods at ratio 3.
    """

    learning_rate = 4e-3
    reach: int = setting(
        0, "halo around a block, at least what the network sees", unit="pixels of the acquired slices", low=0
    )
    variant: str = setting(
        "auto",
        "auto: channels and blocks by size; published: 256 channels and 16 blocks",
        choices=("auto", "published"),
    )
    channels: int = setting(0, "width; 0: by size", low=0)
    blocks: int = setting(0, "residual blocks; 0: by size", low=0)

    align: ClassVar[int] = 1
    sees_slices: ClassVar[bool] = True

    def build(self, size: str) -> EclareNet:
        """Return the network of a size, with as many shuffled rows as the ratio, rounded up."""
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
