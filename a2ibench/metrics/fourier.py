"""Fourier transforms of volumes, summed over shells of spatial frequency within wedges of directions.

The axial wedge is the double cone around z, the lateral one the union of those around y and x, each with the
half angle `HALF_ANGLE`. Before it is transformed, a volume is cropped about its centre, freed of its mean and
tapered along each axis by a Tukey window, a quarter of the side at either end, for its opposite faces do not
fit together, and their step would lie in the wedges.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftfreq, rfftfreq, rfftn

from a2ibench.errors import InputError

HALF_ANGLE = 30.0
"""Degrees between the axis of a cone and its surface."""
LEAST_SIDE = 16
"""Voxels of a side below which there are too few frequencies to tell anything."""
_THREADS = 8

VoxelSize = tuple[float, float, float]


def spectrum(volume: NDArray[Any], side: int) -> NDArray[np.complex64]:
    """Return the transform of the central part of a volume, tapered and without its mean.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        Of any real dtype.
    side : int
        Most voxels of the central part along each axis.

    Returns
    -------
    ndarray of complex64, shape (z, y, x // 2 + 1)
        Frequencies in the order of ``scipy.fft.rfftn``, of the central part's shape.
    """
    part = volume[tuple(_central(n, side) for n in volume.shape)]
    data = np.empty(part.shape, np.float32)
    # A flat volume becomes exactly zero, and no offset costs digits of single precision.
    np.subtract(part, part.flat[0], out=data, dtype=np.float64, casting="same_kind")
    z, y, x = (_taper(n) for n in part.shape)
    data -= float(data @ x @ y @ z) / float(x.sum() * y.sum() * z.sum())
    data *= z[:, None, None]
    data *= y[:, None]
    data *= x
    workers = min(os.cpu_count() or 1, _THREADS)
    return np.asarray(rfftn(data, workers=workers, overwrite_x=True), np.complex64)


def _central(n: int, side: int) -> slice:
    start = max(0, (n - side) // 2)
    return slice(start, start + side)


def _taper(n: int) -> NDArray[np.float32]:
    ramp = np.sin(np.pi / 2 * (np.arange(n // 4) + 0.5) / (n // 4)) ** 2
    return np.concatenate([ramp, np.ones(n - 2 * ramp.size), ramp[::-1]], dtype=np.float32)


def shells(shape: tuple[int, ...], voxel_size: VoxelSize) -> NDArray[np.float64]:
    """Return the centres of the shells, which are one Fourier voxel of the shortest side wide.

    Parameters
    ----------
    shape : tuple of int
        Voxels (z, y, x) that are transformed.
    voxel_size : tuple of float
        Spacing in nm, (z, y, x).

    Returns
    -------
    ndarray, shape (n,)
        Cycles/nm, from one width up to the Nyquist frequency of the largest spacing; empty where a side has
        fewer than `LEAST_SIDE` voxels.

    Raises
    ------
    InputError
        If the voxel size is not three positive numbers.
    """
    if len(voxel_size) != 3 or not all(math.isfinite(v) and v > 0 for v in voxel_size):
        raise InputError(f"metric: voxel_size is {voxel_size}; give 3 positive numbers (z, y, x) in nm")
    if min(shape) < LEAST_SIDE:
        return np.empty(0)
    shortest = min(n * v for n, v in zip(shape, voxel_size, strict=True))
    # The shortest side has the spacing at hand or a finer one, so rounding must not lose its last shell.
    count = math.floor(shortest / (2 * max(voxel_size)) + 1e-9)
    return np.arange(1, count + 1) / shortest


def wedge_sums(
    shape: tuple[int, int, int],
    voxel_size: VoxelSize,
    quantities: Callable[[tuple[Any, ...]], Sequence[NDArray[Any]]],
) -> NDArray[np.float64]:
    """Sum quantities of a transform over the shells of both wedges.

    Parameters
    ----------
    shape : tuple of int
        Voxels (z, y, x) that were transformed, `LEAST_SIDE` or more along each axis.
    voxel_size : tuple of float
        Spacing in nm, (z, y, x).
    quantities : callable
        Returns, for an index into the transform that chooses n frequencies, real arrays of shape (n,).

    Returns
    -------
    ndarray, shape (quantities, 2, n)
        Of the axial, then of the lateral wedge, in each of the `shells`.
    """
    centres = shells(shape, voxel_size)
    count = centres.size
    z, y, x = (transform(n, v) for transform, n, v in zip(_AXES, shape, voxel_size, strict=True))
    across, longer = y[:, None] ** 2 + x**2, np.maximum(y[:, None] ** 2, x**2)
    # Every frequency stands for its opposite, too, except where the transform holds both.
    weight = np.full(across.shape, 2.0)
    weight[:, 0] = 1
    if shape[2] % 2 == 0:
        weight[:, -1] = 1
    cone = math.cos(math.radians(HALF_ANGLE)) ** 2 * (1 - 1e-9)
    total: Any = 0.0
    for index, along in enumerate(z**2):
        square = across + along
        axial = along >= cone * square
        shell = np.rint(np.sqrt(square) / centres[0]).astype(np.intp)
        kept = np.nonzero((axial | (longer >= cone * square)) & (shell > 0) & (shell <= count))
        place, share = np.where(axial, 0, count)[kept] + shell[kept] - 1, weight[kept]
        found = [np.bincount(place, share * q, 2 * count) for q in quantities((index, *kept))]
        total += np.array(found)
    return np.asarray(total.reshape(len(total), 2, count))


_AXES: tuple[Callable[[int, float], NDArray[np.float64]], ...] = (fftfreq, fftfreq, rfftfreq)
