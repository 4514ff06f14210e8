"""PSSR's degradation of electron micrographs, called "crappifier" by its authors."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from a2ibench import AxialDegradation, setting


class Crappifier(AxialDegradation):
    """Add noise whose variance follows the local intensity to the isotropic image, then slab-average.

    Published: variance 0.05 for every image, a local intensity smoothed by a Gaussian of 3 pixels, values
    clipped to [0, 1], then linear down-sampling of both axes. Here only the axial direction is sampled, by
    the slab average; the strength is drawn for each image between 0 and `variance`, and nothing is clipped,
    as clipping would shift the mean. The default is far weaker than published, because the volumes are: it
    reaches a standard deviation of 6 in 255 at mid grey before the averaging.
    """

    variance: float = setting(
        0.001,
        "largest noise variance at full intensity; published: 0.05",
        unit="intensity range squared",
        low=0,
    )
    sigma: float = setting(
        3.0, "smoothing of the local intensity, standard deviation", unit="voxels", low=0.1, high=64
    )

    def artefacts(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return images (batch, 1, rows, columns) with noise of variance strength * smoothed intensity."""
        strength = torch.empty(len(images), 1, 1, 1, dtype=images.dtype, device=images.device)
        strength.uniform_(0, self.variance, generator=generator)
        white = torch.empty_like(images).normal_(generator=generator)
        local = gaussian_blur(images, self.sigma).clamp(min=0)
        return images + (strength * local).sqrt() * white


def gaussian_blur(images: torch.Tensor, sigma: float) -> torch.Tensor:
    """Smooth images (batch, 1, rows, columns) along both sides; edges repeat, tails end at 4 sigma."""
    radius = int(4 * sigma + 0.5)
    steps = torch.arange(-radius, radius + 1, dtype=images.dtype, device=images.device)
    kernel = torch.exp(-(steps**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    padded = F.pad(images, (radius, radius, radius, radius), mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
