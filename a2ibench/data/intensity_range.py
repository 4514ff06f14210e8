"""The grey levels of a volume: those that map to 0 and 1, of tissue and of padding, and their noise."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Progress, Volume, silent
from a2ibench.errors import InputError

PLANES = 32
"""Lateral planes, evenly spaced, that are looked at."""

SIDE = 512
"""Voxels along the sides of what is looked at of a plane more than three times as wide."""

VALUES = 1 << 21
"""Grey levels that are kept, drawn at random where there are more."""

_BLOCK = 4
_LEAST_BLOCKS = 4
_PADDING = 0.005
_APART, _BETWEEN = 0.05, 1e-3
_REST = 0.01


@dataclass(frozen=True)
class Probe:
    """What was seen.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Grey levels of tissue: without padding, and finite.
    padding : dict of float
        Fraction of the voxels by grey level of the padding; empty where there is none.
    """

    values: NDArray[Any]
    padding: dict[float, float]


def probe(data: Any) -> Probe:
    """Look at a volume.

    What is looked at depends on the shape alone, so that a volume in memory and the same in a file, however
    it is chunked, give the same.

    Padding is a grey level that fills areas of at least 4 x 4 voxels in half a percent of all voxels or
    more, either areas that reach the edge of what is looked at, or of a grey level apart from all others.

    Parameters
    ----------
    data : array-like, shape (z, y, x)
        In memory or lazy.
    """
    boxes = _probe_boxes(data.shape)
    most = max(1, VALUES // len(boxes))
    random = np.random.default_rng(0)
    picked, edge, everywhere, total = [], dict[float, int](), dict[float, int](), 0
    for box in boxes:
        plane = np.asarray(data[box])[0]
        total += plane.size
        values = plane.reshape(-1)
        picked.append(values if values.size <= most else values[random.integers(values.size, size=most)])
        for level, (touching, area) in _constant(plane).items():
            edge[level] = edge.get(level, 0) + touching
            everywhere[level] = everywhere.get(level, 0) + area
    values = np.concatenate(picked)
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    padding = {
        level: area / total
        for level, area in everywhere.items()
        if edge[level] >= _PADDING * total or (area >= _PADDING * total and _apart(level, values))
    }
    rest = values[~np.isin(values, list(padding))] if padding else values
    if rest.size < _REST * values.size or rest.size == 0 or rest.min() == rest.max():
        return Probe(values, {})
    return Probe(rest, padding)


def padded(plane: NDArray[Any], padding: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return which voxels of a lateral plane lie in constant areas of a padding's grey levels."""
    from scipy.ndimage import binary_opening

    mask = np.zeros(plane.shape, np.bool_)
    for level in padding:
        # Single voxels of tissue may have the same grey level.
        mask |= binary_opening(plane == level, np.ones((_BLOCK, _BLOCK)))
    return mask


def _probe_boxes(shape: tuple[int, ...]) -> list[tuple[slice, slice, slice]]:
    corners = list(product(*(_starts(n) for n in shape[1:])))
    height, width = (n if n <= 3 * SIDE else SIDE for n in shape[1:])
    boxes = []
    for number, z in enumerate(_evenly_spaced(shape[0], PLANES)):
        # One place a plane, since a compressed plane is often decoded as a whole.
        y, x = corners[number * 4 % len(corners)]
        boxes.append((slice(z, z + 1), slice(y, y + height), slice(x, x + width)))
    return boxes


def _evenly_spaced(n: int, most: int) -> list[int]:
    return [int(z) for z in np.unique(np.linspace(0, n - 1, most).round())]


def _starts(n: int) -> tuple[int, ...]:
    return (0,) if n <= 3 * SIDE else (0, (n - SIDE) // 2, n - SIDE)


def _constant(plane: NDArray[Any]) -> dict[float, tuple[int, int]]:
    """Return by grey level the voxels in constant areas that reach the plane's edge, and in all of them."""
    low, high = _reduced(plane, np.minimum), _reduced(plane, np.maximum)
    same = low == high
    if not same.any():
        return {}
    from scipy.ndimage import label

    found = {}
    levels, counts = np.unique(low[same], return_counts=True)
    for level in levels[counts >= _LEAST_BLOCKS]:
        areas, _ = label(same & (low == level))
        sizes = np.bincount(areas.ravel())
        sizes[0] = 0
        sizes[sizes < _LEAST_BLOCKS] = 0
        rim = np.concatenate([areas[0], areas[-1], areas[:, 0], areas[:, -1]])
        found[float(level)] = (
            int(sizes[np.unique(rim)].sum()) * _BLOCK**2,
            int(sizes.sum()) * _BLOCK**2,
        )
    return found


def _reduced(plane: NDArray[Any], function: np.ufunc) -> NDArray[Any]:
    # Rows first, which is fast, so that little is left for the strided columns.
    for _ in range(2):
        whole = plane[: plane.shape[0] // _BLOCK * _BLOCK]
        a, b, c, d = (whole[first::_BLOCK] for first in range(_BLOCK))
        plane = function(function(a, b), function(c, d)).T
    return plane


def _apart(level: float, values: NDArray[Any]) -> bool:
    others = values[values != level].astype(np.float64)
    if others.size == 0:
        return False
    low, high = np.quantile(others, (0.01, 0.99))
    near = np.abs(others - level) < _APART * (high - low)
    return bool(near.mean() < _BETWEEN)


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
    range within it that a few hot or dead voxels do not move.

    Parameters
    ----------
    data : array-like, shape (z, y, x)
        An array, or a `Crop` of a volume that is read box by box.
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
    intensity = declared if declared is not None else _natural(data, name, seen, progress)
    return Levels(intensity, _contrast(data, seen, intensity), padding)


def natural_range(data: Any, name: str, *, progress: Progress = silent) -> Range:
    """Find the intensity range alone, as `find_levels` does where none is declared."""
    return _natural(data, name, probe(data), progress)


def _natural(data: Any, name: str, seen: Probe, progress: Progress) -> Range:
    if np.dtype(data.dtype).itemsize == 1:
        limits = np.iinfo(np.dtype(data.dtype).name)
        return float(limits.min), float(limits.max)
    return _observed(data, name, seen, progress)


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


def _robust_range(values: NDArray[Any], within: Range) -> Range:
    """Return a range of grey levels that a few hot or dead voxels do not move.

    From the 1st to the 99th percentile, and a quarter of their distance more on either side, but no more
    than all voxels without the outermost 0.01 % have, nor than the intensity range. `within` is returned
    where the voxels are so equal that this leaves nothing.
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
    return _robust_range(seen.values, intensity)


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
    low, high = _robust_range(seen.values, (-math.inf, math.inf))
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


NOISE_SLICES = 9
"""Lateral slices, evenly spaced, that the noise level is estimated from."""

NOISE_SIDE = 1024
"""Voxels along the sides of the middle of a slice that is looked at, so that wide slices take no longer."""

# Of the standard normal distribution.
_THIRD_QUARTILE = 0.6744897501960817


def noise_level(volume: Volume) -> float:
    """Estimate the white noise of the lateral slices.

    The median magnitude of the finest diagonal wavelet coefficients (as scikit-image's `estimate_sigma`;
    Donoho and Johnstone, Biometrika 81(3):425-455, 1994), of which the median over slices is taken. Only
    what is uncorrelated between voxels counts as noise, and sharp texture counts in part.

    Parameters
    ----------
    volume : Volume, shape (z, y, x)
        Of any voxel size.

    Returns
    -------
    float
        Standard deviation as a fraction of the intensity range; 0 where slices are constant, or have fewer
        than 8 voxels along a side.
    """
    if min(volume.shape[1:]) < 8:
        return 0.0
    starts = (max(0, (n - NOISE_SIDE) // 2) for n in volume.shape[1:])
    middle = tuple(slice(start, start + NOISE_SIDE) for start in starts)
    slices = _evenly_spaced(volume.shape[0], NOISE_SLICES)
    lo, hi = volume.intensity
    planes = (np.asarray(volume.data[z : z + 1, *middle][0], np.float64) for z in slices)
    return float(np.median([_sigma(plane) for plane in planes])) / (hi - lo)


def _sigma(plane: NDArray[Any]) -> float:
    # As scikit-image's estimate_sigma, whose import takes 0.7 s, which every job would spend.
    import pywt

    finest = pywt.dwtn(plane, "db2")["dd"]
    finest = finest[finest != 0]
    if plane.min() == plane.max() or not finest.size:
        return 0.0
    sigma = float(np.median(np.abs(finest)) / _THIRD_QUARTILE)
    return sigma if np.isfinite(sigma) else 0.0
