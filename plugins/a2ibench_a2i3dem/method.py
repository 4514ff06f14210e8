"""A2I-3DEM as a method of the harness."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from a2ibench import InputError, SliceNetwork, setting
from a2ibench_a2i3dem.loss import DerivativeFilters, ProjectedDistributionLoss, VGGFeatures, parse_layers
from a2ibench_a2i3dem.network import A2INet, BlockOptions

SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "channels": 16,
        "levels": 2,
        "depth": 1,
        "window": 4,
        "head_width": 16,
        "expansion": 1.75,
        "convolutions": 1,
    },
    "small": {
        "channels": 28,
        "levels": 3,
        "depth": 1,
        "window": 6,
        "head_width": 28,
        "expansion": 1.75,
        "convolutions": 2,
    },
    "full": {
        "channels": 64,
        "levels": 3,
        "depth": 4,
        "window": 8,
        "head_width": 32,
        "expansion": 1.75,
        "convolutions": 2,
    },
}


class A2I3DEM(SliceNetwork):
    """U-shaped window transformer with gated feed-forward networks (Khateri et al.).

    No code of the authors is public, and the paper leaves open: channels, levels, blocks, heads, windows,
    patches, batch, steps, schedule and the features of the distribution loss. Each such choice is a setting
    here. A setting of 0 takes the value of the size that is built.
    """

    learning_rate = 4e-3
    channels: int = setting(0, "channels of the low-level features; 0: by size", low=0)
    levels: int = setting(0, "levels of the U, the bottleneck included; 0: by size", low=0, high=6)
    depth: int = setting(0, "blocks of each encoder, decoder and the bottleneck; 0: by size", low=0)
    window: int = setting(0, "side of the attention windows; 0: by size", unit="features", low=0)
    head_width: int = setting(0, "channels of an attention head, at every level; 0: by size", low=0)
    shift: bool = setting(True, "shift the windows of every second block by half their side")
    expansion: float = setting(0.0, "hidden over outer width of a feed-forward path; 0: by size", low=0)
    local: str = setting("both", "feed-forward paths with a depth-wise convolution", choices=("both", "gate"))
    gate: str = setting("gelu", "activation of the gating path", choices=("gelu", "none"))
    attention_residual: bool = setting(
        True, "put the attention on a residual path; equation 2 as printed: false"
    )
    convolutions: int = setting(
        0, "3x3 convolutions before the encoder, and after the decoder; 0: by size", low=0
    )
    residual: bool = setting(True, "predict a correction of the interpolated image")
    alpha: float = setting(
        0.01, "weight of the projected distribution loss on VGG features; the paper's value", low=0
    )
    alpha_filters: float = setting(
        0.3, "weight of that loss on derivative filters, where it is 8 % of the loss", low=0
    )
    pdl_scales: int = setting(3, "scales of the derivative filters of that loss", low=0, high=6)
    vgg_weights: str = setting("", "safetensors file of VGG-16 or VGG-19, to take that loss on its features")
    vgg_layers: str = setting("3,8", "its layers, as torchvision counts them")

    def build(self, size: str) -> nn.Module:
        """Return the network of a size.

        Raises
        ------
        InputError
            If the channels are no multiple of `head_width`.
        """
        shape = {name: getattr(self, name) or value for name, value in SIZES[size].items()}
        if shape["channels"] % shape["head_width"]:
            raise InputError(
                f"head_width: got {shape['head_width']}; give a divisor of the {shape['channels']} channels"
            )
        options = BlockOptions(
            window=shape.pop("window"),
            head_width=shape.pop("head_width"),
            expansion=shape.pop("expansion"),
            local=self.local,
            gate=self.gate,
            shift=self.shift,
            attention_residual=self.attention_residual,
        )
        network = A2INet(**shape, options=options, residual=self.residual)
        self.align = network.period
        return network

    def loss(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return mean absolute error + alpha * projected distribution loss (equation 5)."""
        loss = F.l1_loss(prediction, target)
        alpha = self.alpha if self.vgg_weights else self.alpha_filters
        if alpha > 0:
            distribution = _distribution_loss(
                self.vgg_weights, self.vgg_layers, self.pdl_scales, prediction.device
            )
            loss = loss + alpha * distribution(prediction, target)
        return loss

    def configuration(self) -> dict[str, Any]:
        """Return the resolved settings, and which features the distribution loss is taken on."""
        return super().configuration() | {"pdl": "pdl-vgg" if self.vgg_weights else "pdl-filters"}


@lru_cache(maxsize=1)
def _distribution_loss(
    weights: str, layers: str, scales: int, device: torch.device
) -> ProjectedDistributionLoss:
    features = VGGFeatures(Path(weights), parse_layers(layers)) if weights else DerivativeFilters(scales)
    return ProjectedDistributionLoss(features).to(device)
