"""What borders.py measures: steps at the borders of windows and blocks, and the error of slices."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ENDS = 10
"""Slices at either side that do not count as interior."""
LEAST_WINDOW = 8
"""Voxels; a shorter period is a stride, not a window."""

Grey = NDArray[np.float32]


class Looked(NamedTuple):
    """Reconstructions of one method, in grey levels and not rounded.

    Parameters
    ----------
    period : int
        Of its windows or strides, in voxels.
    whole, blocks : ndarray, shape (z, y, x)
        Made at once, and block by block.
    cuts : tuple of list of int
        Borders of the blocks along z, y and x.
    """

    name: str
    period: int
    whole: Grey
    blocks: Grey
    cuts: tuple[list[int], list[int], list[int]]


def folded(volume: Grey, axis: int, period: int) -> NDArray[np.float64]:
    """Return the mean squared step into each column, over all columns at one place of the period.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        Grey levels.
    axis : int
        The axis that the steps are taken along.
    period : int
        Voxels; entry 0 of the result is the step across the borders, at multiples of the period.

    Returns
    -------
    ndarray, shape (period,)
    """
    others = tuple(k for k in range(3) if k != axis)
    steps = np.square(np.diff(volume, axis=axis)).mean(axis=others, dtype=np.float64)
    place = np.arange(1, len(steps) + 1) % period
    return np.array([steps[place == k].mean() for k in range(period)])


def relative(volume: Grey, period: int) -> NDArray[np.float64]:
    """Return the root mean squared step at each place of the period over that of all, along x and y."""
    squares = folded(volume, 1, period) + folded(volume, 2, period)
    return np.asarray(np.sqrt(squares / squares.mean()))


def seam(looked: Looked, cubic: Looked, even: Looked) -> NDArray[np.float64]:
    """Return `relative` of what a network adds to the interpolation, over that of a network without windows.

    What is added hides little of a seam, and both networks add nearly the same tissue.
    """
    period = max(looked.period, LEAST_WINDOW)
    return relative(looked.whole - cubic.whole, period) / relative(even.whole - cubic.whole, period)


def seam_of_one_level(looked: Looked, cubic: Looked) -> float:
    """Return what `seam` would be at the borders if every one had a step of one grey level."""
    added = looked.whole - cubic.whole
    squared = float(np.mean([folded(added, axis, 1) for axis in (1, 2)]))
    return float(np.sqrt(1 + 1 / squared))


def alternation(looked: Looked, truth: Grey) -> float:
    """Return the step into even columns over that into odd ones, compared with the reference."""
    pairs = [relative(volume, 2) for volume in (looked.whole, truth)]
    return float(pairs[0][0] / pairs[0][1] / (pairs[1][0] / pairs[1][1]))


def step_at_cuts(looked: Looked) -> float:
    """Return the mean absolute step across block borders, over that at the same places of the whole."""
    ratios = []
    for axis, cuts in enumerate(looked.cuts):
        for cut in cuts:
            pair = [
                np.abs(np.diff(v.take((cut - 1, cut), axis), axis=axis)).mean()
                for v in (looked.blocks, looked.whole)
            ]
            ratios.append(pair[0] / pair[1])
    return float(np.mean(ratios)) if ratios else 1.0


def errors(looked: Looked, truth: Grey) -> NDArray[np.float64]:
    """Return the root mean squared error of each lateral slice, in grey levels."""
    squares = np.square(looked.whole - truth, dtype=np.float64)
    return np.asarray(np.sqrt(squares.mean(axis=(1, 2))))


def contrast(looked: Looked, truth: Grey) -> NDArray[np.float64]:
    """Return the standard deviation of each lateral slice over that of the reference."""
    mine, other = (volume.std(axis=(1, 2), dtype=np.float64) for volume in (looked.whole, truth))
    return np.asarray(mine / other)


def ends(values: NDArray[Any]) -> float:
    """Return the mean over the first and the last slice."""
    return float(values[[0, -1]].mean())


def interior(values: NDArray[Any]) -> float:
    """Return the mean without the first and last slices."""
    return float(values[ENDS:-ENDS].mean())
