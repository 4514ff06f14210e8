"""Peak signal-to-noise ratio, never above `CEILING` so that every score is a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts.planes import PLANES
from a2ibench.metrics.planes import Floats, check, computed_once, sum_blocks

CEILING = 100.0
"""Highest PSNR given, in dB: a root mean squared error of 1e-5 of the data range or less scores this."""

_BLOCK = (16, 64, 256)


@computed_once
def _mean_squared_errors(
    prediction: NDArray[Any], reference: NDArray[Any], planes: Sequence[str]
) -> dict[str, Floats]:
    normals = [PLANES[plane][0] for plane in planes]

    def part(place: tuple[slice, ...]) -> list[Floats]:
        error = prediction[place].astype(np.float64)
        error -= reference[place].astype(np.float64)
        return [np.asarray(np.einsum(f"zyx,zyx->{'zyx'[normal]}", error, error)) for normal in normals]

    sums = sum_blocks(part, prediction.shape, _BLOCK, normals)
    return {
        plane: values * (len(values) / prediction.size) for plane, values in zip(planes, sums, strict=True)
    }


def decibels(mean_squared_error: NDArray[np.float64], data_range: float) -> NDArray[np.float64]:
    """Return the PSNR for mean squared errors: ``10 log10(data_range**2 / mse)``, at most `CEILING`."""
    least = data_range**2 * 10 ** (-CEILING / 10)
    return np.asarray(10 * np.log10(data_range**2 / np.maximum(mean_squared_error, least)))


def psnr(prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
    """Return the PSNR of the whole volume, from the mean squared error over all voxels.

    Parameters
    ----------
    prediction, reference : ndarray, shape (z, y, x)
        Volumes of one shape, of any real dtype.
    data_range : float
        Width of the intensity range, in grey levels; never guessed.

    Returns
    -------
    float
        In dB, at most `CEILING`, which identical volumes score: a score stays finite, comparable and
        representable in JSON.

    Raises
    ------
    InputError
        If the volumes cannot be compared.
    """
    reference = check(prediction, reference, data_range)
    # Lateral slices are of one size, so the mean of their mean errors is the mean over the voxels.
    return float(decibels(_mean_squared_errors(prediction, reference, ["xy"])["xy"].mean(), data_range))


def psnr_slices(
    prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float, plane: str
) -> NDArray[np.float64]:
    """Return the PSNR of each slice of a plane family.

    Parameters
    ----------
    prediction, reference, data_range
        As for `psnr`.
    plane : {"xy", "xz", "yz"}
        The plane family.

    Returns
    -------
    ndarray, shape (slices,)
        In dB, each at most `CEILING`: an error-free slice raises a mean, and cannot make it infinite.

    Raises
    ------
    InputError
        If the volumes cannot be compared.
    """
    return _psnr_slices(prediction, reference, data_range, [plane])[plane]


def _psnr_slices(
    prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float, planes: Iterable[str]
) -> dict[str, Floats]:
    reference = check(prediction, reference, data_range)
    errors = _mean_squared_errors(prediction, reference, list(planes))
    return {plane: decibels(values, data_range) for plane, values in errors.items()}


class PSNR:
    """PSNR of the whole volume, in dB."""

    name = "psnr"
    version = 1
    higher_is_better = True
    needs_reference = True

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return `psnr`."""
        return psnr(prediction, reference, data_range)

    def per_slice(
        self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float
    ) -> dict[str, NDArray[np.float64]]:
        """Return `psnr_slices` of every plane family."""
        return _psnr_slices(prediction, reference, data_range, PLANES)


class PSNRxy:
    """Mean over the lateral slices of the PSNR of each, in dB; the values of the slices are in `PSNR`."""

    name = "psnr_xy"
    version = 1
    higher_is_better = True
    needs_reference = True
    plane = "xy"

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return the mean of `psnr_slices` of this plane family."""
        return float(psnr_slices(prediction, reference, data_range, self.plane).mean())


class PSNRxz(PSNRxy):
    """Mean over the xz slices of the PSNR of each, in dB."""

    name = "psnr_xz"
    plane = "xz"


class PSNRyz(PSNRxy):
    """Mean over the yz slices of the PSNR of each, in dB."""

    name = "psnr_yz"
    plane = "yz"
