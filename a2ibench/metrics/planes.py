"""What the reference metrics share: checked arguments, all processors, and values that are computed once."""

from __future__ import annotations

import itertools
import math
import os
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import ScoreContext
from a2ibench.contracts.planes import PLANES
from a2ibench.errors import InputError

_SLAB = 1 << 18
_THREADS = 8

Item = TypeVar("Item")
Result = TypeVar("Result")
Floats = NDArray[np.float64]
Slices = Callable[..., dict[str, Floats]]


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


def sum_blocks(
    part: Callable[[tuple[slice, ...]], Sequence[Floats]],
    shape: Sequence[int],
    block: Sequence[int],
    normals: Sequence[int],
) -> list[Floats]:
    """Add up, block by block and on all processors, values that every plane has.

    Parameters
    ----------
    part : callable
        Takes the place of a block, and returns for each of `normals` one value a plane, from its first on.
    shape : sequence of int
        Of what the blocks cover, (z, y, x).
    block : sequence of int
        The most voxels of a block, (z, y, x); small ones keep the working arrays within the processor's
        cache, whatever the size of the volume.
    normals : sequence of int
        The axes that planes are stacked along.

    Returns
    -------
    list of ndarray, shape (planes,)
        The sums for each of `normals`, which do not depend on the number of processors.
    """
    steps = [math.ceil(n / math.ceil(n / most)) for n, most in zip(shape, block, strict=True)]
    ranges = [
        [slice(at, at + step) for at in range(0, n, step)] for n, step in zip(shape, steps, strict=True)
    ]
    places = list(itertools.product(*ranges))
    totals = [np.zeros(shape[normal]) for normal in normals]
    for place, found in zip(places, in_threads(part, places), strict=True):
        for total, normal, values in zip(totals, normals, found, strict=True):
            total[place[normal].start :][: len(values)] += values
    return totals


def in_threads(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return ``[function(item) for item in items]``, computed on all processors.

    numpy and scipy release the interpreter's lock while they compute.
    """
    items = list(items)
    threads = min(os.cpu_count() or 1, _THREADS, len(items))
    if threads <= 1:
        return [function(item) for item in items]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


@dataclass(frozen=True)
class _Kept:
    volumes: tuple[object, object]
    slices: dict[object, Floats] = field(default_factory=dict)


_kept: ContextVar[_Kept | None] = ContextVar("kept", default=None)


@contextmanager
def slices_kept(prediction: object, reference: object) -> Iterator[None]:
    """Let metrics share what they compute of these two arrays, which must not change within this context."""
    token = _kept.set(_Kept((prediction, reference)))
    try:
        yield
    finally:
        _kept.reset(token)


def computed_once(function: Slices) -> Slices:
    """Have a function computed once for each plane family, where `slices_kept` holds for its volumes.

    Parameters
    ----------
    function : callable
        Takes prediction, reference, plane families and hashable options; returns a value for each slice of
        each family.
    """

    @wraps(function)
    def once(
        prediction: NDArray[Any], reference: NDArray[Any], planes: Sequence[str], *options: object
    ) -> dict[str, Floats]:
        kept = _kept.get()
        if kept is None or prediction is not kept.volumes[0] or reference is not kept.volumes[1]:
            return function(prediction, reference, planes, *options)
        missing = [plane for plane in planes if (function, options, plane) not in kept.slices]
        if missing:
            found = function(prediction, reference, missing, *options)
            kept.slices.update({(function, options, plane): values for plane, values in found.items()})
        return {plane: kept.slices[function, options, plane].copy() for plane in planes}

    return once


def once_a_context(function: Callable[[ScoreContext], Result]) -> Callable[[ScoreContext], Result]:
    """Have a function computed once for all metrics of a job, which are handed the same context."""
    latest: list[tuple[weakref.ref[ScoreContext], Result]] = []

    @wraps(function)
    def once(context: ScoreContext) -> Result:
        if not latest or latest[0][0]() is not context:
            latest[:] = [(weakref.ref(context), function(context))]
        return latest[0][1]

    return once
