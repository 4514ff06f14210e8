"""Structural similarity (Wang et al., 2004) of the slices of a plane family, and with a 3D window.

Gaussian window of sigma 1.5 voxels and 11 taps, K1 = 0.01, K2 = 0.03, population covariance; the map is
averaged without a border of 5 voxels, where the window would leave the image. These are the values of
``skimage.metrics.structural_similarity(..., gaussian_weights=True, sigma=1.5, use_sample_covariance=False)``.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from a2ibench.contracts.planes import AXIAL, PLANES
from a2ibench.metrics.planes import check, each_slice, in_threads

RADIUS = 5
WINDOW = 2 * RADIUS + 1
_SIGMA, _K1, _K2 = 1.5, 0.01, 0.03
_TAPS = np.exp(-0.5 * (np.arange(-RADIUS, RADIUS + 1) / _SIGMA) ** 2)
_TAPS /= _TAPS.sum()
_BLOCK = (48, 96, 512)


def similarity(
    prediction: NDArray[np.float64], reference: NDArray[np.float64], data_range: float, axes: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return the SSIM map of two blocks, without the border that the window cannot cover.

    Parameters
    ----------
    prediction, reference : ndarray, shape (n0, n1, n2)
        Blocks of the volumes.
    data_range : float
        Width of the intensity range, in grey levels.
    axes : tuple of int
        The axes the window extends along: (1, 2) for a stack of slices, (0, 1, 2) for a 3D window.

    Returns
    -------
    ndarray
        The map, shorter by 10 voxels along each of `axes`.
    """
    # Variances do not depend on the offset and single precision suffices once it is taken away.
    offset = 0.5 * (prediction.mean() + reference.mean())
    fields = np.empty((4, *prediction.shape), np.float32)
    p, r, squares, product = fields
    np.multiply(prediction - offset, 1 / data_range, out=p, casting="same_kind")
    np.multiply(reference - offset, 1 / data_range, out=r, casting="same_kind")
    np.add(p * p, r * r, out=squares)
    np.multiply(p, r, out=product)
    inner = tuple(slice(RADIUS, -RADIUS) if axis in axes else slice(None) for axis in range(3))
    for axis in axes:
        fields = correlate1d(fields, _TAPS, axis=axis + 1)
    p, r, squares, product = fields[(slice(None), *inner)]
    variances = squares - (p * p + r * r)
    covariance = product - p * r
    shift = np.float32(offset / data_range)
    p += shift
    r += shift
    luminance = (2 * (p * r) + _K1**2) / (p * p + r * r + _K1**2)
    return np.asarray(luminance * ((2 * covariance + _K2**2) / (variances + _K2**2)))


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
    reference = check(prediction, reference, data_range)
    count, *sides = (prediction.shape[axis] for axis in PLANES[plane])
    if min(sides) < WINDOW:
        return np.full(count, math.nan)

    def score(p: NDArray[np.float64], r: NDArray[np.float64]) -> NDArray[np.float64]:
        values = similarity(p, r, data_range, (1, 2))
        return np.asarray(values.mean(axis=(1, 2), dtype=np.float64))

    return each_slice(score, prediction, reference, plane)


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
    both = [ssim_slices(prediction, reference, data_range, plane) for plane in AXIAL]
    return float(np.concatenate(both).mean())


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
    truth = check(prediction, reference, data_range)
    inner = [n - 2 * RADIUS for n in prediction.shape]
    if min(inner) < 1:
        return math.nan

    def part(corner: tuple[int, ...]) -> float:
        # Every block carries the voxels that its windows need; numpy cuts those past the end.
        block = tuple(slice(at, at + step + 2 * RADIUS) for at, step in zip(corner, _BLOCK, strict=True))
        p, r = prediction[block].astype(np.float64), truth[block].astype(np.float64)
        return float(similarity(p, r, data_range, (0, 1, 2)).sum(dtype=np.float64))

    corners = itertools.product(*(range(0, n, step) for n, step in zip(inner, _BLOCK, strict=True)))
    return float(math.fsum(in_threads(part, corners)) / math.prod(inner))


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
        return {plane: ssim_slices(prediction, reference, data_range, plane) for plane in AXIAL}


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
        return {"xy": ssim_slices(prediction, reference, data_range, "xy")}


class SSIM3D:
    """SSIM with a 3D window."""

    name = "ssim_3d"
    version = 1
    higher_is_better = True
    needs_reference = True

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return `ssim_3d`."""
        return ssim_3d(prediction, reference, data_range)
