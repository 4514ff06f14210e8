"""A crop of a volume that is not in memory, as methods take it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats import LazyVolume
from a2ibench.data.formats.volume import native
from a2ibench.errors import InputError

Bound = tuple[int | None, int | None]
Bounds = tuple[Bound, Bound, Bound]
Box = tuple[slice, slice, slice]


class Window:
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
                    f"{volume.source}: crop is {start}:{stop} along {axis}, but the volume has {size} voxels "
                    f"there; give a start below the stop, and a stop of at most {size}"
                )
        self._first = tuple(start for start, _ in ends)
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
            for first, part, size in zip(self._first, box, self.shape, strict=True)
            for start, stop, _ in [part.indices(size)]
        )
        return native(self._volume[z, y, x])

    def boxes(self, most: int) -> Iterator[Box]:
        """Yield boxes that cover the window, of about `most` voxels: whole chunks, long along x."""
        sides = list(self.chunks)
        for axis in (2, 1, 0):
            others = math.prod(sides) // sides[axis]
            times = max(1, most // (others * sides[axis]))
            sides[axis] = min(self.shape[axis], sides[axis] * times)
        for z in range(0, self.shape[0], sides[0]):
            for y in range(0, self.shape[1], sides[1]):
                for x in range(0, self.shape[2], sides[2]):
                    yield slice(z, z + sides[0]), slice(y, y + sides[1]), slice(x, x + sides[2])
