"""Smooth random fields and point textures, evaluated on any small grid of positions."""

from __future__ import annotations

from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float32]
Axes = tuple[Array, Array, Array]

# BLAS may split a large product among threads, and a split may round differently; small ones stay on one.
_POINTS_PER_PRODUCT = 96
_PLANES_PER_SLAB = 8


def cubic_weights(positions: NDArray[np.floating], first: int, count: int) -> Array:
    """Return the matrix (positions, count) of cubic convolution from samples at first, first + 1, ...

    Parameters
    ----------
    positions : ndarray, shape (n,)
        Wanted positions in sample steps; each needs the sample before its floor and two after it.
    first, count : int
        Position of the first sample, and the number of samples.
    """
    distance = np.abs(positions[:, None] - np.arange(first, first + count)[None, :])
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0)).astype(np.float32)


def upsample(values: Array, weights: Axes) -> Array:
    """Apply one matrix along each of the last three axes of `values`, shape (..., z, y, x)."""
    along_z, along_y, along_x = weights
    *lead, z, y, x = values.shape
    out = np.matmul(along_z, values.reshape(*lead, z, y * x)).reshape(*lead, len(along_z), y, x)
    return np.asarray(np.matmul(np.matmul(along_y, out), along_x.T))


class SmoothField:
    """A periodic Gaussian random field of zero mean and unit variance.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the field.
    length : float
        Standard deviation, in nanometres, of the Gaussian that smooths white noise.
    samples : int
        Samples along a period; they are ``length / 1.5`` apart.
    """

    def __init__(self, rng: np.random.Generator, length: float, samples: int = 48) -> None:
        noise = rng.standard_normal((samples,) * 3, dtype=np.float32)
        smooth = ndimage.gaussian_filter(noise, 1.5, mode="wrap")
        self.samples = samples
        self._values = smooth / smooth.std()
        self._step = length / 1.5

    def on_grid(self, axes: Axes, shifts: NDArray[np.int_] | None = None) -> Array:
        """Return the field on the grid of positions `axes` (nm), shape (z, y, x).

        With `shifts`, shape (n, 3), in whole samples, return n differently moved fields, shape (n, z, y, x).
        """
        columns, weights = [], []
        for axis in axes:
            position = axis / self._step
            first = int(np.floor(position[0])) - 1
            count = int(np.floor(position[-1])) + 3 - first
            columns.append(np.arange(first, first + count))
            weights.append(cubic_weights(position, first, count))
        moved = np.zeros((1, 3), np.int_) if shifts is None else shifts
        z, y, x = ((moved[:, i, None] + columns[i]) % self.samples for i in range(3))
        values = self._values[z[:, :, None, None], y[:, None, :, None], x[:, None, None, :]]
        fields = upsample(values, (weights[0], weights[1], weights[2]))
        return fields if shifts is not None else fields[0]


def blobs(points: Array, sigma: float, axes: Axes) -> Array:
    """Return the sum of isotropic Gaussians of height 1 on the grid `axes`, shape (z, y, x).

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Centres in nanometres, sorted along z.
    sigma : float
        Standard deviation, nanometres.
    axes : tuple of ndarray
        Positions along z, y and x, nanometres.
    """
    total = np.zeros([len(axis) for axis in axes], np.float32)
    reach = 3.2 * sigma
    for start in range(0, len(axes[0]), _PLANES_PER_SLAB):
        planes = slice(start, start + _PLANES_PER_SLAB)
        low, high = np.searchsorted(points[:, 0], [axes[0][planes][0] - reach, axes[0][planes][-1] + reach])
        for chunk in range(low, high, _POINTS_PER_PRODUCT):
            part = points[chunk : min(chunk + _POINTS_PER_PRODUCT, high)] * np.float32(1 / sigma)
            z, y, x = (
                np.exp(-0.5 * (axis[:, None] * np.float32(1 / sigma) - part[None, :, i]) ** 2)
                for i, axis in enumerate((axes[0][planes], axes[1], axes[2]))
            )
            total[planes] += np.matmul(z[:, None, :] * y, x.T)
    return total


def squared_distance(centre: NDArray[np.floating], axes: Axes) -> Array:
    """Return the squared distance from `centre` on the grid `axes`, shape (z, y, x)."""
    z, y, x = ((axis - np.float32(c)) ** 2 for axis, c in zip(axes, centre, strict=True))
    return reduce(np.add, (z[:, None, None], y[:, None], x))
