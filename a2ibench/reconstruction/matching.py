"""Slices that flicker, matched in mean and contrast to those around them as they are read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Progress, Volume, silent
from a2ibench.data.intensity_range import find_levels, log, natural_range, padded, probe
from a2ibench.data.prepare import Crop
from a2ibench.data.writing.partial import is_intact
from a2ibench.documents import read_json
from a2ibench.errors import printable
from a2ibench.reconstruction.checkpoints import read_or_compute

# A line through so many slices: enough to average flicker out, few enough to follow the tissue.
WINDOW = 17
# Of the standard deviation of a slice: less is no flicker to speak of.
CHANGED = 0.05

# A slice that is so much flatter or steeper than its neighbours is damaged, and matching would blow up noise.
_STEEPEST = 4.0
_TAIL = 0.05
_SAMPLE = 1 << 19
# Of a slice with less tissue, or of so few voxels, mean and contrast are anything.
_TISSUE, _FEWEST = 0.02, 64
_VOXELS, _DEPTH = 1 << 24, 64
# The sharp corners of padding are so many voxels wide, and areas of it are told by as many around.
_CORNER = 3
_AROUND = 2 * _CORNER


@dataclass(frozen=True, eq=False)
class Matching:
    """What every slice is multiplied with, and what is added then.

    Parameters
    ----------
    gains, offsets : ndarray, shape (z,)
        1 and 0 of slices that stay as they are.
    shifts : ndarray, shape (z,)
        By how much the mean of a slice moves, over its standard deviation.
    left : tuple of int
        Slices that could not be matched: without tissue, or too damaged.
    padding : tuple of float
        Grey levels whose areas stay as they are.
    """

    gains: NDArray[np.float64]
    offsets: NDArray[np.float64]
    shifts: NDArray[np.float64]
    left: tuple[int, ...]
    padding: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it JSON-able."""
        return {
            "gains": self.gains.tolist(),
            "offsets": self.offsets.tolist(),
            "shifts": self.shifts.tolist(),
            "left": self.left,
            "padding": self.padding,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Matching:
        """Return what `to_json` was called of."""
        gains, offsets, shifts = (np.array(content[name], float) for name in ("gains", "offsets", "shifts"))
        return cls(gains, offsets, shifts, tuple(content["left"]), tuple(content["padding"]))

    def summary(self) -> dict[str, Any]:
        """Return how strongly slices are changed, JSON-able."""
        changed = (np.abs(self.shifts) > CHANGED) | (np.abs(self.gains - 1) > CHANGED)
        return {
            "slices": len(self.gains),
            "changed": int(changed.sum()),
            "changed_by_more_than": CHANGED,
            "largest_shift": round(float(np.abs(self.shifts).max()), 4),
            "gains": [round(float(self.gains.min()), 4), round(float(self.gains.max()), 4)],
            "left_as_they_are": list(self.left),
        }


def find_matching(data: Any, *, progress: Progress = silent) -> Matching:
    """Find what brings every slice to the mean and contrast of its neighbourhood.

    Mean and standard deviation are those of the middle 90 % of a slice's tissue, by grey level: neither
    padding nor hot voxels count. What a slice is brought to is a robust line through the means of the 17
    slices around it, and through the logarithms of the deviations. A slow trend along the stack is such a
    line, so it survives; a slice apart from its neighbours is not, nor is flicker from slice to slice.

    Parameters
    ----------
    data : array-like, shape (z, y, x)
        An array, or a `Crop` of a volume that is read box by box. Of slices above half a million voxels so
        many are looked at, on a grid.
    progress : Progress
        Told how many slices have been looked at, as phase ``slices``.
    """
    padding = tuple(sorted(probe(data).padding))
    found = np.array(list(_measured(data, padding, progress)))
    means, logs = found[:, 0], np.log(found[:, 1])
    wanted, gains = _trend(means), np.exp(_trend(logs) - logs)
    usable = np.isfinite(gains) & (np.abs(np.log(gains)) <= math.log(_STEEPEST))
    gains = np.where(usable, gains, 1.0)
    offsets = np.where(usable, wanted - gains * means, 0.0)
    shifts = np.where(usable, (wanted - means) / found[:, 1], 0.0)
    return Matching(gains, offsets, shifts, tuple(int(z) for z in np.flatnonzero(~usable)), padding)


_SLICES = "slices.json"
_SHOWN = 8


def matched_slices(crop: Crop, scratch: Path, name: str, progress: Progress) -> Matched:
    """Return a volume whose slices are matched as they are read, by what is found now or was found before."""

    def found() -> dict[str, Any]:
        return _found(crop, name, progress).to_json()

    return Matched(crop, Matching.from_json(read_or_compute(scratch / _SLICES, found)))


def matching_told(scratch: Path) -> dict[str, Any] | None:
    """Return how strongly slices were matched; None where they were not."""
    file = scratch / _SLICES
    return Matching.from_json(read_json(file)).summary() if is_intact(file) else None


def matched_volume(volume: Volume, *, progress: Progress = silent) -> Volume:
    """Return a volume in memory whose slices are matched, with the grey levels that it has then.

    An intensity range that differs from what would be found is one that was declared, and stays.
    """
    declared = natural_range(volume.data, volume.name) != tuple(volume.intensity)
    data = Matched(volume.data, _found(volume.data, volume.name, progress))[:, :, :]
    levels = find_levels(data, volume.name, declared=volume.intensity if declared else None)
    return replace(volume, data=data, **levels._asdict())


def _found(data: Any, name: str, progress: Progress) -> Matching:
    """Find what matches slices, and say how many it changes and which it cannot."""
    matching = find_matching(data, progress=progress)
    told = matching.summary()
    shown = ", ".join(map(str, matching.left[:_SHOWN])) + (", ..." if len(matching.left) > _SHOWN else "")
    log.info(
        "%s: %d of %d slices matched by more than %g %% of their contrast%s",
        printable(name),
        told["changed"],
        told["slices"],
        100 * CHANGED,
        f"; without tissue or damaged, so left as they are: {shown}" if shown else "",
    )
    return matching


class Matched:
    """Voxels that are matched when they are read, rounded to the dtype they are stored in.

    Parameters
    ----------
    data : array-like, shape (z, y, x)
        An array or a `Crop`.
    matching : Matching
        Of these slices.
    """

    def __init__(self, data: Any, matching: Matching) -> None:
        self._data, self._matching = data, matching
        z, y, x = (int(size) for size in data.shape)
        self.shape = (z, y, x)
        self.dtype = np.dtype(data.dtype)
        self.chunks = getattr(data, "chunks", (1, y, x))

    def __getitem__(self, box: tuple[slice, slice, slice]) -> NDArray[Any]:
        """Return a box, C-contiguous."""
        voxels, empty = _with_padding(self._data, box, self._matching.padding)
        slices = range(*box[0].indices(self.shape[0]))
        out = np.empty(voxels.shape, self.dtype)
        for number, z in enumerate(slices):
            gain, offset = np.float32(self._matching.gains[z]), np.float32(self._matching.offsets[z])
            out[number] = self._rounded(voxels[number].astype(np.float32) * gain + offset)
            if empty is not None:
                out[number][empty[number]] = voxels[number][empty[number]]
        return out

    def boxes(self, most: int) -> Iterator[tuple[slice, slice, slice]]:
        """Yield boxes that cover it, of about `most` voxels."""
        yield from _boxes(self._data, most)

    def _rounded(self, values: NDArray[np.float32]) -> NDArray[Any]:
        if self.dtype.kind == "f":
            return values.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        return np.rint(values).clip(limits.min, limits.max).astype(self.dtype)


def _boxes(data: Any, most: int) -> Iterator[tuple[slice, slice, slice]]:
    if hasattr(data, "boxes"):
        yield from data.boxes(most)
        return
    depth, height, width = data.shape
    step = max(1, most // (height * width))
    for first in range(0, depth, step):
        yield slice(first, first + step), slice(0, height), slice(0, width)


def _with_padding(
    data: Any, box: tuple[slice, slice, slice], padding: tuple[float, ...]
) -> tuple[NDArray[Any], NDArray[np.bool_] | None]:
    """Return the voxels of a box, and which are padding, the same whatever box they are read in."""
    if not padding:
        return np.asarray(data[box]), None
    inside, grown = [], []
    for part, size in zip(box[1:], data.shape[1:], strict=True):
        start, stop, _ = part.indices(size)
        first, last = max(0, start - _AROUND), min(size, stop + _AROUND)
        grown.append(slice(first, last))
        inside.append(slice(start - first, stop - first))
    voxels = np.asarray(data[box[0], grown[0], grown[1]])
    empty = np.stack([_empty(plane, padding) for plane in voxels])
    kept = slice(None), *inside
    return np.ascontiguousarray(voxels[kept]), empty[kept]


def _empty(plane: NDArray[Any], padding: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return which voxels are padding: in areas of its grey levels, or in corners of these."""
    from scipy.ndimage import maximum_filter

    mask = np.zeros(plane.shape, np.bool_)
    for level in padding:
        areas = padded(plane, (level,))
        if areas.any():
            mask |= maximum_filter(areas, 2 * _CORNER + 1) & (plane == level)
    return mask


def _measured(data: Any, padding: tuple[float, ...], progress: Progress) -> Iterator[tuple[float, float]]:
    """Yield mean and standard deviation of each slice; NaN of those without tissue."""
    step = math.ceil(math.sqrt(max(1.0, data.shape[1] * data.shape[2] / _SAMPLE)))
    least = max(_FEWEST, _TISSUE * (data.shape[1] // step) * (data.shape[2] // step))
    slab: list[list[NDArray[Any]]] = []
    at = 0
    for z, y, x in _slabs(data):
        if z.start != at:
            yield from (_level(parts, least) for parts in slab)
            slab, at = [], z.start
            progress("slices", at, data.shape[0])
        voxels, empty = _with_padding(data, (z, y, x), padding)
        slab = slab or [[] for _ in voxels]
        grid = slice(-y.start % step, None, step), slice(-x.start % step, None, step)
        for number, plane in enumerate(voxels):
            picked = plane[grid]
            slab[number].append(picked[~empty[number][grid]] if empty is not None else picked.ravel())
    yield from (_level(parts, least) for parts in slab)
    progress("slices", data.shape[0], data.shape[0])


def _slabs(data: Any) -> Iterator[tuple[slice, slice, slice]]:
    """Yield boxes that cover the data, all of some slices before the next; no chunk is read twice."""
    depth, height, width = data.shape
    chunks = getattr(data, "chunks", (1, 1, 1))
    deep = min(chunks[0], _DEPTH, depth)
    wide = min(width, max(1, _VOXELS // (deep * chunks[1]) // chunks[2]) * chunks[2])
    high = min(height, max(1, _VOXELS // (deep * wide) // chunks[1]) * chunks[1])
    for z in range(0, depth, deep):
        for y in range(0, height, high):
            for x in range(0, width, wide):
                yield slice(z, min(z + deep, depth)), slice(y, min(y + high, height)), slice(x, x + wide)


def _level(parts: list[NDArray[Any]], least: float) -> tuple[float, float]:
    values = np.concatenate(parts)
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if values.size < least:
        return math.nan, math.nan
    # Sorted, so that sums do not depend on how a slice was read; stable is a radix sort for short integers.
    tail = int(_TAIL * values.size)
    middle = np.sort(values, kind="stable")[tail : values.size - tail].astype(np.float64)
    deviation = float(middle.std())
    return (float(middle.mean()), deviation) if deviation > 0 else (math.nan, math.nan)


def _trend(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return at each place the value of a robust line through those around it, which may be NaN."""
    found, count = np.full(values.shape, math.nan), len(values)
    for at in np.flatnonzero(np.isfinite(values)).tolist():
        first = min(max(0, at - WINDOW // 2), max(0, count - WINDOW))
        window = values[first : first + WINDOW]
        known = np.isfinite(window)
        found[at] = _line(np.flatnonzero(known) + first - at, window[known])
    return found


def _line(places: NDArray[np.int64], values: NDArray[np.float64]) -> float:
    """Return at place 0 the line with the median slope of all pairs and the median height of all pairs.

    Theil and Sen's slope, Hodges and Lehmann's height: neither moves for less than 29 % of outliers.
    """
    one, other = np.triu_indices(len(values), 1)
    if not one.size:
        return float(values[0])
    slope = np.median((values[other] - values[one]) / (places[other] - places[one]))
    heights = values - slope * places
    one, other = np.triu_indices(len(values))
    return float(np.median((heights[one] + heights[other]) / 2))
