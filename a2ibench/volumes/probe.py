"""A look at a volume of any size: some of its grey levels, and the constant areas that pad it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    boxes = _boxes(data.shape)
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


def _boxes(shape: tuple[int, ...]) -> list[tuple[slice, slice, slice]]:
    planes = np.unique(np.linspace(0, shape[0] - 1, PLANES).round().astype(int))
    corners = list(product(*(_starts(n) for n in shape[1:])))
    height, width = (n if n <= 3 * SIDE else SIDE for n in shape[1:])
    boxes = []
    for number, z in enumerate(planes):
        # One place a plane, since a compressed plane is often decoded as a whole.
        y, x = corners[number * 4 % len(corners)]
        boxes.append((slice(int(z), int(z) + 1), slice(y, y + height), slice(x, x + width)))
    return boxes


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
