"""The built-in degradation models: an axial operator, followed by Poisson-Gaussian detector noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from a2ibench.degradations.base import AxialDegradation, gaussian_psf, subsample
from a2ibench.settings import setting

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from a2ibench.contracts import AxialGrid


class SlabAverage(AxialDegradation):
    """Average over the thickness of a slice, as a block face or a physical section does."""

    gaussian: float = setting(
        0.0, "standard deviation of additive read-out noise", unit="intensity range", low=0
    )
    poisson: float = setting(0.0, "variance of shot noise at full intensity", unit="intensity range", low=0)

    def noise(
        self, images: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """Add noise of variance gaussian^2 + poisson * intensity."""
        if self.gaussian == 0 and self.poisson == 0:
            return images, {}
        variance = self.gaussian**2 + self.poisson * images.clamp(min=0)
        draw = torch.empty_like(images).normal_(generator=generator)
        return images + variance.sqrt() * draw, {}


class GaussianPSF(SlabAverage):
    """Sample under a Gaussian axial point-spread function."""

    fwhm: float = setting(1.0, "full width at half maximum of the axial blur", unit="input slices", low=0.01)

    def operator(self, grid: AxialGrid) -> NDArray[np.float64]:
        """Return the Gaussian sampling matrix."""
        return gaussian_psf(grid, self.fwhm)


class Subsample(SlabAverage):
    """Read thin sections at the slice centres, without averaging over the spacing between them."""

    def operator(self, grid: AxialGrid) -> NDArray[np.float64]:
        """Return the point-sampling matrix."""
        return subsample(grid)
