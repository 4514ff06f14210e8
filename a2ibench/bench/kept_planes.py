"""The planes of a reconstruction that a job keeps to be looked at, around the most telling place."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from a2ibench.bench.paths import JobFiles
from a2ibench.contracts import AxialGrid, Volume
from a2ibench.contracts.planes import PLANES
from a2ibench.protocol.resample import interpolate

LONGEST = 384
"""Voxels of a side of a plane that are kept at most."""

CELL = 8
"""Voxels of a side of the cubes by which the place is chosen."""

_SMOOTHED = 1.5
_STRIP = 1 << 20
# Of the contrast: less is rounding in single precision.
_NOTHING = 1e-5

Triple = tuple[int, int, int]


def telling_place(reference: NDArray[Any] | None, volume: Volume) -> Triple:
    """Return where methods have most to get wrong: much detail, and far from what interpolation makes of it.

    The same for all methods and seeds of a dataset, as it depends on nothing that they make.

    Parameters
    ----------
    reference : ndarray or None, shape (z, y, x)
        Its distance from the cubic interpolation of the input is the error, its lateral gradients are the
        detail. Without one the error is that of interpolating each input slice from its two neighbours, and
        the detail is the input's.
    volume : Volume, shape (n_in, y, x)
        The input.

    Returns
    -------
    tuple of int
        Voxel (z, y, x) of the reconstruction. Where several are as telling, the first; where none is, the
        middle.
    """
    grid = AxialGrid(volume.shape[0], volume.ratio)
    shape = grid.n_out, volume.shape[1], volume.shape[2]
    error, detail = _measured(reference, volume, grid)
    lo, hi = volume.contrast or volume.intensity
    told = np.zeros_like(error)
    for part in (error, detail):
        if part.mean() > _NOTHING * (hi - lo):
            told += part / part.mean()
    # Beyond the border there is nothing to see.
    smooth = gaussian_filter(told, _SMOOTHED, mode="constant")
    if not smooth.max() > smooth.min():
        return shape[0] // 2, shape[1] // 2, shape[2] // 2
    # Sums that differ by rounding alone are ties, on every machine.
    cell = np.unravel_index(int((smooth / smooth.max()).round(6).argmax()), smooth.shape)
    z, y, x = (
        (CELL * int(at) + min(CELL * int(at) + CELL, size)) // 2 for at, size in zip(cell, shape, strict=True)
    )
    return z, y, x


def _measured(
    reference: NDArray[Any] | None, volume: Volume, grid: AxialGrid
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean error and mean detail of each cell, a strip of rows at a time."""
    _, y, x = volume.shape
    rows = CELL * max(1, _STRIP // max(1, CELL * grid.n_out * x))
    strips = [_of_strip(reference, volume, grid, start, min(start + rows, y)) for start in range(0, y, rows)]
    errors, details = zip(*strips, strict=True)
    return np.concatenate(errors, axis=1), np.concatenate(details, axis=1)


def _of_strip(
    reference: NDArray[Any] | None, volume: Volume, grid: AxialGrid, start: int, stop: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lo, hi = volume.contrast or volume.intensity
    further = slice(start, min(stop + 1, volume.shape[1]))
    acquired = np.clip(np.asarray(volume.data[:, further], np.float32), lo, hi)
    seen = _nearest(grid)
    if reference is not None:
        truth = np.clip(np.asarray(reference[:, further], np.float32), lo, hi)
        error = np.abs(interpolate(acquired, grid) - truth)
        detail = _gradients(truth)
    else:
        error = np.zeros_like(acquired)
        error[1:-1] = np.abs(acquired[1:-1] - (acquired[:-2] + acquired[2:]) / 2)
        error, detail = error[seen], _gradients(acquired)[seen]
    return _by_cell(error[:, : stop - start]), _by_cell(detail[:, : stop - start])


def _gradients(data: NDArray[np.float32]) -> NDArray[np.float32]:
    found = np.zeros_like(data)
    for axis in (1, 2):
        part = [slice(None)] * 3
        part[axis] = slice(0, data.shape[axis] - 1)
        found[tuple(part)] += np.abs(np.diff(data, axis=axis))
    return found


def _by_cell(values: NDArray[np.float32]) -> NDArray[np.float64]:
    means = values.astype(np.float64)
    for axis in range(3):
        starts = range(0, values.shape[axis], CELL)
        counts = np.diff([*starts, values.shape[axis]])
        means = np.add.reduceat(means, starts, axis=axis)
        means /= counts.reshape([-1 if n == axis else 1 for n in range(3)])
    return means


def _nearest(grid: AxialGrid) -> NDArray[np.intp]:
    """Return the input slice that covers the middle of each output slice."""
    covering = np.floor(grid.positions + 0.5).astype(np.intp)
    return np.clip(covering, 0, grid.n_in - 1)


def around(place: int, size: int, count: int) -> tuple[int, int]:
    """Return start and stop of `count` neighbours, as near to the middle around `place` as the ends allow."""
    count = min(count, size)
    start = min(max(0, place - count // 2), size - count)
    return start, start + count


def save_planes(
    folder: Path,
    count: int,
    prediction: NDArray[Any],
    reference: NDArray[Any] | None,
    volume: Volume,
    disagreement: NDArray[Any] | None = None,
) -> None:
    """Write the planes to look at to planes.npz.

    Of each family of planes `count` neighbours are kept, at most 384 voxels of each side, as
    ``prediction_xz`` and so on, shape (count, rows, columns), in the dtype of the volume; of the input, as
    ``input_xz``, what covers the same place. ``place`` is the voxel that all are around, ``window`` and
    ``stack`` hold start and stop along (z, y, x): of the rows and columns, and of the neighbours.

    Parameters
    ----------
    folder : Path
        The job's folder.
    count : int
        Planes of each family; for 0 nothing is written.
    prediction, reference : ndarray, shape (z, y, x)
        Grey levels; the reference may be None.
    volume : Volume, shape (n_in, y, x)
        The input.
    disagreement : ndarray, shape (z, y, x), optional
        How far plane families are apart, in parts of the intensity range. It is kept, in half precision,
        where there is no reference.
    """
    if count < 1:
        return
    place = telling_place(reference, volume)
    window = [around(at, size, LONGEST) for at, size in zip(place, prediction.shape, strict=True)]
    stack = [around(at, size, count) for at, size in zip(place, prediction.shape, strict=True)]
    kept: dict[str, Any] = {
        "place": np.array(place),
        "window": np.array(window),
        "stack": np.array(stack),
        "shape": np.array(prediction.shape),
        "ratio": np.float64(volume.ratio),
        "spacing": np.float64((volume.voxel_size[1] + volume.voxel_size[2]) / 2),
        "intensity": np.array(volume.intensity, np.float64),
        "contrast": np.array(volume.contrast or volume.intensity, np.float64),
    }
    shown: dict[str, Any] = {"prediction": prediction}
    if reference is not None:
        shown["reference"] = reference
    elif disagreement is not None:
        shown["disagreement"] = disagreement.astype(np.float16)
    for family, (along, *_) in PLANES.items():
        box = [stack[axis] if axis == along else window[axis] for axis in range(3)]
        z, y, x = (slice(*ends) for ends in box)
        for name, data in shown.items():
            kept[f"{name}_{family}"] = np.moveaxis(data[z, y, x], along, 0)
        first, stop = input_slices(box[0], volume.ratio, volume.shape[0])
        kept[f"input_{family}"] = np.moveaxis(np.asarray(volume.data[first:stop, y, x]), along, 0)
    np.savez_compressed(JobFiles(folder).planes, **kept)


def input_slices(ends: tuple[int, int], ratio: float, n_in: int) -> tuple[int, int]:
    """Return start and stop of the input slices that cover output slices from start to stop."""
    first, last = (min(math.floor((k + 0.5) / ratio), n_in - 1) for k in (ends[0], ends[1] - 1))
    return first, last + 1
