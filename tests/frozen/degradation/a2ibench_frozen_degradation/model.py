"""A Gaussian slice profile whose width varies from slice to slice."""

from __future__ import annotations

import math

import numpy as np
import torch
from a2ibench import AxialDegradation, AxialGrid, Degraded, setting
from numpy.typing import NDArray

FWHM = 2 * math.sqrt(2 * math.log(2))
"""Full width at half maximum of a Gaussian of standard deviation 1."""

THINNEST, THICKEST = 0.25, 2.0
"""Limits of the thickness of a slice, in mean thicknesses."""


class FrozenDegradationModel(AxialDegradation):
    """Sample every slice under a Gaussian as wide as the slice is thick, and vary the thickness.

    Cut sections differ in thickness (measured by Ambegoda et al., 2018), and what is thicker is blurred more
    along the axis. Slices keep their positions, which are what the volume's voxel size says. The thickness is
    drawn anew for each slice of each image.
    """

    fwhm: float = setting(
        1.0,
        "full width at half maximum of the profile of a slice of mean thickness",
        unit="input slices",
        low=0.1,
        high=8,
    )
    jitter: float = setting(
        0.1,
        "standard deviation of the thickness",
        unit="mean thickness",
        low=0,
        high=1,
    )

    def operator(self, grid: AxialGrid) -> NDArray[np.float64]:
        """Return the matrix (n_in, n_out) for slices of even thickness."""
        even = torch.ones(1, grid.n_in, dtype=torch.float64)
        matrix: NDArray[np.float64] = profiles(grid, self.fwhm * even)[0].numpy()
        return matrix

    def __call__(self, images: torch.Tensor, grid: AxialGrid, generator: torch.Generator) -> Degraded:
        """Degrade images (batch, 1, n_out, columns) of intensities in [0, 1] to n_in rows."""
        draw = torch.empty(len(images), grid.n_in, dtype=images.dtype, device=images.device)
        thickness = 1 + self.jitter * draw.normal_(generator=generator)
        widths = self.fwhm * thickness.clamp(THINNEST, THICKEST)
        sampled = torch.matmul(profiles(grid, widths)[:, None], self.artefacts(images, generator))
        return Degraded(*self.noise(sampled, generator))


def profiles(grid: AxialGrid, fwhm: torch.Tensor) -> torch.Tensor:
    """Return matrices that sample the slices of a grid under Gaussians.

    Parameters
    ----------
    grid : AxialGrid
        Grid whose output axis is sampled.
    fwhm : torch.Tensor, shape (batch, n_in)
        Full widths at half maximum, in input slices.

    Returns
    -------
    torch.Tensor, shape (batch, n_in, n_out)
        Rows sum to 1.
    """
    centres = (torch.arange(grid.n_in).to(fwhm) + 0.5) * grid.ratio - 0.5
    distance = torch.arange(grid.n_out).to(fwhm) - centres[:, None]
    sigma = fwhm[:, :, None] * grid.ratio / FWHM
    return torch.softmax(-(distance**2) / (2 * sigma**2), dim=-1)
