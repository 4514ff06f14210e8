"""The plain method: its network, and the protocol's training."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from a2ibench import SliceNetwork, setting

SIZES = {
    "tiny": {"channels": 16, "blocks": 1},
    "small": {"channels": 48, "blocks": 4},
    "full": {"channels": 128, "blocks": 5},
}


class Block(nn.Module):
    """Two 3x3 convolutions with a ReLU between, added to their input; zero at first.

    Parameters
    ----------
    channels : int
        Width.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = _zero(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape, (batch, channels, rows, columns)."""
        return features + self.last(F.relu(self.first(features)))


class PlainNet(nn.Module):
    """Correct an image by a residual CNN that works on a coarser grid with more channels.

    Interpolated pixels tell little that their neighbours do not, so squares of them are taken for channels
    of one pixel (pixel unshuffle) and put back in the end (pixel shuffle). The network begins as the
    identity.

    Parameters
    ----------
    channels, blocks : int
        Width, and number of residual blocks.
    stride : int
        Side of the squares.
    """

    def __init__(self, channels: int, blocks: int, stride: int = 2) -> None:
        super().__init__()
        self.stride = stride
        self.head = nn.Conv2d(stride**2, channels, 3, padding=1)
        self.body = nn.Sequential(*(Block(channels) for _ in range(blocks)))
        self.tail = _zero(nn.Conv2d(channels, stride**2, 3, padding=1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the restored image, shape (batch, 1, rows, columns) of any size."""
        rows, columns = image.shape[-2:]
        whole = F.pad(image, (0, -columns % self.stride, 0, -rows % self.stride), mode="replicate")
        features = self.body(self.head(F.pixel_unshuffle(whole, self.stride)))
        correction = F.pixel_shuffle(self.tail(features), self.stride)
        return image + correction[..., :rows, :columns]


class Plain(SliceNetwork):
    """A residual CNN without any device of its own, trained by the protocol as every other network.

    It is published nowhere. It is here because a benchmark is worth what its simplest entry demands.
    """

    learning_rate = 4e-3
    reach = 26
    channels: int = setting(0, "width; 0: by size", low=0)
    blocks: int = setting(0, "residual blocks; 0: by size", low=0)
    stride: int = setting(2, "side of the squares of pixels that become channels", low=1, high=8)

    align: ClassVar[int] = 8

    def build(self, size: str) -> nn.Module:
        """Return the network of a size."""
        shape = {name: getattr(self, name) or value for name, value in SIZES[size].items()}
        return PlainNet(**shape, stride=self.stride)


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
