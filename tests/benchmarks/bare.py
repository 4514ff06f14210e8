"""A network that costs little, so that what the harness adds to it shows."""

from __future__ import annotations

from torch import nn

from a2ibench import SliceNetwork


class Bare(SliceNetwork):
    """Eight 3x3 convolutions of 48 channels: about the cheapest network that a method has."""

    def build(self, size: str) -> nn.Module:
        layers: list[nn.Module] = [nn.Conv2d(1, 48, 3, padding=1)]
        for _ in range(6):
            layers += [nn.ReLU(), nn.Conv2d(48, 48, 3, padding=1)]
        return nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(48, 1, 3, padding=1))
