"""How noisy a volume is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Volume

SLICES = 9
"""Lateral slices, evenly spaced, that the noise level is estimated from."""

SIDE = 1024
"""Voxels along the sides of the middle of a slice that is looked at, so that wide slices take no longer."""

_SMALLEST = 8


def noise_level(volume: Volume) -> float:
    """Estimate the white noise of the lateral slices.

    The median magnitude of the finest diagonal wavelet coefficients (`skimage.restoration.estimate_sigma`;
    Donoho and Johnstone, Biometrika 81(3):425-455, 1994), of which the median over slices is taken. Only
    what is uncorrelated between voxels counts as noise, and sharp texture counts in part.

    Parameters
    ----------
    volume : Volume, shape (z, y, x)
        Of any voxel size.

    Returns
    -------
    float
        Standard deviation as a fraction of the intensity range; 0 where slices are constant, or have fewer
        than 8 voxels along a side.
    """
    if min(volume.shape[1:]) < _SMALLEST:
        return 0.0
    chosen = np.unique(np.linspace(0, volume.shape[0] - 1, SLICES).round().astype(int))
    middle = tuple(slice(max(0, (n - SIDE) // 2), max(0, (n - SIDE) // 2) + SIDE) for n in volume.shape[1:])
    lo, hi = volume.intensity
    planes = (np.asarray(volume.data[int(z)][middle], np.float64) for z in chosen)
    return float(np.median([_sigma(plane) for plane in planes])) / (hi - lo)


def _sigma(plane: NDArray[Any]) -> float:
    from skimage import restoration

    # Without annotations there; a call would be one of an untyped function.
    estimate: Callable[[NDArray[Any]], float] = restoration.estimate_sigma
    if plane.min() == plane.max():
        return 0.0
    with warnings.catch_warnings():
        # Coefficients of exactly 0 count as masked out; where all are, their median is NaN, with a warning.
        warnings.simplefilter("ignore", RuntimeWarning)
        sigma = float(estimate(plane))
    return sigma if np.isfinite(sigma) else 0.0
