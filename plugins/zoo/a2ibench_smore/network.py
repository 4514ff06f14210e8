"""The networks of SMORE: RCAN and EDSR without their last enlargement, with attention that stays local."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

HIDDEN = 16
"""Channels for each hidden one of the attention."""
FEWEST = 4


class ChannelAttention(nn.Module):
    """Scale each channel by what a small perceptron makes of the channels' means around a pixel.

    The published means are those of the whole image, so that a part of an image would be restored
    differently from the same part of a larger one. Here they are taken over a window.

    Parameters
    ----------
    channels : int
        Width.
    window : int
        Side of the window, an odd number; at borders the mean is of what there is.
    """

    def __init__(self, channels: int, window: int) -> None:
        super().__init__()
        hidden = max(FEWEST, channels // HIDDEN)
        self.window = window
        self.squeeze = nn.Conv2d(channels, hidden, 1)
        self.excite = nn.Conv2d(hidden, channels, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape, (batch, channels, rows, columns)."""
        # A 1x1 convolution of means is the mean of its outputs, and those are fewer.
        means = local_mean(self.squeeze(features), self.window)
        return features * torch.sigmoid(self.excite(F.relu(means)))


def local_mean(features: torch.Tensor, window: int) -> torch.Tensor:
    """Return means over square windows around every pixel; at borders of what there is of them."""
    half, channels = window // 2, features.shape[1]
    for axis, kernel in ((2, (window, 1)), (3, (1, window))):
        # As a convolution it takes a fifth of the time of avg_pool2d on processors.
        ones = features.new_ones(channels, 1, *kernel)
        sums = F.conv2d(features, ones, padding=(kernel[0] // 2, kernel[1] // 2), groups=channels)
        last = features.shape[axis] - 1
        place = torch.arange(last + 1, device=features.device)
        held = (place + half).clamp(max=last) - (place - half).clamp(min=0) + 1
        features = sums / held.to(sums.dtype).view(-1, 1 if axis == 2 else held.numel())
    return features


class Block(nn.Module):
    """Two 3x3 convolutions with a ReLU between, and attention, added to their input.

    Parameters
    ----------
    channels : int
        Width.
    window : int
        Of the attention; 0: none.
    """

    def __init__(self, channels: int, window: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = nn.Conv2d(channels, channels, 3, padding=1)
        self.attention = ChannelAttention(channels, window) if window else nn.Identity()

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape, (batch, channels, rows, columns)."""
        restored: torch.Tensor = features + self.attention(self.last(F.relu(self.first(features))))
        return restored


class Group(nn.Module):
    """Modules and a 3x3 convolution, added to their input.

    Parameters
    ----------
    modules : list of nn.Module
        Of equal width.
    channels : int
        Width.
    """

    def __init__(self, modules: list[nn.Module], channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(*modules, nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape, (batch, channels, rows, columns)."""
        restored: torch.Tensor = features + self.body(features)
        return restored


class SMORENet(nn.Module):
    """Correct an image by residual blocks, in residual groups or without; the identity at first.

    Parameters
    ----------
    channels : int
        Width.
    groups : int
        Residual groups; 0: the blocks follow each other, as in EDSR.
    blocks : int
        Residual blocks of a group.
    window : int
        Side of the window of the attention, an odd number; 0: no attention, as in EDSR.

    Attributes
    ----------
    reach : int
        How many pixels away the network sees.
    """

    def __init__(self, channels: int = 64, groups: int = 2, blocks: int = 8, window: int = 9) -> None:
        super().__init__()

        def group() -> list[nn.Module]:
            return [Block(channels, window) for _ in range(blocks)]

        self.head = nn.Conv2d(1, channels, 3, padding=1)
        self.body = Group([Group(group(), channels) for _ in range(groups)] or group(), channels)
        self.tail = nn.Conv2d(channels, 1, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)
        of_blocks = blocks * (2 + window // 2)
        self.reach = 3 + (groups * (of_blocks + 1) or of_blocks)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the restored image, shape (batch, 1, rows, columns) of any size."""
        restored: torch.Tensor = image + self.tail(self.body(self.head(image)))
        return restored
