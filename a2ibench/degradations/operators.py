"""Matrices that sample input slices from output slices along the axial direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from a2ibench.contracts import AxialGrid


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
