"""Small volumes to try plugins on, alike along all axes, and how two volumes differ."""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Volume
from a2ibench.degradations.models import slab_average

SPACING = 10.0
"""Lateral spacing in nm."""


def scene(ratio: float, shape: tuple[int, int, int], seed: int = 0) -> tuple[Volume, NDArray[np.float32]]:
    """Return an anisotropic volume of its own, and the isotropic truth that it was averaged from.

    Parameters
    ----------
    ratio : float
        Axial over lateral spacing.
    shape : tuple of int
        Voxels (n_in, y, x) of the anisotropic volume.
    seed : int
        Which texture.

    Returns
    -------
    volume : Volume
        uint8, intensity range 0 to 255; its data may be altered freely.
    truth : ndarray of float32, shape (round(n_in * ratio), y, x)
        Intensities in [0, 1], read-only.
    """
    truth, levels = _texture(ratio, shape, seed)
    data = levels.copy()
    return Volume(data, (ratio * SPACING, SPACING, SPACING), (0.0, 255.0), "texture"), truth


@functools.lru_cache(maxsize=64)
def _texture(
    ratio: float, shape: tuple[int, int, int], seed: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    from scipy.ndimage import gaussian_filter

    grid = AxialGrid(shape[0], ratio)
    white = np.random.default_rng(seed).normal(size=(grid.n_out, *shape[1:]))
    smooth = sum(gaussian_filter(white, sigma, mode="wrap") * sigma**1.5 for sigma in (1.5, 3.0, 6.0))
    truth = np.clip(0.5 + 0.16 * (smooth - smooth.mean()) / smooth.std(), 0, 1)
    averaged = np.einsum("io,oyx->iyx", slab_average(grid), truth)
    kept = truth.astype(np.float32)
    kept.flags.writeable = False
    return kept, np.rint(255 * averaged).astype(np.uint8)


LEVELS: Final = 255
"""Grey levels that intensities from 0 to 1 are expressed in."""

Floats = NDArray[np.float32]

ORIENTATIONS: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "as it is": lambda a: a,
    "with y and x exchanged": lambda a: a.transpose(0, 2, 1),
    "with z reversed": lambda a: a[::-1],
    "with y reversed": lambda a: a[:, ::-1],
    "with x reversed": lambda a: a[:, :, ::-1],
    "turned by 180 degrees about z": lambda a: a[:, ::-1, ::-1],
    "turned by 180 degrees about y": lambda a: a[::-1, :, ::-1],
    "turned by 180 degrees about x": lambda a: a[::-1, ::-1],
    "turned by 90 degrees about z": lambda a: a.transpose(0, 2, 1)[:, ::-1],
    "turned by -90 degrees about z": lambda a: a.transpose(0, 2, 1)[:, :, ::-1],
}
"""What a volume with square slices may have been turned into, undone."""

_FARTHEST, _STEP = 2.0, 0.1


def levels_apart(a: Floats, b: Floats) -> float:
    """Return the largest difference of intensities, in grey levels."""
    return float(np.abs(a.astype(np.float64) - b).max()) * LEVELS


def correlation(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Return Pearson's correlation; 0 where one of the two is constant."""
    a, b = a.ravel() - a.mean(dtype=np.float64), b.ravel() - b.mean(dtype=np.float64)
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else 0.0


def best_orientation(result: Floats, truth: Floats) -> tuple[str, float]:
    """Return in which of `ORIENTATIONS` a result of square slices is most like the truth, and how much."""
    scores = {name: correlation(undo(result), truth) for name, undo in ORIENTATIONS.items()}
    name = max(scores, key=lambda known: scores[known])
    return name, scores[name]


def shift_along(axis: int, result: Floats, truth: Floats, part: tuple[slice, slice, slice]) -> float:
    """Return by how many voxels a result lies too far along an axis, from -2 to 2.

    Parameters
    ----------
    axis : int
        Of (z, y, x).
    result, truth : ndarray, shape (z, y, x)
        What is displaced, and against what.
    part : tuple of slice
        The part that is looked at, at least two voxels away from the ends of the axis.
    """
    from scipy.interpolate import CubicSpline

    places = np.arange(truth.shape[axis], dtype=np.float64)
    spline = CubicSpline(places, truth[_widened(part, axis)], axis=axis)
    steps = np.arange(-_FARTHEST, _FARTHEST + _STEP / 2, _STEP)
    scores = [correlation(result[part], spline(places[part[axis]] - step)) for step in steps]
    best = int(np.argmax(scores))
    if best in (0, len(steps) - 1):
        return float(steps[best])
    left, here, right = scores[best - 1 : best + 2]
    bend = left - 2 * here + right
    return float(steps[best] + (_STEP * 0.5 * (left - right) / bend if bend < 0 else 0.0))


def _widened(part: tuple[slice, slice, slice], axis: int) -> tuple[slice, ...]:
    return tuple(slice(None) if at == axis else inside for at, inside in enumerate(part))


def digest(data: Any) -> str:
    """Return a checksum of an array's shape, dtype and values."""
    array = np.ascontiguousarray(data)
    return hashlib.sha256(f"{array.shape}{array.dtype}".encode() + array.tobytes()).hexdigest()
