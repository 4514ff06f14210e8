"""What the reference metrics share: checked arguments, and a score for each slice of a plane family."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts.planes import PLANES
from a2ibench.errors import InputError

_SLAB = 1 << 18
_THREADS = 8

Item = TypeVar("Item")
Result = TypeVar("Result")


def check(prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> NDArray[Any]:
    """Return the reference, once it is known that the two volumes can be compared.

    Raises
    ------
    InputError
        If the reference is missing, the shapes differ or are not 3D, or the range is not positive.
    """
    if reference is None:
        raise InputError("metric: reference is None; give the reference volume, or a metric that needs none")
    if prediction.ndim != 3 or prediction.shape != reference.shape or prediction.size == 0:
        raise InputError(
            f"metric: prediction is {prediction.shape} and reference {reference.shape}; "
            "give two volumes (z, y, x) of one shape"
        )
    if not (math.isfinite(data_range) and data_range > 0):
        raise InputError(
            f"metric: data_range is {data_range}; give the positive width of the intensity range"
        )
    return reference


def each_slice(
    score: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[Any]],
    prediction: NDArray[Any],
    reference: NDArray[Any],
    plane: str,
) -> NDArray[np.float64]:
    """Score all slices of a plane family, slab by slab and on all processors.

    Parameters
    ----------
    score : callable
        Takes a slab of each volume, float64 (slices, rows, columns), and returns one value a slice.
    prediction, reference : ndarray, shape (z, y, x)
        Volumes of any real dtype.
    plane : {"xy", "xz", "yz"}
        The plane family.

    Returns
    -------
    ndarray, shape (slices,)
    """
    prediction, reference = (volume.transpose(PLANES[plane]) for volume in (prediction, reference))
    # Small slabs keep the working arrays within the processor's cache, whatever the size of the volume.
    thick = max(1, _SLAB // prediction[0].size)

    def part(start: int) -> NDArray[Any]:
        place = slice(start, start + thick)
        return score(prediction[place].astype(np.float64, "C"), reference[place].astype(np.float64, "C"))

    return np.concatenate(in_threads(part, range(0, len(prediction), thick)), dtype=np.float64)


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return ``[function(item) for item in items]``, computed on all processors.

    numpy and scipy release the interpreter's lock while they compute.
    """
    with ThreadPoolExecutor(min(os.cpu_count() or 1, _THREADS)) as pool:
        return list(pool.map(function, items))
