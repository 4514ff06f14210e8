"""Root mean squared error over the contrast of the reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.metrics.planes import check, each_slice


def _moments(prediction: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by slice the mean squared error, and the mean and the variance of the reference."""
    error = prediction - reference
    squared = np.einsum("nij,nij->n", error, error) / error[0].size
    return np.stack([squared, reference.mean((1, 2)), reference.var((1, 2))], axis=1)


def nrmse(prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
    """Return the root mean squared error over the standard deviation of the reference.

    Parameters
    ----------
    prediction, reference : ndarray, shape (z, y, x)
        Volumes of one shape, of any real dtype.
    data_range : float
        Width of the intensity range, in grey levels; it has no influence.

    Returns
    -------
    float
        0 for equal volumes, 1 for the mean of the reference everywhere; NaN where the reference is flat.

    Raises
    ------
    InputError
        If the volumes cannot be compared.
    """
    reference = check(prediction, reference, data_range)
    errors, means, variances = each_slice(_moments, prediction, reference, "xy").T
    variance = variances.mean() + means.var()
    return math.sqrt(errors.mean() / variance) if variance > 0 else math.nan


class NRMSE:
    """Root mean squared error over the standard deviation of the reference."""

    name = "nrmse"
    version = 1
    higher_is_better = False
    needs_reference = True

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return `nrmse`."""
        return nrmse(prediction, reference, data_range)
