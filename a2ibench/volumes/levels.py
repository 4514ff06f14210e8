"""The grey levels of a volume: those that map to 0 and 1, those that tissue has, and those of padding."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Progress, Volume, silent
from a2ibench.errors import InputError
from a2ibench.volumes.probe import Probe, probe

Range = tuple[float, float]

log = logging.getLogger("a2ibench")

_VOXELS = 1 << 24
_TAIL, _MARGIN, _FAR = 0.01, 0.25, 1e-4
# So much wider than the contrast, single precision would no longer resolve the contrast.
_WIDEST = 1e4


class Levels(NamedTuple):
    """Grey levels, as `a2ibench.Volume` has them."""

    intensity: Range
    contrast: Range
    padding: tuple[float, ...]


def find_levels(
    data: Any, name: str, *, declared: Range | None = None, progress: Progress = silent
) -> Levels:
    """Find the grey levels of a volume; the one rule for files, benchmarks and streams.

    The intensity range is what is declared; else of 8 bits the range of the dtype, without reading anything;
    of 16 bits that of the fewest bits that hold all voxels, for microscopes store 8 or 12 bits in 16; of
    floats the minimum and maximum. The contrast of 8 bits is the intensity range, and of all else the
    `robust_range` within it.

    Parameters
    ----------
    data : array-like, shape (z, y, x)
        An array, or a `Window` of a volume that is read box by box.
    name : str
        Shown in messages.
    declared : tuple of float, optional
        The intensity range, if it is known.
    progress : Progress
        Told how many voxels have been read, as phase ``intensity``.

    Raises
    ------
    InputError
        If all voxels are equal, or some are NaN or infinite.
    """
    seen = probe(data)
    padding = tuple(sorted(seen.padding))
    if padding:
        said = " and ".join(f"{100 * seen.padding[v]:.2g} % of value {v:g}" for v in padding)
        log.warning("%s: about %s is padding; left out of the contrast and of training patches", name, said)
    if declared is not None:
        intensity = declared
    elif np.dtype(data.dtype).itemsize == 1:
        limits = np.iinfo(np.dtype(data.dtype).name)
        intensity = float(limits.min), float(limits.max)
    else:
        intensity = _observed(data, name, seen, progress)
    return Levels(intensity, _contrast(data, seen, intensity), padding)


def levelled(volume: Volume) -> Volume:
    """Return a volume that tells its contrast and padding, found within its intensity range if it did not."""
    if volume.contrast is not None and volume.padding is not None:
        return volume
    found = find_levels(volume.data, volume.name, declared=volume.intensity)
    return replace(
        volume,
        contrast=found.contrast if volume.contrast is None else volume.contrast,
        padding=found.padding if volume.padding is None else volume.padding,
    )


def robust_range(values: NDArray[Any], within: Range) -> Range:
    """Return a range of grey levels that a few hot or dead voxels do not move.

    From the 1st to the 99th percentile, and a quarter of their distance more on either side, but no more
    than all voxels without the outermost 0.01 % have, nor than the intensity range. `within` is returned
    where the voxels are so equal that this leaves nothing.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Grey levels.
    within : tuple of float
        The intensity range.
    """
    tail, far = int(_TAIL * (values.size - 1)), int(_FAR * (values.size - 1))
    places = (far, tail, values.size - 1 - tail, values.size - 1 - far)
    ordered = np.partition(values, places)
    least, low, high, most = (float(ordered[place]) for place in places)
    margin = _MARGIN * (high - low)
    narrow = (max(low - margin, least, within[0]), min(high + margin, most, within[1]))
    if margin > 0 and narrow[0] < narrow[1]:
        return narrow
    wide = (max(least, within[0]), min(most, within[1]))
    return wide if wide[0] < wide[1] else within


def _contrast(data: Any, seen: Probe, intensity: Range) -> Range:
    if np.dtype(data.dtype).itemsize == 1 or seen.values.size == 0:
        return intensity
    return robust_range(seen.values, intensity)


def _observed(data: Any, name: str, seen: Probe, progress: Progress) -> Range:
    floats = np.dtype(data.dtype).kind == "f"
    far = _far(seen) if floats else []
    low, high = _extremes(data, name, far, progress)
    if low == high:
        raise InputError(f"{name}: every voxel is {low:g}; give a volume that shows something")
    return (low, high) if floats else _fewest_bits(low, high)


def _far(seen: Probe) -> list[float]:
    """Return fill values such as -1e30, beside which intensities of tissue would all round to one."""
    if not seen.padding:
        return []
    low, high = robust_range(seen.values, (-math.inf, math.inf))
    reach = _WIDEST * (high - low)
    return [level for level in seen.padding if level < low - reach or level > high + reach]


def _extremes(data: Any, name: str, far: list[float], progress: Progress) -> Range:
    total = math.prod(data.shape)
    low, high, done, bad = math.inf, -math.inf, 0, 0
    for box in _boxes(data):
        part = data[box]
        done += part.size
        if far:
            part = part[~np.isin(part, far)]
        if part.size:
            least, most = float(part.min()), float(part.max())
            if not (math.isfinite(least) and math.isfinite(most)):
                bad += part.size - int(np.count_nonzero(np.isfinite(part)))
            low, high = min(low, least), max(high, most)
        progress("intensity", done, total)
    if bad:
        raise InputError(f"{name}: {bad} of {total} voxels are NaN or infinite; replace or crop them")
    return low, high


def _boxes(data: Any) -> Iterator[tuple[slice, slice, slice]]:
    if hasattr(data, "boxes"):
        yield from data.boxes(_VOXELS)
        return
    depth = max(1, _VOXELS // math.prod(data.shape[1:]))
    for first in range(0, data.shape[0], depth):
        yield slice(first, first + depth), slice(None), slice(None)


def _fewest_bits(low: float, high: float) -> Range:
    bits = max(8, int(high if low >= 0 else max(high, -low - 1)).bit_length())
    top = float((1 << bits) - 1)
    return (0.0, top) if low >= 0 else (-top - 1, top)
