"""The matrix that samples input slices from output slices, and where a call puts them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid
from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.degradations.trial import FRACTIONAL, WHOLE, Trial

ROUNDING = 1e-6
SHIFT = 0.15
"""Output voxels; fractional weights at the ends of a slab move its centre by up to 0.1."""
_LONG = (AxialGrid(24, 3.0), AxialGrid(24, 10 / 3))
_BATCH, _COLUMNS = 512, 32


@rule(
    "The operator is a finite matrix (n_in, n_out), at integer and non-integer ratios",
    "return a numpy array of shape (grid.n_in, grid.n_out)",
)
def _operator_shape(trial: Trial) -> None:
    for grid in (WHOLE, *FRACTIONAL):
        matrix = trial.build().operator(grid)
        if not isinstance(matrix, np.ndarray) or matrix.shape != (grid.n_in, grid.n_out):
            got = getattr(matrix, "shape", None) or type(matrix).__name__
            raise CheckFailed(
                f"operator returned {got} at ratio {grid.ratio:.4g}; wanted {(grid.n_in, grid.n_out)}"
            )
        if not np.isfinite(matrix).all():
            raise CheckFailed(f"operator holds values that are NaN or infinite at ratio {grid.ratio:.4g}")


@rule(
    "Every row of the operator sums to 1",
    "divide each row by its sum, so that a constant image stays constant",
)
def _operator_sums(trial: Trial) -> None:
    for grid in (WHOLE, *FRACTIONAL):
        sums = _operator(trial, grid).sum(axis=1)
        worst = int(np.argmax(np.abs(sums - 1)))
        if abs(sums[worst] - 1) > ROUNDING:
            raise CheckFailed(f"row {worst} at ratio {grid.ratio:.4g} sums to {sums[worst]:.6g}")


@rule(
    "The rows of the operator are centred where the grid has the input slices",
    "centre row i on (i + 0.5) * grid.ratio - 0.5 of the output slices (half-pixel centres)",
)
def _operator_geometry(trial: Trial) -> None:
    for grid in _LONG:
        matrix = _operator(trial, grid)
        inner = slice(grid.n_in // 4, -grid.n_in // 4)
        centres = (matrix @ np.arange(grid.n_out) / matrix.sum(axis=1))[inner]
        off = centres - ((np.arange(grid.n_in) + 0.5) * grid.ratio - 0.5)[inner]
        worst = float(off[np.argmax(np.abs(off))])
        if abs(worst) > SHIFT:
            raise CheckFailed(f"rows at ratio {grid.ratio:.4g} are centred {worst:+.2f} output voxels off")


@rule(
    "What a call returns lies on average where the grid has the input slices",
    "sample the images with the operator, and let artefacts and noise move nothing on average",
)
def _call_geometry(trial: Trial) -> None:
    import torch

    for grid in _LONG:
        rising = torch.linspace(0.3, 0.7, grid.n_out, device=trial.device)[None, None, :, None]
        step = 0.4 / (grid.n_out - 1)
        shape = (_BATCH, 1, grid.n_out, _COLUMNS)
        # What moves nothing but makes images brighter on average cancels between a ramp and its mirror image.
        means = [
            trial.need(ramp.expand(shape).clone(), grid).image.mean(dim=(1, 3)).double().cpu().numpy()
            for ramp in (rising, rising.flip(2))
        ]
        places = (means[0] - means[1]) / (2 * step) + (grid.n_out - 1) / 2
        off = places - ((np.arange(grid.n_in) + 0.5) * grid.ratio - 0.5)
        each = off[:, grid.n_in // 4 : -grid.n_in // 4].mean(axis=1)
        shift, error = float(each.mean()), float(each.std() / np.sqrt(_BATCH))
        if abs(shift) > SHIFT + 4 * error:
            raise CheckFailed(
                f"rows at ratio {grid.ratio:.4g} show on average what lies {shift:+.2f} output voxels off"
            )


def _operator(trial: Trial, grid: AxialGrid) -> NDArray[Any]:
    matrix = trial.build().operator(grid)
    if getattr(matrix, "shape", None) != (grid.n_in, grid.n_out):
        raise CheckSkipped("needs a matrix (n_in, n_out), see operator-shape")
    return np.asarray(matrix, np.float64)


RULES = (_operator_shape, _operator_sums, _operator_geometry, _call_geometry)
