"""By how much neighbouring slices are shifted against each other."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from a2ibench.inspection.finding import Finding
from a2ibench.inspection.stack import Array, Stack

LIMIT: Final = 1.0
"""Pixels. Below, a membrane that crosses slices stays connected in axial planes; aligned volumes, whose
tissue changes from slice to slice, too, come to 0.2 to 0.9."""

PAIRS: Final = 64
"""Pairs of neighbours at most, in triples of slices, evenly spaced; of large slices fewer."""

_VOXELS = 1 << 25
_SIGMA = 1.5
_LEAST = 32
_REACH = 4
_FLAT = 1e-6


def slice_shifts(stack: Stack) -> Finding:
    """Measure the shifts between neighbouring slices.

    By the highest peak of the correlation, summed over the tiles of a slice, within a quarter of a tile; then
    by least squares on the mean of both gradients (Lucas and Kanade, IJCAI 1981). The value is the median
    over pairs and axes of the absolute shift, or of the difference between the shifts of consecutive pairs
    over the square root of 2, if that is less. Both are the same for shifts that are independent. Tissue that
    runs at a slant shifts slices as well, by as much as the spacing between them, but alike in consecutive
    pairs, so that it falls out of the second; a drift of the stack falls out with it.

    `LIMIT` applies to the lower end of the 95 % interval of the median: a few slices of aligned tissue may
    lie above it by chance.
    """
    first = stack.tiles(0)
    if min(first.shape[1:]) < _LEAST:
        return _unmeasured(f"slices have fewer than {_LEAST} pixels along a side")
    most = 3 * min(PAIRS, _VOXELS // first.size) // 2
    pairs, shifts, changes = list[int](), list[NDArray[np.float64]](), list[NDArray[np.float64]]()
    for run in stack.runs(3, most):
        before: Array | None = None
        last: NDArray[np.float64] | None = None
        for number in run:
            tiles = _smoothed(stack.tiles(number))
            shift = None if before is None else _shift(before, tiles)
            before = tiles
            if shift is not None:
                pairs.append(number - 1)
                shifts.append(shift)
                if last is not None:
                    changes.append(shift - last)
            last = shift
    if not pairs:
        return _unmeasured("no two neighbouring slices show anything")
    found = np.array(shifts)
    value, low = _median(np.abs(found))
    if changes:
        value, low = min((value, low), tuple(one / math.sqrt(2) for one in _median(np.abs(changes))))
    return _finding(stack, value, low, pairs, found)


def _median(values: ArrayLike) -> tuple[float, float]:
    """Return the median, and the lower end of its 95 % interval: an order statistic, by normal theory."""
    ordered = np.sort(np.ravel(values))
    place = math.floor(len(ordered) / 2 - 0.98 * math.sqrt(len(ordered)))
    return float(np.median(ordered)), float(ordered[max(0, place)])


def _finding(stack: Stack, value: float, low: float, pairs: list[int], found: NDArray[np.float64]) -> Finding:
    lengths = np.hypot(found[:, 0], found[:, 1])
    worst = int(lengths.argmax())
    p95 = float(np.percentile(np.abs(found), 95))
    passed = low <= LIMIT
    return Finding(
        "slice shifts",
        value,
        "pixels",
        LIMIT,
        passed,
        f"neighbouring slices are shifted by {value:.2f} pixels along y and x (median; 95th percentile "
        f"{p95:.1f}), at most by {lengths[worst]:.1f}, between slices {pairs[worst]} and {pairs[worst] + 1}",
        "" if passed else stack.remedies.aligned(),
        {
            "median_low": low,
            "median_y": float(np.median(np.abs(found[:, 0]))),
            "median_x": float(np.median(np.abs(found[:, 1]))),
            "percentile_95": p95,
            "largest": float(lengths[worst]),
            "first_slices": pairs,
            "shifts_yx": found.round(3).tolist(),
            "other_tools": [
                "Fiji: Plugins > Registration > Linear Stack Alignment with SIFT",
                "Fiji: TrakEM2, align stack slices, for elastic alignment",
            ],
        },
    )


def _unmeasured(reason: str) -> Finding:
    return Finding(
        "slice shifts", math.nan, "pixels", LIMIT, True, f"slice shifts are not measured: {reason}"
    )


def _smoothed(tiles: NDArray[Any]) -> Array:
    """Return tiles of mean 0 and standard deviation 1, so that each counts alike; 0 where all is constant."""
    from scipy.ndimage import gaussian_filter

    found: Array = gaussian_filter(tiles.astype(np.float32), (0, _SIGMA, _SIGMA))
    found -= found.mean(axis=(1, 2), keepdims=True)
    spread = found.std(axis=(1, 2), keepdims=True)
    spread[spread <= _FLAT] = np.inf
    found /= spread
    return found


def _shift(first: Array, second: Array) -> NDArray[np.float64] | None:
    """Return by how many pixels along (y, x) the content of the second slice lies further on."""
    shown = first.any(axis=(1, 2)) & second.any(axis=(1, 2))
    if not shown.any():
        return None
    return _refined(first[shown], second[shown], _peak(first[shown], second[shown]))


def _peak(first: Array, second: Array) -> tuple[int, int]:
    from scipy.fft import irfft2, rfft2

    height, width = first.shape[1:]
    window = (np.hanning(height)[:, None] * np.hanning(width)).astype(np.float32)
    spectrum = (rfft2(first * window).conj() * rfft2(second * window)).sum(axis=0)
    ys, xs = (np.arange(-(n // _REACH), n // _REACH + 1) for n in (height, width))
    near = irfft2(spectrum, s=(height, width))[np.ix_(ys, xs)]
    y, x = np.unravel_index(int(near.argmax()), near.shape)
    return int(ys[y]), int(xs[x])


def _refined(first: Array, second: Array, peak: tuple[int, int]) -> NDArray[np.float64]:
    y, x = peak
    height, width = first.shape[1:]
    a = first[:, max(0, -y) : height - max(0, y), max(0, -x) : width - max(0, x)]
    b = second[:, max(0, y) : height + min(0, y), max(0, x) : width + min(0, x)]
    slopes: Any = np.gradient((a + b) / 2, axis=(1, 2))
    columns = np.stack([*slopes, a, np.ones_like(a)]).reshape(4, -1)
    normal = (columns @ columns.T).astype(np.float64)
    solution = np.linalg.lstsq(normal, (columns @ b.ravel()).astype(np.float64), rcond=None)[0]
    gain = float(solution[2])
    # Of slices that do not resemble each other the gain is small, and what is divided by it anything.
    within = np.clip(-solution[:2] / gain, -1, 1) if gain > 0 else np.zeros(2)
    found: NDArray[np.float64] = np.array(peak) + within
    return found
