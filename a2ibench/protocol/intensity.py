"""Between stored grey levels and intensities in [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Volume

# Voxels at once: they stay in the processor's cache.
_SLAB = 1 << 16


def normalise(data: Any, volume: Volume) -> NDArray[np.float32]:
    """Map grey levels to float32 so that ``volume.intensity`` becomes (0, 1).

    Parameters
    ----------
    data : array-like
        Grey levels of any shape.
    volume : Volume
        Whose intensity range counts.

    Returns
    -------
    ndarray of float32
        Of the same shape; not clipped.
    """
    lo, hi = volume.intensity
    scaled = np.subtract(np.asarray(data, np.float32), np.float32(lo))
    scaled *= np.float32(1 / (hi - lo))
    return scaled


def quantise(data: NDArray[Any], like: Volume) -> NDArray[Any]:
    """Map intensities in [0, 1] back to grey levels of ``like``: clipped, and rounded to integers.

    Parameters
    ----------
    data : ndarray, shape (z, y, x)
        Intensities, where 0 and 1 are ``like.intensity``.
    like : Volume
        Gives intensity range and dtype.

    Returns
    -------
    ndarray, shape (z, y, x)
        Grey levels of ``like``'s dtype. Exact halves round to even.
    """
    dtype = np.dtype(like.data.dtype)
    out = np.empty(data.shape, dtype)
    values, levels = np.ascontiguousarray(data).reshape(-1), out.reshape(-1)
    convert = _rounded if dtype.kind in "iu" else _scaled
    for start in range(0, values.size, _SLAB):
        part = slice(start, start + _SLAB)
        levels[part] = convert(values[part], like.intensity, dtype)
    return out


def _scaled(
    values: NDArray[Any], intensity: tuple[float, float], dtype: np.dtype[Any]
) -> NDArray[np.float64]:
    lo, hi = intensity
    return np.clip(values.astype(np.float64) * (hi - lo) + lo, lo, hi)


def _rounded(
    values: NDArray[Any], intensity: tuple[float, float], dtype: np.dtype[Any]
) -> NDArray[np.float32]:
    lo, hi = intensity
    levels = np.multiply(values, np.float32(hi - lo), dtype=np.float32)
    if lo:
        levels += np.float32(lo)
    rounded: NDArray[np.float32] = np.rint(np.clip(levels, lo, hi, out=levels))
    # Single precision, twice as fast, decides all but those too near to a half for it.
    levels -= rounded
    doubtful = np.flatnonzero(np.abs(levels, out=levels) > 0.5 - 1e-6 - max(abs(lo), abs(hi)) * 2**-22)
    if doubtful.size:
        # Six decimals undo the last bits of floating point, so that exact halves are still halves.
        rounded[doubtful] = np.rint(_scaled(values[doubtful], intensity, dtype).round(6))
    info = np.iinfo(dtype)
    if lo < info.min or hi > info.max:
        np.clip(rounded, info.min, info.max, out=rounded)
    return rounded
