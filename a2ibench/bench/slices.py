"""The axial plane of a job that figures show."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Volume
from a2ibench.protocol.intensity import normalise, quantise
from a2ibench.protocol.resample import interpolate

SLICES = "slices.npz"


def save_slices(
    folder: Path, prediction: NDArray[Any], reference: NDArray[Any] | None, volume: Volume
) -> None:
    """Write the xz plane at the middle y to slices.npz.

    Parameters
    ----------
    folder : Path
        The job's folder.
    prediction, reference : ndarray, shape (z, y, x)
        Grey levels; the reference may be None.
    volume : Volume, shape (n_in, y, x)
        The input; its cubic interpolation is kept as ``interpolated``.
    """
    middle = volume.shape[1] // 2
    grid = AxialGrid(volume.shape[0], volume.ratio)
    interpolated = interpolate(volume.data[:, middle : middle + 1], grid)
    lo, hi = volume.contrast or volume.intensity
    planes: dict[str, Any] = {
        "prediction": prediction[:, middle],
        "interpolated": quantise(normalise(interpolated, volume), volume)[:, 0],
        "data_range": np.float64(hi - lo),
        "lo": np.float64(lo),
    }
    if reference is not None:
        planes["reference"] = reference[:, middle]
    np.savez_compressed(folder / SLICES, **planes)
