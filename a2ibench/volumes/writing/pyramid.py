"""The coarser levels of a volume: how much coarser, where they lie, and their voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from a2ibench.volumes.writing.layout import Triple, Voxels

# Levels are added until the largest side is no larger.
_SMALLEST = 64


@dataclass(frozen=True)
class Level:
    """One level of a pyramid.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (z, y, x).
    factor : tuple of int
        Voxels of the finest level that one voxel averages, along (z, y, x).
    step : tuple of int
        The same, in voxels of the level before: 1 or 2.
    """

    shape: Triple
    factor: Triple
    step: Triple

    def scale(self, voxel_size: tuple[float, float, float]) -> list[float]:
        """Return its voxel size in nm, given the finest level's."""
        return [size * factor for size, factor in zip(voxel_size, self.factor, strict=True)]

    def translation(self, voxel_size: tuple[float, float, float]) -> list[float]:
        """Return in nm where the centre of its first voxel lies, seen from the centre of the finest's."""
        return [size * (factor - 1) / 2 for size, factor in zip(voxel_size, self.factor, strict=True)]


def plan_levels(shape: Triple, voxel_size: tuple[float, float, float]) -> list[Level]:
    """Return the levels of a volume, the finest first.

    Each halves the one before, rounding up; along axes of one voxel it does not, nor along those that are
    still twice as coarse as the finest.
    """
    levels = [Level(shape, (1, 1, 1), (1, 1, 1))]
    while max(levels[-1].shape) > _SMALLEST:
        last = levels[-1]
        spacings = last.scale(voxel_size)
        longs = [size for size, n in zip(spacings, last.shape, strict=True) if n > 1]
        steps = [
            2 if n > 1 and size < 2 * min(longs) else 1 for size, n in zip(spacings, last.shape, strict=True)
        ]
        levels.append(_coarser(last, (steps[0], steps[1], steps[2])))
    return levels


def _coarser(last: Level, step: Triple) -> Level:
    z, y, x = (-(-n // by) for n, by in zip(last.shape, step, strict=True))
    fz, fy, fx = (factor * by for factor, by in zip(last.factor, step, strict=True))
    return Level((z, y, x), (fz, fy, fx), step)


def averaged(array: Voxels, step: Triple) -> Voxels:
    """Return means over blocks of `step` voxels, each 1 or 2; a last odd voxel counts twice.

    Parameters
    ----------
    array : ndarray, shape (z, y, x)
        8- or 16-bit integers or floats.

    Returns
    -------
    ndarray, shape (ceil(z / step), ...)
        Of the same dtype; integers are rounded to the nearest, halves to even.
    """
    whole = array.dtype.kind in "iu"
    total = array
    for axis in (0, 1, 2):
        if step[axis] == 2:
            total = _pairs(total, axis, np.dtype(np.int32 if array.dtype.itemsize > 1 else np.int16), whole)
    if not whole:
        return np.ascontiguousarray(total)
    count = step[0] * step[1] * step[2]
    if count == 1:
        return array
    shift = count.bit_length() - 1
    # Rounds half to even: one less than half is added, and one more where the quotient is odd.
    odd = total >> shift
    odd &= 1
    total = total + (count // 2 - 1)
    total += odd
    total >>= shift
    return np.ascontiguousarray(total.astype(array.dtype))


def _pairs(array: Voxels, axis: int, wide: np.dtype[Any], whole: bool) -> Voxels:
    n = array.shape[axis]
    if n % 2:
        widths = [(0, 1 if at == axis else 0) for at in range(3)]
        array = np.pad(array, widths, mode="edge")
    before = (slice(None),) * axis
    first, second = (array[(*before, slice(begin, None, 2))] for begin in (0, 1))
    if whole:
        return np.asarray(np.add(first, second, dtype=wide))
    # Halved first: the sum of two large floats could be infinite.
    half = array.dtype.type(0.5)
    return np.asarray(first * half + second * half)
