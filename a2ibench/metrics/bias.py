"""How far lateral slices are too bright or too dark."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.metrics.planes import check, each_slice


def _mean_errors(prediction: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray((prediction - reference).mean((1, 2)))


def bias_slices(
    prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float
) -> NDArray[np.float64]:
    """Return by lateral slice the absolute difference of the mean intensities.

    Parameters
    ----------
    prediction, reference : ndarray, shape (z, y, x)
        Volumes of one shape, of any real dtype.
    data_range : float
        Width of the intensity range, in grey levels; it has no influence.

    Returns
    -------
    ndarray, shape (z,)
        In grey levels.

    Raises
    ------
    InputError
        If the volumes cannot be compared.
    """
    reference = check(prediction, reference, data_range)
    return np.abs(each_slice(_mean_errors, prediction, reference, "xy"))


class Bias:
    """Mean over the lateral slices of the absolute difference of the mean intensities, in grey levels."""

    name = "bias"
    version = 1
    higher_is_better = False
    needs_reference = True

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return the mean of `bias_slices`."""
        return float(bias_slices(prediction, reference, data_range).mean())

    def per_slice(
        self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float
    ) -> dict[str, NDArray[np.float64]]:
        """Return `bias_slices`."""
        return {"xy": bias_slices(prediction, reference, data_range)}
