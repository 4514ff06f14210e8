"""The intensities that map to 0 and 1, of a volume that is read once, piece by piece."""

from __future__ import annotations

import math

import numpy as np

from a2ibench.contracts import Progress
from a2ibench.errors import InputError
from a2ibench.volumes.window import Window

_VOXELS = 1 << 24


def observed_intensity(window: Window, name: str, progress: Progress) -> tuple[float, float]:
    """Return the intensity range of a volume.

    The range of an 8-bit dtype, without reading anything; of 16-bit integers that of the fewest bits that
    hold all voxels, for microscopes store 8 or 12 bits in 16; of floats the minimum and maximum.

    Parameters
    ----------
    window : Window
        The volume.
    name : str
        Shown in messages.
    progress : Progress
        Told how many voxels have been read, as phase ``intensity``.

    Raises
    ------
    InputError
        If all voxels are equal, or some are NaN or infinite.
    """
    if window.dtype.itemsize == 1:
        limits = np.iinfo(window.dtype.name)
        return float(limits.min), float(limits.max)
    low, high = _extremes(window, name, progress)
    if low == high:
        raise InputError(f"{name}: every voxel is {low:g}; give a volume that shows something")
    if window.dtype.kind == "f":
        return low, high
    return _fewest_bits(low, high)


def _extremes(window: Window, name: str, progress: Progress) -> tuple[float, float]:
    total = math.prod(window.shape)
    low, high, done, bad = math.inf, -math.inf, 0, 0
    for box in window.boxes(_VOXELS):
        part = window[box]
        done += part.size
        least, most = float(part.min()), float(part.max())
        if not (math.isfinite(least) and math.isfinite(most)):
            bad += part.size - int(np.count_nonzero(np.isfinite(part)))
        low, high = min(low, least), max(high, most)
        progress("intensity", done, total)
    if bad:
        raise InputError(f"{name}: {bad} of {total} voxels are NaN or infinite; replace or crop them")
    return low, high


def _fewest_bits(low: float, high: float) -> tuple[float, float]:
    bits = max(8, int(high if low >= 0 else max(high, -low - 1)).bit_length())
    top = float((1 << bits) - 1)
    return (0.0, top) if low >= 0 else (-top - 1, top)
