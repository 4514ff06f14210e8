"""The ZSSR network: a plain stack of 3x3 convolutions that corrects the interpolated image."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn


class ZSSRNet(nn.Module):
    """Correct an image by a stack of 3x3 convolutions with ReLUs between; the identity at first.

    Parameters
    ----------
    channels : int
        Width of the hidden layers.
    depth : int
        Number of convolutions, at least 2; it is also how many pixels away the network sees.
    """

    def __init__(self, channels: int = 64, depth: int = 8) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise([1, *[channels] * (depth - 1), 1]):
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers[:-1])
        for layer in layers[::2]:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(layers[-2].weight)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the restored image, shape (batch, 1, rows, columns) of any size."""
        restored: torch.Tensor = image + self.body(image)
        return restored
