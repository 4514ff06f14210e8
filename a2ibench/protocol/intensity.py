"""Between stored grey levels and intensities in [0, 1]."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Volume

_SLAB = 1 << 24


def normalise(data: Any, volume: Volume) -> NDArray[np.float32]:
    """Map grey levels to float32 so that ``volume.intensity`` becomes (0, 1)."""
    lo, hi = volume.intensity
    scaled = np.asarray(data, np.float32)
    return (scaled - np.float32(lo)) * np.float32(1 / (hi - lo))


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
    lo, hi = like.intensity
    dtype = np.dtype(like.data.dtype)
    out = np.empty(data.shape, dtype)
    step = max(1, _SLAB // max(1, int(np.prod(data.shape[1:]))))
    for start in range(0, len(data), step):
        levels = np.clip(data[start : start + step].astype(np.float64) * (hi - lo) + lo, lo, hi)
        if dtype.kind in "iu":
            info = np.iinfo(dtype)
            # Six decimals undo the last bits of floating point, so that exact halves are still halves.
            levels = np.clip(np.rint(levels.round(6)), info.min, info.max)
        out[start : start + step] = levels.astype(dtype)
    return out
