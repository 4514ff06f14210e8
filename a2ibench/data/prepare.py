"""Crops and bins volumes, and checks what they hold."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.bounds import Bounds
from a2ibench.data.formats import LazyVolume
from a2ibench.data.formats.volume import native
from a2ibench.errors import InputError, counted

Box = tuple[slice, slice, slice]


class Crop:
    """Voxels of a lazy volume within bounds; floats become float32.

    Parameters
    ----------
    volume : LazyVolume
        Where they are read from.
    bounds : tuple of (start, stop), optional
        Along (z, y, x); None for the volume's own end. By default all of it.

    Raises
    ------
    InputError
        If the bounds hold no voxel or reach beyond the volume.
    """

    def __init__(self, volume: LazyVolume, bounds: Bounds | None = None) -> None:
        self._volume = volume
        ends = [
            (start or 0, size if stop is None else stop)
            for (start, stop), size in zip(bounds or ((None, None),) * 3, volume.shape, strict=True)
        ]
        for axis, (start, stop), size in zip("zyx", ends, volume.shape, strict=True):
            if not 0 <= start < stop <= size:
                raise InputError(
                    f"{volume.source}: crop is {start}:{stop} along {axis}, but the volume has "
                    f"{counted(size, 'voxel')} there; give a start below the stop, and a stop of at most "
                    f"{size}"
                )
        self.first = tuple(start for start, _ in ends)
        z, y, x = (stop - start for start, stop in ends)
        self.shape = (z, y, x)
        self.dtype = np.dtype(np.float32) if volume.dtype.kind == "f" else volume.dtype
        self.chunks = volume.chunks

    def __getitem__(self, box: Box) -> NDArray[Any]:
        """Return a box, C-contiguous.

        Raises
        ------
        InputError
            If what is stored there is damaged or missing.
        """
        z, y, x = (
            slice(first + start, first + stop)
            for first, part, size in zip(self.first, box, self.shape, strict=True)
            for start, stop, _ in [part.indices(size)]
        )
        return native(self._volume[z, y, x])

    def boxes(self, most: int) -> Iterator[Box]:
        """Yield boxes that cover it, of about `most` voxels: whole chunks, long along x."""
        sides = list(self.chunks)
        for axis in (2, 1, 0):
            others = math.prod(sides) // sides[axis]
            times = max(1, most // (others * sides[axis]))
            sides[axis] = min(self.shape[axis], sides[axis] * times)
        for z in range(0, self.shape[0], sides[0]):
            for y in range(0, self.shape[1], sides[1]):
                for x in range(0, self.shape[2], sides[2]):
                    yield slice(z, z + sides[0]), slice(y, y + sides[1]), slice(x, x + sides[2])


Ranges = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


def cropped(data: NDArray[Any] | LazyVolume, bounds: Ranges, name: str) -> NDArray[Any]:
    """Return the voxels within bounds, (start, stop) along (z, y, x); of an array a view.

    Raises
    ------
    InputError
        If the bounds reach beyond the volume.
    """
    check_crop(bounds, data.shape, name)
    z, y, x = (slice(*bound) for bound in bounds)
    voxels: NDArray[Any] = data[z, y, x]
    return voxels


def check_crop(bounds: Ranges, shape: tuple[int, ...], name: str) -> None:
    """Accept bounds within a volume of that shape.

    Raises
    ------
    InputError
        If they reach beyond it.
    """
    for axis, (start, stop), size in zip("zyx", bounds, shape, strict=True):
        if not 0 <= start < stop <= size:
            raise InputError(
                f"{name}: crop is [{start}, {stop}] along {axis}, but the volume has "
                f"{counted(size, 'voxel')} there; give a start below the stop, and a stop of at most {size}"
            )


def mean_bin(data: NDArray[Any], factor: int, name: str) -> NDArray[Any]:
    """Return the means of blocks of factor^3 voxels, shape (z // factor, y // factor, x // factor).

    Voxels beyond the last whole block are dropped. Integers are rounded to the nearest, halves to even.

    Raises
    ------
    InputError
        If the volume is smaller than one block.
    """
    if factor == 1:
        return data
    nz, ny, nx = (size // factor for size in data.shape)
    if min(nz, ny, nx) < 1:
        raise InputError(f"{name}: bin is {factor}, but the volume is {data.shape}; give a smaller bin")
    whole = data.dtype.kind in "iu"
    binned = np.empty((nz, ny, nx), data.dtype)
    # One output slice at a time: the wide sums of a whole volume would take eight times its memory.
    for k in range(nz):
        slab = data[k * factor : (k + 1) * factor, : ny * factor, : nx * factor]
        column_sums = slab.sum(axis=0, dtype=np.int64 if whole else np.float64)
        means = column_sums.reshape(ny, factor, nx, factor).sum(axis=(1, 3)) / factor**3
        binned[k] = np.rint(means) if whole else means
    return binned


def middle_bin(labels: NDArray[Any], factor: int) -> NDArray[Any]:
    """Return the label at the middle of each block of factor^3 voxels that `mean_bin` averages."""
    z, y, x = (
        slice(factor // 2, size // factor * factor, factor) if factor > 1 else slice(None)
        for size in labels.shape
    )
    return labels[z, y, x]


def check_finite(data: NDArray[Any], name: str) -> None:
    """Accept volumes without NaN and infinities.

    Raises
    ------
    InputError
        If there are any; says how many.
    """
    if data.dtype.kind != "f":
        return
    bad = sum(plane.size - int(np.isfinite(plane).sum()) for plane in data)
    if bad:
        raise InputError(f"{name}: {bad} of {data.size} voxels are NaN or infinite; replace or crop them")


def check_shows(data: NDArray[Any], name: str) -> None:
    """Accept volumes of at least two slices whose voxels differ.

    Raises
    ------
    InputError
        If the volume has fewer than 2 slices, or all its voxels are equal.
    """
    if data.shape[0] < 2 or data.size == 0:
        raise InputError(f"{name}: shape (z, y, x) is {data.shape}; give at least 2 slices that hold voxels")
    low = data.flat[0]
    if all((plane == low).all() for plane in data):
        raise InputError(f"{name}: every voxel is {low}; give a volume that shows something")
