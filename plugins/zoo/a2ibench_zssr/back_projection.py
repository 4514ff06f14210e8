"""Iterative back-projection: what the result does not explain of the input is added to it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench import AxialGrid, InputError, build_degradation, interpolation_matrix

_TAPS = 2
_FAINT = 1e-4
_LOOKED_AT = 33


def operator(degradation: str, grid: AxialGrid) -> NDArray[np.float32]:
    """Return the matrix that makes input slices of a block's output slices, shape (n_in, n_out).

    Parameters
    ----------
    degradation : str
        Name and options, as settings hold it.
    grid : AxialGrid
        Of a volume or a block. Its outermost slices may be means of what the block has of them.

    Raises
    ------
    InputError
        If the degradation has no such matrix.
    """
    model: Any = build_degradation(degradation)
    if not hasattr(model, "operator"):
        raise InputError(f"zssr.back_projections: {degradation} has no operator to project with; give 0")
    # Operators of the whole begin with its first slice.
    whole = AxialGrid(
        grid.first_in + grid.n_in,
        grid.ratio,
        max(round((grid.first_in + grid.n_in) * grid.ratio), grid.first_out + grid.n_out),
    )
    matrix = np.asarray(model.operator(whole))[grid.first_in :, grid.first_out :][:, : grid.n_out]
    weights = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, weights, out=np.zeros_like(matrix), where=weights > 0).astype(np.float32)


def slices_reached(degradation: str, ratio: float) -> int:
    """Return how many input slices further an iteration makes a result depend on."""
    grid = AxialGrid(_LOOKED_AT, ratio)
    middle = _LOOKED_AT // 2
    weights = np.abs(operator(degradation, grid)[middle])
    places = np.flatnonzero(weights > _FAINT * weights.max())
    return _TAPS + math.ceil(float(np.abs(grid.positions[places] - middle).max()))


def back_projected(
    result: NDArray[np.float32],
    slices: NDArray[np.float32],
    grid: AxialGrid,
    degradation: str,
    iterations: int,
    slope: float = -0.5,
) -> NDArray[np.float32]:
    """Return a result with the interpolated residual of its degraded form added, several times.

    Parameters
    ----------
    result : ndarray of float32, shape (grid.n_out, y, x)
        Is overwritten.
    slices : ndarray of float32, shape (grid.n_in, y, x)
        The input, in the intensities of the result.
    grid : AxialGrid
        Where both lie.
    degradation : str
        What made the input of the truth.
    iterations : int
        How often.
    slope : float
        Of the cubic kernel.
    """
    down = operator(degradation, grid)
    up = interpolation_matrix(grid, slope).astype(np.float32)
    flat, wanted = result.reshape(grid.n_out, -1), slices.reshape(grid.n_in, -1)
    for _ in range(iterations):
        flat += up @ (wanted - down @ flat)
    return flat.reshape(result.shape)
