"""Gradient magnitude similarity deviation (Xue et al., 2014) of the axial slices.

Slices are halved, as in the paper: a pixel is the mean of 2 x 2. The similarity is taken where the Prewitt
operator lies within the slice. The authors' code pads with black there, an edge that is not in the data.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.metrics.axial import AxialMetric, halved
from a2ibench.metrics.planes import each_slice

_T = 170 / 255**2
"""The constant of the paper for intensities in [0, 1]."""


def _gradients(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the magnitudes of Prewitt gradients, shape (slices, rows - 2, columns - 2)."""
    down = images[:, 2:] - images[:, :-2]
    down = down[:, :, :-2] + down[:, :, 1:-1] + down[:, :, 2:]
    right = images[:, :, 2:] - images[:, :, :-2]
    right = right[:, :-2] + right[:, 1:-1] + right[:, 2:]
    return np.asarray(np.sqrt(down * down + right * right) / 3)


def deviations(
    prediction: NDArray[np.float64], reference: NDArray[np.float64], data_range: float
) -> NDArray[np.float64]:
    """Return the GMSD of each slice of two slabs, float64 (slices, rows, columns)."""
    p, r = (_gradients(halved(slab, data_range)) for slab in (prediction, reference))
    # One minus the similarity, whose deviation is the same and keeps its digits near 0.
    dissimilarity = (p - r) ** 2 / (p * p + r * r + _T)
    return np.asarray(dissimilarity.std((1, 2), dtype=np.float64))


class GMSD(AxialMetric):
    """Mean gradient magnitude similarity deviation of all axial slices, xz and yz."""

    name = "gmsd"
    higher_is_better = False

    def slices(
        self, prediction: NDArray[Any], reference: NDArray[Any], data_range: float, plane: str
    ) -> NDArray[np.float64]:
        """Return the GMSD of each slice of a plane family."""
        return each_slice(lambda p, r: deviations(p, r, data_range), prediction, reference, plane)
