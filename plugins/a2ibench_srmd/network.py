"""The SRMD network: a plain stack of 3x3 convolutions on the image and its degradation maps."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

START = 0.01
"""Scale of the last layer's first weights when the network predicts a correction: it starts near zero."""


class SRMDNet(nn.Module):
    """Restore an image from itself and constant maps that describe its degradation.

    With 17 input channels, 128 channels and depth 12 it has the 1,496,705 parameters of the published
    same-size network. The maps start without influence on the result.

    Parameters
    ----------
    in_channels : int
        One image channel plus the maps.
    channels : int
        Width of the hidden layers.
    depth : int
        Number of convolutions, at least 2.
    residual : bool
        Predict a correction of the input image; the published network predicts the image.
    """

    def __init__(
        self, in_channels: int = 17, channels: int = 128, depth: int = 12, *, residual: bool = True
    ) -> None:
        super().__init__()
        widths = [in_channels, *[channels] * (depth - 1), 1]
        layers: list[nn.Module] = []
        for n_in, n_out in pairwise(widths):
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(inplace=True)]
        self.body = nn.Sequential(*layers[:-1])
        self.residual = residual
        for name, value in self.body.named_parameters():
            if name.endswith("bias"):
                nn.init.zeros_(value)
            else:
                nn.init.kaiming_normal_(value, nonlinearity="relu")
        with torch.no_grad():
            # The maps are strong and constant: at He's scale they drown the image for hundreds of steps.
            next(self.body[0].parameters())[:, 1:] = 0
            if residual:
                next(self.body[-1].parameters()).mul_(START)

    def forward(self, image: torch.Tensor, maps: torch.Tensor) -> torch.Tensor:
        """Return the restored image.

        Parameters
        ----------
        image : torch.Tensor, shape (batch, 1, rows, columns)
            Degraded, interpolated to the full size.
        maps : torch.Tensor, shape (batch, in_channels - 1, rows, columns)
            Degradation maps.
        """
        restored: torch.Tensor = self.body(torch.cat([image, maps], dim=1))
        return image + restored if self.residual else restored
