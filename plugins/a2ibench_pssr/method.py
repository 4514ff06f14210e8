"""PSSR as a method of the harness."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from a2ibench import SliceNetwork, setting
from a2ibench_pssr.network import PSSRNet

SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "stem_width": 8,
        "channels": (16, 32),
        "blocks": (1, 1),
        "pooled": False,
        "last_width": 20,
        "tail_width": 20,
    },
    "small": {
        "stem_width": 16,
        "channels": (32, 64, 96),
        "blocks": (1, 1, 1),
        "pooled": False,
        "last_width": 45,
        "tail_width": 48,
    },
    "full": {
        "stem_width": 48,
        "channels": (96, 192, 384, 768),
        "last_width": 156,
        "tail_width": 78,
    },
    "published": {},
}


class PSSR(SliceNetwork):
    """Point-scanning super-resolution (Fang et al., Nature Methods 2021).

    The published model enlarges its input bilinearly and restores it with a U-Net of the same size; here the
    cubic interpolation of the protocol comes before the same U-Net. Published and not taken over: one-cycle
    learning rates of 1e-4 to 4e-4 (the schedule is the harness's), patches of 256 to 512. The reduced sizes
    have no globally pooled level.
    """

    degradation = "crappifier"
    learning_rate = 8e-3
    reach = 32
    variant: str = setting("auto", "network; auto: of the size that is asked for", choices=("auto", *SIZES))
    residual: bool = setting(True, "predict a correction of the interpolated image; published: false")
    attention: bool = setting(True, "self-attention in the decoder, as published")
    batch_norm: bool = setting(
        False, "batch-normalise what the decoder takes from the encoder, as published; slower to learn here"
    )
    weight_decay: float = setting(1e-3, "decoupled weight decay, as published", low=0)

    align: ClassVar[int] = 32

    def build(self, size: str) -> nn.Module:
        """Return the network of a size."""
        switches = {"attention": self.attention, "batch_norm": self.batch_norm, "residual": self.residual}
        return PSSRNet(**SIZES[size if self.variant == "auto" else self.variant] | switches)

    def loss(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the mean squared error, as published."""
        return F.mse_loss(prediction, target)

    def optimizer(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Return Adam with decoupled weight decay."""
        return torch.optim.AdamW(
            parameters,
            lr=self.learning_rate,
            betas=(0.9, self.beta2),
            weight_decay=self.weight_decay,
            fused=True,
        )
