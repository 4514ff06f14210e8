"""Structural similarity (Wang et al., 2004) of the slices of a plane family, and with a 3D window.

The values are those of ``skimage.metrics.structural_similarity(..., gaussian_weights=True, sigma=1.5,
use_sample_covariance=False)``, whose map is averaged without a border of 5 voxels, where the window would
leave the image.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts.planes import AXIAL, PLANES
from a2ibench.metrics.planes import Floats, check, computed_once
from a2ibench.metrics.similarity import RADIUS, plane_means

WINDOW = 2 * RADIUS + 1


@computed_once
def _mean_similarities(
    prediction: NDArray[Any], reference: NDArray[Any], planes: Sequence[str], data_range: float
) -> dict[str, Floats]:
    sides = {plane: [prediction.shape[axis] for axis in PLANES[plane]] for plane in planes}
    slices = {plane: np.full(count, math.nan) for plane, (count, *_) in sides.items()}
    wide = [plane for plane, (_, *both) in sides.items() if min(both) >= WINDOW]
    windows = [PLANES[plane][1:] for plane in wide]
    return slices | dict(zip(wide, plane_means(prediction, reference, data_range, windows), strict=True))


def _ssim_slices(
    prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float, planes: Sequence[str]
) -> dict[str, Floats]:
    reference = check(prediction, reference, data_range)
    return _mean_similarities(prediction, reference, planes, data_range)


def ssim_slices(
    prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float, plane: str
) -> NDArray[np.float64]:
    """Return the SSIM of each slice of a plane family.

    Parameters
    ----------
    prediction, reference : ndarray, shape (z, y, x)
        Volumes of one shape, of any real dtype.
    data_range : float
        Width of the intensity range, in grey levels; never guessed.
    plane : {"xy", "xz", "yz"}
        The plane family.

    Returns
    -------
    ndarray, shape (slices,)
        NaN where a slice has fewer than 11 voxels along one of its sides.

    Raises
    ------
    InputError
        If the volumes cannot be compared.
    """
    return _ssim_slices(prediction, reference, data_range, [plane])[plane]


def ssim(prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
    """Return the mean SSIM over all axial slices, xz and yz, each slice with one vote.

    Parameters
    ----------
    prediction, reference, data_range
        As for `ssim_slices`.

    Returns
    -------
    float
        NaN if the volume has fewer than 11 voxels along any axis.

    Raises
    ------
    InputError
        If the volumes cannot be compared.
    """
    both = _ssim_slices(prediction, reference, data_range, AXIAL)
    return float(np.concatenate(list(both.values())).mean())


def ssim_3d(prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
    """Return the SSIM of two volumes with a window of 11 voxels along every axis.

    Parameters
    ----------
    prediction, reference, data_range
        As for `ssim_slices`.

    Returns
    -------
    float
        NaN if the volume has fewer than 11 voxels along any axis.

    Raises
    ------
    InputError
        If the volumes cannot be compared.
    """
    reference = check(prediction, reference, data_range)
    if min(prediction.shape) < WINDOW:
        return math.nan
    [means] = plane_means(prediction, reference, data_range, [(0, 1, 2)])
    return float(means.mean())


class SSIM:
    """Mean SSIM of all axial slices, xz and yz."""

    name = "ssim"
    version = 1
    higher_is_better = True
    needs_reference = True

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return `ssim`."""
        return ssim(prediction, reference, data_range)

    def per_slice(
        self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float
    ) -> dict[str, NDArray[np.float64]]:
        """Return `ssim_slices` of the two axial plane families."""
        return _ssim_slices(prediction, reference, data_range, AXIAL)


class SSIMxz:
    """Mean SSIM of the xz slices; the values of the slices are in `SSIM`."""

    name = "ssim_xz"
    version = 1
    higher_is_better = True
    needs_reference = True
    plane = "xz"

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return the mean of `ssim_slices` of this plane family."""
        return float(ssim_slices(prediction, reference, data_range, self.plane).mean())


class SSIMyz(SSIMxz):
    """Mean SSIM of the yz slices; the values of the slices are in `SSIM`."""

    name = "ssim_yz"
    plane = "yz"


class SSIMxy(SSIMxz):
    """Mean SSIM of the lateral slices."""

    name = "ssim_xy"
    plane = "xy"

    def per_slice(
        self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float
    ) -> dict[str, NDArray[np.float64]]:
        """Return `ssim_slices` of the lateral slices."""
        return _ssim_slices(prediction, reference, data_range, ["xy"])


class SSIM3D:
    """SSIM with a 3D window."""

    name = "ssim_3d"
    version = 1
    higher_is_better = True
    needs_reference = True

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return `ssim_3d`."""
        return ssim_3d(prediction, reference, data_range)
