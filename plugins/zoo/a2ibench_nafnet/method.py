"""NAFNet as a method of the harness."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from a2ibench import SliceNetwork, setting
from a2ibench_nafnet.network import NAFNet

SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"width": 14, "middle": 5},
    "small": {"width": 32, "middle": 7},
    "full": {"width": 96, "middle": 13},
    "published": {"width": 32, "middle": 2},
    "published-SIDD": {"width": 32, "encoder": (2, 2, 4, 8), "middle": 12, "decoder": (2, 2, 2, 2)},
}
_FLOOR = 1e-8


class NAFNetMethod(SliceNetwork):
    """Image restoration without activation functions (Chen et al., ECCV 2022).

    Published and not taken over: learning rate 1e-3 without warm-up, batch 64, patch 256 (all of these are
    the harness's).
    """

    learning_rate = 8e-3
    beta2 = 0.95
    reach: int = setting(
        0, "halo around a block; never less than the network sees", unit="output voxels", low=0
    )
    variant: str = setting("auto", "network; auto: of the size that is asked for", choices=("auto", *SIZES))
    channel_scale: str = setting(
        "none",
        "what scales the channels of each block: nothing, their mean around each pixel, or as published that "
        "of the image, with which blocks are no parts of the whole",
        choices=("none", "local", "global"),
    )
    window: int = setting(24, "side of the square of the local mean", unit="pixels", low=1, high=512)
    criterion: str = setting(
        "psnr", "loss: logarithm of the mean square error, or mean absolute error", choices=("psnr", "l1")
    )
    weight_decay: float = setting(0.0, "of AdamW", low=0, high=1)

    align: ClassVar[int] = 4

    def build(self, size: str) -> NAFNet:
        """Return the network of a size."""
        window = {"none": None, "local": self.window, "global": 0}[self.channel_scale]
        network = NAFNet(**SIZES[size if self.variant == "auto" else self.variant], window=window)
        self.align, self.reach = network.period, max(self.reach, network.reach)
        return network

    def loss(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the negative PSNR for intensities in [0, 1], mean over images, or the other loss."""
        if self.criterion == "l1":
            return F.l1_loss(prediction, target)
        errors = (prediction - target).square().mean((1, 2, 3))
        return 10 * (errors + _FLOOR).log10().mean()

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return AdamW."""
        return torch.optim.AdamW(
            parameters,
            lr=self.learning_rate,
            betas=(0.9, self.beta2),
            weight_decay=self.weight_decay,
            fused=True,
        )
