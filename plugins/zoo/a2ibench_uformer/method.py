"""Uformer as a method of the harness."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import nn

from a2ibench import SliceNetwork, setting
from a2ibench_uformer.network import UformerNet
from a2ibench_uformer.sight import sight

SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"channels": 8, "depths": (1, 3, 1), "head": 8},
    "small": {"channels": 16, "depths": (1, 2, 3, 2, 1), "head": 16},
    "full": {"channels": 64, "depths": (1, 2, 3, 2, 1), "head": 32},
    "published-T": {"channels": 16, "depths": (2,) * 9, "head": 16},
    "published-S": {"channels": 32, "depths": (2,) * 9, "head": 32},
    "published": {"channels": 32, "depths": (1, 2, 8, 8, 2, 8, 8, 2, 1), "head": 32},
}


class Uformer(SliceNetwork):
    """Image restoration with a U-shaped transformer (Wang et al., CVPR 2022).

    The variants ``published-T``, ``published-S`` and ``published``, which is B, are the published networks.
    Published and not taken over: learning rate 2e-4 without warm-up, batch 32, patch 128 (all of these are
    the harness's), and stochastic depth.
    """

    learning_rate = 8e-3
    reach: int = setting(
        0, "halo around a block; never less than the network sees", unit="output voxels", low=0
    )
    variant: str = setting("auto", "network; auto: of the size that is asked for", choices=("auto", *SIZES))
    window: int = setting(8, "side of the attention windows", unit="pixels of each level", low=2, high=64)
    mlp_ratio: float = setting(4.0, "hidden over outer width of the perceptrons", low=0.1)
    modulators: bool = setting(True, "add learned values to the windows of the decoders")
    charbonnier: float = setting(1e-6, "constant under the root of the Charbonnier loss", low=1e-12)
    weight_decay: float = setting(0.02, "of AdamW", low=0, high=1)

    align: ClassVar[int] = 32

    def build(self, size: str) -> UformerNet:
        """Return the network of a size."""
        shape = SIZES[size if self.variant == "auto" else self.variant]
        network = UformerNet(**shape, window=self.window, ratio=self.mlp_ratio, modulators=self.modulators)
        self.align = self.window * 2**network.levels
        self.reach = max(self.reach, sight(network.depths, self.window))
        return network

    def loss(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the Charbonnier loss."""
        return ((prediction - target).square() + self.charbonnier).sqrt().mean()

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return AdamW."""
        return torch.optim.AdamW(
            parameters,
            lr=self.learning_rate,
            betas=(0.9, self.beta2),
            weight_decay=self.weight_decay,
            fused=True,
        )
