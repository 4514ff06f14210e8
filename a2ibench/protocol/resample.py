"""Interpolation from input to output slices, with the half-pixel centres of `AxialGrid`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid

# Few slices at once, for each takes four of the input only; strips that stay in the processor's cache.
_GROUP = 8
_STRIP = 1 << 19


def keys_kernel(distance: NDArray[np.float64], a: float = -0.5) -> NDArray[np.float64]:
    """Cubic convolution kernel (Keys, IEEE TASSP 29(6):1153-1160, 1981, equation 4 for a = -1/2).

    Parameters
    ----------
    distance : ndarray
        Distance from the sample, in samples.
    a : float
        Slope at distance 1; -0.5 reproduces quadratics, other values appear in image libraries.
    """
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d**2 + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


def interpolation_matrix(grid: AxialGrid, a: float = -0.5) -> NDArray[np.float64]:
    """Return the cubic interpolation matrix of a grid; slices past the ends repeat the end slices.

    Returns
    -------
    ndarray, shape (n_out, n_in)
        Rows sum to 1 and hold at most four weights.
    """
    positions = grid.positions
    left = np.floor(positions).astype(int)
    taps = left[:, None] + np.arange(-1, 3)
    weights = keys_kernel(positions[:, None] - taps, a)
    matrix = np.zeros((grid.n_out, grid.n_in))
    np.add.at(matrix, (np.arange(grid.n_out)[:, None], np.clip(taps, 0, grid.n_in - 1)), weights)
    return matrix


def interpolate(data: Any, grid: AxialGrid, a: float = -0.5) -> NDArray[np.float32]:
    """Interpolate a stack of slices onto the output slices of a grid.

    Parameters
    ----------
    data : array-like, shape (grid.n_in, y, x)
        Input slices.
    grid : AxialGrid
        Where the output slices lie.
    a : float
        Slope of the cubic kernel at distance 1; -0.5 is Keys' own.

    Returns
    -------
    ndarray of float32, shape (grid.n_out, y, x)
    """
    return resample(data, interpolation_matrix(grid, a))


def resample(data: Any, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Make each output slice of a few neighbouring input slices.

    Parameters
    ----------
    data : array-like, shape (n_in, y, x)
        Input slices.
    matrix : ndarray, shape (n_out, n_in)
        Weights of the input slices in each output slice.

    Returns
    -------
    ndarray of float32, shape (n_out, y, x)
    """
    matrix = matrix.astype(np.float32)
    n_out, n_in = matrix.shape
    _, y, x = data.shape
    out = np.empty((n_out, y, x), np.float32)
    height = max(1, _STRIP // max(1, n_in * x))
    for row in range(0, y, height):
        rows = slice(row, row + height)
        part = np.asarray(data[:, rows], np.float32)
        columns = part.reshape(n_in, -1)
        for first in range(0, n_out, _GROUP):
            group = slice(first, first + _GROUP)
            touched = np.flatnonzero(matrix[group].any(axis=0))
            taps = slice(touched[0], touched[-1] + 1)
            out[group, rows] = (matrix[group, taps] @ columns[taps]).reshape(-1, *part.shape[1:])
    return out
