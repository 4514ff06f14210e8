"""Degradation models, noise(operator(artefacts(image))) on whole batches: what they share, and our own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Degraded, Volume
from a2ibench.settings import Configurable, setting

if TYPE_CHECKING:
    import torch


def slab_average(grid: AxialGrid) -> NDArray[np.float64]:
    """Average the output slices that each input slice covers, with fractional weights at its ends.

    Parameters
    ----------
    grid : AxialGrid
        Grid whose output axis is sampled.

    Returns
    -------
    ndarray, shape (n_in, n_out)
        Rows sum to 1. A last slab that reaches past the output is averaged over what there is.
    """
    edges_in = np.arange(grid.n_in + 1) * grid.ratio
    edges_out = np.arange(grid.n_out + 1)
    low = np.maximum(edges_in[:-1, None], edges_out[None, :-1])
    high = np.minimum(edges_in[1:, None], edges_out[None, 1:])
    return _normalised(np.clip(high - low, 0.0, None))


def gaussian_psf(grid: AxialGrid, fwhm: float) -> NDArray[np.float64]:
    """Sample under a Gaussian point-spread function centred on each input slice.

    Parameters
    ----------
    grid : AxialGrid
        Grid whose output axis is sampled.
    fwhm : float
        Full width at half maximum, in input slices.

    Returns
    -------
    ndarray, shape (n_in, n_out)
        Rows sum to 1.
    """
    sigma = fwhm * grid.ratio / (2 * np.sqrt(2 * np.log(2)))
    centres = (np.arange(grid.n_in) + 0.5) * grid.ratio - 0.5
    distance = np.arange(grid.n_out)[None, :] - centres[:, None]
    nearest = np.abs(distance).min(axis=1, keepdims=True)
    return _normalised(np.exp((nearest**2 - distance**2) / (2 * sigma**2)))


def subsample(grid: AxialGrid) -> NDArray[np.float64]:
    """Read a thin section at the centre of each input slice, interpolating linearly between output slices.

    Parameters
    ----------
    grid : AxialGrid
        Grid whose output axis is sampled.

    Returns
    -------
    ndarray, shape (n_in, n_out)
        Rows sum to 1 and hold at most two weights.
    """
    centres = np.clip((np.arange(grid.n_in) + 0.5) * grid.ratio - 0.5, 0, grid.n_out - 1)
    distance = np.abs(np.arange(grid.n_out)[None, :] - centres[:, None])
    return _normalised(np.clip(1.0 - distance, 0.0, None))


def _normalised(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    normalised: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normalised


class AxialDegradation(Configurable):
    """Degrades a batch along its rows: artefacts, then a linear operator, then noise.

    Subclasses override any of the three steps, or `__call__` as a whole. Every step works on the whole
    batch on its device and takes its random numbers from the generator that it is handed.
    """

    def __init__(self, **values: bool | float | str) -> None:
        super().__init__(**values)
        self._matrices: dict[tuple[object, ...], torch.Tensor] = {}

    def operator(self, grid: AxialGrid) -> NDArray[np.float64]:
        """Return the matrix (n_in, n_out) applied along the rows; by default the slab average."""
        return slab_average(grid)

    def artefacts(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return the isotropic images, (batch, 1, n_out, columns), with artefacts; by default unchanged."""
        return images

    def noise(
        self, images: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """Return the sampled images, (batch, 1, n_in, columns), with noise, and what was drawn."""
        return images, {}

    def nominal(self, volume: Volume) -> Mapping[str, torch.Tensor]:
        """Return the parameters that describe the given anisotropic volume; by default none."""
        return {}

    def __call__(self, images: torch.Tensor, grid: AxialGrid, generator: torch.Generator) -> Degraded:
        """Degrade images of intensities in [0, 1].

        Parameters
        ----------
        images : torch.Tensor, shape (batch, 1, n_out, columns)
            Isotropic images.
        grid : AxialGrid
            Grid of the rows.
        generator : torch.Generator
            Source of every random number, on the device of the images.

        Returns
        -------
        Degraded
            Images of shape (batch, 1, n_in, columns) and the parameters that were drawn.
        """
        sampled = self.matrix(grid, images) @ self.artefacts(images, generator)
        return Degraded(*self.noise(sampled, generator))

    def matrix(self, grid: AxialGrid, like: torch.Tensor) -> torch.Tensor:
        """Return the operator as a tensor of the dtype and on the device of `like`, computed once."""
        key = (grid, like.dtype, like.device)
        if key not in self._matrices:
            self._matrices.clear()
            self._matrices[key] = like.new_tensor(self.operator(grid))
        return self._matrices[key]


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
        draw = images.new_empty(images.shape).normal_(generator=generator)
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
