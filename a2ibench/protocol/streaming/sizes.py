"""How large the pieces are that a large volume is reconstructed in."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import cast

from a2ibench.contracts import AxialGrid

Triple = tuple[int, int, int]

# Voxels of a piece, halo included: they are held twice or three times in single precision.
VOXELS, AXIAL_VOXELS = 3 << 26, 1 << 26
_PER_AXIS = 16
# A piece may be so much dearer than the best if it is smaller: less is lost with an interruption.
_WORSE = 1.05
# Reading a voxel over restoring it by a network.
_READING = 0.002


@dataclass(frozen=True)
class Reading:
    """How a volume is read, piece by piece.

    Parameters
    ----------
    grid : AxialGrid
        Grid of the whole volume.
    lateral : tuple of int
        Its voxels along (y, x).
    halo : tuple of int
        Input slices and lateral voxels to read around a piece.
    chunks : tuple of int
        Input voxels (z, y, x) that are read together.
    """

    grid: AxialGrid
    lateral: tuple[int, int]
    halo: tuple[int, int]
    chunks: Triple

    @property
    def whole(self) -> Triple:
        """Output voxels (z, y, x)."""
        return (self.grid.n_out, *self.lateral)

    @property
    def axial(self) -> bool:
        """Whether the method looks along the axis alone."""
        return self.halo[1] == 0

    def grown(self, size: Triple) -> Triple:
        """Return the size of a piece with its halo, in output voxels."""
        around = math.ceil(self.halo[0] * self.grid.ratio), self.halo[1], self.halo[1]
        z, y, x = (min(side + 2 * h, n) for side, n, h in zip(size, self.whole, around, strict=True))
        return z, y, x

    def restored(self, size: Triple) -> float:
        """Return how often a network restores each voxel."""
        z, y, x = (grown / side for grown, side in zip(self.grown(size), size, strict=True))
        # Of the planes along one lateral axis only those that are kept are restored.
        return z * (y + x) / 2

    def fetched(self, size: Triple) -> float:
        """Return how often each input voxel is read."""
        times, chunks = 1.0, (self.chunks[0] * self.grid.ratio, *self.chunks[1:])
        for side, n, grown, chunk in zip(size, self.whole, self.grown(size), chunks, strict=True):
            times *= min(n, grown + chunk - 1) / side
        return times

    def cost(self, size: Triple) -> float:
        """Return what pieces of a size cost, on a scale of its own."""
        if self.axial:
            return self.fetched(size)
        return self.restored(size) + _READING * self.fetched(size)


def piece_size(reading: Reading, unit: Triple, *, most: int | None = None) -> Triple:
    """Return the size (z, y, x) of the pieces that waste little on halos and on chunks read twice.

    Parameters
    ----------
    reading : Reading
        What is read for a piece.
    unit : tuple of int
        Output voxels (z, y, x) that are written together; sizes are multiples of it.
    most : int
        Voxels of a piece, halo included, unless a single unit has more already; by default what keeps the
        memory of a process within 3 GiB, or 1.5 GiB for a method without lateral halo.
    """
    most = most or (AXIAL_VOXELS if reading.axial else VOXELS)
    z, y, x = (list(_multiples(by, n, most)) for by, n in zip(unit, reading.whole, strict=True))
    costs = {size: reading.cost(size) for size in product(z, y, x) if math.prod(reading.grown(size)) <= most}
    if not costs:
        return z[0], y[0], x[0]
    cheap = min(costs.values()) * _WORSE
    size = min((size for size in costs if costs[size] <= cheap), key=math.prod)
    even = (_even(side, by, n) for side, by, n in zip(size, unit, reading.whole, strict=True))
    return cast("Triple", tuple(even))


def _even(side: int, by: int, whole: int) -> int:
    """Return the smallest multiple of `by` that makes no more pieces: 512 of 1024 instead of 768."""
    count = -(-whole // side)
    return min(side, -(-whole // count // by) * by)


def _multiples(by: int, whole: int, most: int) -> Iterator[int]:
    for times in range(1, min(_PER_AXIS, -(-whole // by)) + 1):
        yield min(times * by, whole)
    if _PER_AXIS * by < whole <= most:
        yield whole
