"""The part of a stack that methods are tried on."""

from __future__ import annotations

import math
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from a2ibench.data.intensity_range import padded
from a2ibench.data.prepare import Crop

SECONDS = 600.0
"""Budget that `VOXELS` are for."""

VOXELS = 5 << 20
"""Output voxels of a sample: the slowest of the bundled methods restores them in half a minute."""

_HEIGHT = 96
_LEAST_DEPTH = 16
_LEAST_SIDE, _MOST_SIDE = 96, 512
_PERIOD = 8


class Sample(NamedTuple):
    """Voxels (start, stop) along (z, y, x)."""

    z: tuple[int, int]
    y: tuple[int, int]
    x: tuple[int, int]


def sample_size(shape: tuple[int, int, int], ratio: float, seconds: float) -> tuple[int, int, int]:
    """Return how large a sample is, in input voxels (z, y, x).

    Parameters
    ----------
    shape : tuple of int
        Of the stack.
    ratio : float
        Axial over lateral spacing.
    seconds : float
        Budget of the whole trial.
    """
    voxels = VOXELS * min(1.0, seconds / SECONDS)
    depth = min(shape[0], max(_LEAST_DEPTH, round(_HEIGHT / ratio)))
    side = math.sqrt(voxels / (depth * ratio))
    side = _PERIOD * round(min(max(side, _LEAST_SIDE), _MOST_SIDE) / _PERIOD)
    return depth, min(side, shape[1]), min(side, shape[2])


def sample_of(
    crop: Crop, ratio: float, padding: tuple[float, ...], intensity: tuple[float, float], seconds: float
) -> Sample:
    """Return where the sample lies: of places on a grid the one with the most tissue, nearest to the middle.

    Parameters
    ----------
    crop : Crop, shape (z, y, x)
        The stack.
    ratio : float
        Axial over lateral spacing.
    padding : tuple of float
        Grey levels that hold no tissue.
    intensity : tuple of float
        Grey levels of black and white; voxels of either are saturated.
    seconds : float
        As for `sample_size`.
    """
    size = sample_size(crop.shape, ratio, seconds)
    middle = [(n - part) // 2 for n, part in zip(crop.shape, size, strict=True)]
    places = product(*(sorted({0, at, 2 * at}) for at in middle))

    def lost(place: tuple[int, ...]) -> tuple[float, int]:
        z, y, x = (slice(at, at + part) for at, part in zip(place, size, strict=True))
        number = (z.start + z.stop) // 2
        plane = np.asarray(crop[number : number + 1, y, x])[0]
        share = _without_tissue(plane, padding, intensity)
        return round(share, 2), sum(abs(at - m) for at, m in zip(place, middle, strict=True))

    place = min(places, key=lost)
    return Sample(*((at, at + part) for at, part in zip(place, size, strict=True)))


def _without_tissue(plane: Any, padding: tuple[float, ...], intensity: tuple[float, float]) -> float:
    empty = padded(plane, padding) if padding else np.zeros(plane.shape, bool)
    return float((empty | (plane <= intensity[0]) | (plane >= intensity[1])).mean())
