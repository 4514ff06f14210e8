"""Projected distribution loss: distances between the distributions of feature values."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F


def wasserstein(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the 1-D Wasserstein-1 distance between the values of two sets of maps.

    Parameters
    ----------
    x, y : torch.Tensor, shape (batch, channels, rows, columns)
        Gradients flow through both.

    Returns
    -------
    torch.Tensor, shape (batch, channels)
        Mean absolute difference of the sorted values, in float32.
    """
    first, second = (t.flatten(2).float().sort(-1).values for t in (x, y))
    return (first - second).abs().mean(-1)


class ProjectedDistributionLoss(nn.Module):
    """Mean over images and channels of the distance between distributions of features.

    Delbracio, Talebi and Milanfar, arXiv:2012.09289, 2020.

    Parameters
    ----------
    features : nn.Module
        Fixed network that maps images (batch, 1, rows, columns) in [0, 1] to a sequence of feature maps.
    """

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features.requires_grad_(False).eval()

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the scalar loss of images (batch, 1, rows, columns)."""
        with torch.no_grad():
            wanted = self.features(target)
        found = self.features(prediction)
        return torch.cat([wasserstein(x, y) for x, y in zip(found, wanted, strict=True)], 1).mean()


class DerivativeFilters(nn.Module):
    """Pixels, and derivatives of Gaussians at scales 1, 2, 4, ...: features that need no weights.

    At each scale the five first and second derivatives, each scaled to the difference of two weighted means,
    and sampled as coarsely as the scale allows.

    Parameters
    ----------
    scales : int
        Number of scales.
    """

    def __init__(self, scales: int) -> None:
        super().__init__()
        self.scales = scales
        for k in range(scales):
            self.register_buffer(f"kernels{k}", derivative_kernels(2.0**k), persistent=False)

    def forward(self, image: torch.Tensor) -> Sequence[torch.Tensor]:
        """Return the image and one map (batch, 5, rows / 2^k, columns / 2^k) for each scale k."""
        maps = [image]
        for k in range(self.scales):
            kernels = self.get_buffer(f"kernels{k}")
            margin = kernels.shape[-1] // 2
            padded = F.pad(image, [margin] * 4, "replicate")
            maps.append(F.conv2d(padded, kernels, stride=2**k))
        return maps


def derivative_kernels(sigma: float) -> torch.Tensor:
    """Return the derivatives x, y, xx, xy, yy of a Gaussian, shape (5, 1, side, side).

    Every kernel sums to 0, and its absolute values to 2.
    """
    radius = round(3 * sigma)
    at = torch.arange(-radius, radius + 1, dtype=torch.float64)
    gauss = (-0.5 * (at / sigma) ** 2).exp()
    gauss /= gauss.sum()
    first = -at * gauss
    second = (at**2 - sigma**2) * gauss
    second -= second.sum() * gauss
    pairs = ((gauss, first), (first, gauss), (gauss, second), (first, first), (second, gauss))
    kernels = torch.stack([torch.outer(rows, columns) for rows, columns in pairs])[:, None]
    return (2 * kernels / kernels.abs().sum((2, 3), keepdim=True)).float()
