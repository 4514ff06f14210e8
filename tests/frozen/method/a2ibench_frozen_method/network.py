"""A CNN whose dilated convolutions see far with few layers."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

DILATIONS = (1, 2, 3, 4, 3, 2, 1)
REACH = sum(DILATIONS)
"""Voxels that a result depends on, to each side: every 3 x 3 convolution adds its dilation."""


class DilatedCNN(nn.Module):
    """Seven 3 x 3 convolutions with dilations 1, 2, 3, 4, 3, 2, 1 (Zhang et al., CVPR 2017).

    Without the batch normalisation of the original, whose statistics would differ between small training
    batches of patches and whole planes.

    Parameters
    ----------
    width : int
        Channels of the hidden layers.
    residual : bool
        Add the result to the input; the first result is the input then.
    """

    def __init__(self, width: int = 64, *, residual: bool = True) -> None:
        super().__init__()
        widths = [1, *[width] * (len(DILATIONS) - 1), 1]
        layers: list[nn.Module] = []
        for (n_in, n_out), dilation in zip(pairwise(widths), DILATIONS, strict=True):
            convolution = nn.Conv2d(n_in, n_out, 3, padding=dilation, dilation=dilation)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            layers += [convolution, nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers[:-1])
        self.residual = residual
        if residual:
            for parameter in self.body[-1].parameters():
                nn.init.zeros_(parameter)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the restored image, of the same shape (batch, 1, rows, columns)."""
        result: torch.Tensor = self.body(image)
        return image + result if self.residual else result
