"""Haar wavelet-based perceptual similarity index (Reisenhofer et al., 2018) of the axial slices.

Slices are halved, as in the paper: a pixel is the mean of 2 x 2. Coefficients are taken where the largest
filter, of 8 x 8, lies within the slice. The authors' code pads with black there, an edge that is not in the
data and that outweighs those that are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.metrics.axial import AxialMetric, halved
from a2ibench.metrics.planes import each_slice

_C, _ALPHA, _GREY_LEVELS = 30, 4.2, 255
"""The constants of the paper, for so many grey levels."""
_LARGEST = 8


def _sums(images: NDArray[np.float32], length: int, axis: int) -> NDArray[np.float32]:
    """Return the sums of `length` neighbours, a power of two, along an axis."""
    images, step = images.swapaxes(0, axis), 1
    while step < length:
        images, step = images[:-step] + images[step:], 2 * step
    return images.swapaxes(0, axis)


def _coefficients(images: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return the absolute Haar coefficients of a filter across the rows, where the largest fits as well."""
    half = size // 2
    part = _sums(images, half, axis=1)
    found = _sums(part[:, :-half] - part[:, half:], size, axis=2)
    first = _LARGEST // 2 - half
    rows, columns = (side - _LARGEST + 1 for side in images.shape[1:])
    return np.asarray(np.abs(found[:, first : first + rows, first : first + columns]) / size)


def _local(prediction: NDArray[np.float32], reference: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    p, r = _coefficients(prediction, size), _coefficients(reference, size)
    return np.asarray((2 * p * r + _C) / (p * p + r * r + _C))


def similarities(
    prediction: NDArray[np.float64], reference: NDArray[np.float64], data_range: float
) -> NDArray[np.float64]:
    """Return the HaarPSI of each slice of two slabs, float64 (slices, rows, columns)."""
    p, r = (halved(slab, data_range / _GREY_LEVELS) for slab in (prediction, reference))
    weighted, total = np.zeros(len(p)), np.zeros(len(p))
    for first, second in ((p, r), (p.swapaxes(1, 2), r.swapaxes(1, 2))):
        local = (_local(first, second, 2) + _local(first, second, 4)) / 2
        weight = np.maximum(_coefficients(first, _LARGEST), _coefficients(second, _LARGEST))
        weighted += (weight / (1 + np.exp(-_ALPHA * local))).sum((1, 2), dtype=np.float64)
        total += weight.sum((1, 2), dtype=np.float64)
    # Where both slices are flat, there is nothing that could differ.
    mean = np.divide(weighted, total, out=np.full(len(p), 1 / (1 + np.exp(-_ALPHA))), where=total > 0)
    return np.asarray((np.log(mean / (1 - mean)) / _ALPHA) ** 2, np.float64)


class HaarPSI(AxialMetric):
    """Mean HaarPSI of all axial slices, xz and yz."""

    name = "haarpsi"

    def slices(
        self, prediction: NDArray[Any], reference: NDArray[Any], data_range: float, plane: str
    ) -> NDArray[np.float64]:
        """Return the HaarPSI of each slice of a plane family."""
        return each_slice(lambda p, r: similarities(p, r, data_range), prediction, reference, plane)
