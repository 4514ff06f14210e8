"""What metrics that are a mean over all axial slices share."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts.planes import AXIAL, PLANES
from a2ibench.metrics.planes import check, computed_once


class AxialMetric(ABC):
    """The mean over all xz and yz slices, each with one vote; NaN where a side is shorter than `least`."""

    name: str
    version = 1
    higher_is_better = True
    needs_reference = True
    least = 16
    """Fewest pixels along a side of a slice."""

    @abstractmethod
    def slices(
        self, prediction: NDArray[Any], reference: NDArray[Any], data_range: float, plane: str
    ) -> NDArray[np.float64]:
        """Return the value of each slice of an axial plane family, of volumes that are large enough."""

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return the mean of `per_slice` over both plane families."""
        return float(np.concatenate([*self.per_slice(prediction, reference, data_range).values()]).mean())

    def per_slice(
        self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float
    ) -> dict[str, NDArray[np.float64]]:
        """Return the values of the slices of the two axial plane families.

        Parameters
        ----------
        prediction, reference : ndarray, shape (z, y, x)
            Volumes of one shape, of any real dtype.
        data_range : float
            Width of the intensity range, in grey levels.

        Raises
        ------
        InputError
            If the volumes cannot be compared.
        """
        reference = check(prediction, reference, data_range)
        return _values(prediction, reference, AXIAL, self, data_range)


@computed_once
def _values(
    prediction: NDArray[Any],
    reference: NDArray[Any],
    planes: Sequence[str],
    metric: AxialMetric,
    data_range: float,
) -> dict[str, NDArray[np.float64]]:
    values = {}
    for plane in planes:
        count, *sides = (prediction.shape[axis] for axis in PLANES[plane])
        if min(sides) < metric.least:
            values[plane] = np.full(count, math.nan)
        else:
            values[plane] = metric.slices(prediction, reference, data_range, plane)
    return values


def halved(slab: NDArray[np.float64], scale: float) -> NDArray[np.float32]:
    """Return the means of 2 x 2 pixels, in units of `scale` and around 0; an odd last line is left out.

    Parameters
    ----------
    slab : ndarray, shape (slices, rows, columns)
        Grey levels.
    scale : float
        Grey levels that become 1.

    Returns
    -------
    ndarray, shape (slices, rows // 2, columns // 2)
    """
    rows, columns = (side // 2 * 2 for side in slab.shape[1:])
    pairs = slab[:, 0:rows:2, :columns] + slab[:, 1:rows:2, :columns]
    means = (pairs[:, :, ::2] + pairs[:, :, 1::2]) / (4 * scale)
    # Single precision suffices once the offset is taken away.
    return np.asarray(means - means.mean(), np.float32)
