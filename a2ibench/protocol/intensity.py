"""Between stored grey levels and intensities in [0, 1]."""

from __future__ import annotations

from dataclasses import replace
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


def contrast_fractions(volume: Volume) -> tuple[float, float]:
    """Return where in the intensity range the contrast begins and ends; exactly (0, 1) where it is all."""
    lo, hi = volume.intensity
    low, high = volume.contrast or volume.intensity
    return (low - lo) / (hi - lo), 1 - (hi - high) / (hi - lo)


def split_contrast(
    volume: Volume, low: float, high: float
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Return what a network sees, between these fractions of the intensity, and what lies beyond it.

    Parameters
    ----------
    volume : Volume
        Whose contrast counts before `low` and `high`, where it has one.
    low, high : float
        Fractions of the intensity range.

    Returns
    -------
    seen : ndarray of float32
        Clipped; 0 and 1 are the ends of the contrast.
    beyond : ndarray of float32 or None
        What the clipping took away, on the same scale; None where the contrast is all of the range.
    """
    if (low, high) == (0.0, 1.0):
        return normalise(volume.data, volume), None
    lo, hi = volume.intensity
    ends = volume.contrast or (lo + low * (hi - lo), lo + high * (hi - lo))
    whole = normalise(volume.data, replace(volume, intensity=ends))
    seen = np.clip(whole, 0, 1)
    return seen, np.subtract(whole, seen, out=whole)


def from_contrast(result: NDArray[np.float32], low: float, high: float) -> NDArray[np.float32]:
    """Put a result whose 0 and 1 are the contrast's ends on the scale of the intensity range, in place."""
    if (low, high) != (0.0, 1.0):
        result *= np.float32(high - low)
        result += np.float32(low)
    return result


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
