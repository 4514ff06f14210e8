"""Small volumes to try plugins on: random, as smooth as tissue, alike along all axes."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Volume
from a2ibench.degradations.operators import slab_average

SPACING = 10.0
"""Lateral spacing in nm."""


def scene(ratio: float, shape: tuple[int, int, int], seed: int = 0) -> tuple[Volume, NDArray[np.float32]]:
    """Return an anisotropic volume of its own, and the isotropic truth that it was averaged from.

    Parameters
    ----------
    ratio : float
        Axial over lateral spacing.
    shape : tuple of int
        Voxels (n_in, y, x) of the anisotropic volume.
    seed : int
        Which texture.

    Returns
    -------
    volume : Volume
        uint8, intensity range 0 to 255; its data may be altered freely.
    truth : ndarray of float32, shape (round(n_in * ratio), y, x)
        Intensities in [0, 1], read-only.
    """
    truth, levels = _texture(ratio, shape, seed)
    data = levels.copy()
    return Volume(data, (ratio * SPACING, SPACING, SPACING), (0.0, 255.0), "texture"), truth


@functools.lru_cache(maxsize=64)
def _texture(
    ratio: float, shape: tuple[int, int, int], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    from scipy.ndimage import gaussian_filter

    grid = AxialGrid(shape[0], ratio)
    white = np.random.default_rng(seed).normal(size=(grid.n_out, *shape[1:]))
    smooth = sum(gaussian_filter(white, sigma, mode="wrap") * sigma**1.5 for sigma in (1.5, 3.0, 6.0))
    truth = np.clip(0.5 + 0.16 * (smooth - smooth.mean()) / smooth.std(), 0, 1)
    averaged = np.einsum("io,oyx->iyx", slab_average(grid), truth)
    kept = truth.astype(np.float32)
    kept.flags.writeable = False
    return kept, np.rint(255 * averaged).astype(np.uint8)
