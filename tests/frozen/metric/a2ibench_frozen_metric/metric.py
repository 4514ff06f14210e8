"""Peak signal-to-noise ratio of the steps between neighbouring slices."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from a2ibench import InputError
from numpy.typing import NDArray

CEILING = 100.0
"""Highest score, in dB, so that identical volumes have one that is a number."""

AXES = {"xz": (0, 2), "yz": (0, 1)}
"""What is averaged over for the axial slices of each family, of (z, y, x)."""


class FrozenMetricMetric:
    """PSNR of the axial gradient, in dB; a constant offset costs nothing."""

    name = "frozen-metric"
    version = 1
    higher_is_better = True
    needs_reference = True

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return the score of a volume (z, y, x); NaN where it has but one slice."""
        errors = step_errors(prediction, reference, data_range)
        if len(prediction) < 2:
            return math.nan
        return float(decibels(errors.mean(), data_range))

    def per_slice(
        self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float
    ) -> dict[str, NDArray[np.float64]]:
        """Return the score of each axial slice, by family."""
        if len(prediction) < 2:
            return {}
        errors = step_errors(prediction, reference, data_range)
        return {plane: decibels(errors.mean(axis=axes), data_range) for plane, axes in AXES.items()}


def step_errors(
    prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float
) -> NDArray[np.float32]:
    """Return squared errors of the steps along z, shape (z - 1, y, x), in squared grey levels.

    Raises
    ------
    InputError
        If the reference is missing or has another shape, or the range is not positive.
    """
    if reference is None or prediction.ndim != 3 or prediction.shape != reference.shape:
        got = None if reference is None else reference.shape
        raise InputError(f"axial gradient: shapes are {prediction.shape} and {got}; give two volumes alike")
    if not data_range > 0:
        raise InputError(f"axial gradient: data_range is {data_range}; give a positive number")
    error = prediction.astype(np.float32) - reference.astype(np.float32)
    squares: NDArray[np.float32] = np.diff(error, axis=0) ** 2
    return squares


def decibels(mean_squared_error: Any, data_range: float) -> NDArray[np.float64]:
    """Return the PSNR of mean squared errors, at most `CEILING`."""
    relative = np.asarray(mean_squared_error, np.float64) / data_range**2
    return np.asarray(-10 * np.log10(np.maximum(relative, 10 ** (-CEILING / 10))))
