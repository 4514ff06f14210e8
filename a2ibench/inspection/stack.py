"""What is looked at of a stack: so little that stacks of any size take seconds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Volume
from a2ibench.inspection.remedies import Remedies

TILES = 4
"""Tiles at most along y, and along x, evenly spread; of slices below 1024 voxels 3."""

SIDE = 256
"""Voxels at most along the sides of a tile."""

_LEAST_SIDE = 96

Array = NDArray[np.float32]
Run = range


@dataclass(frozen=True, eq=False)
class Stack:
    """A volume whose padding is known, and how commands name it.

    Parameters
    ----------
    volume : Volume, shape (z, y, x)
        In memory or lazy, with contrast and padding.
    remedies : Remedies
        Makes the commands.
    """

    volume: Volume
    remedies: Remedies

    @cached_property
    def boxes(self) -> tuple[tuple[slice, slice], ...]:
        """Where the tiles of every slice lie, of equal shape."""
        _, height, width = self.volume.shape
        return tuple(product(_places(height), _places(width)))

    def tiles(self, number: int) -> NDArray[Any]:
        """Return the tiles of a slice, shape (tiles, y, x), in the volume's dtype."""
        data, z = self.volume.data, slice(number, number + 1)
        return np.stack([np.asarray(data[z, y, x])[0] for y, x in self.boxes])

    def runs(self, length: int, most: int) -> tuple[Run, ...]:
        """Return runs of consecutive slices: one of all, or of so many slices each, evenly spaced.

        Parameters
        ----------
        length : int
            Slices of a run where there are several.
        most : int
            Slices of all runs.
        """
        depth = self.volume.shape[0]
        if depth <= most:
            return (range(depth),)
        starts = np.linspace(0, depth - length, most // length).round().astype(int)
        return tuple(range(start, start + length) for start in starts.tolist())


def _places(n: int) -> Iterator[slice]:
    few = max(1, min(TILES - 1, n // _LEAST_SIDE))
    count = min(TILES, max(few, n // SIDE))
    side = min(SIDE, n // count)
    for start in (
        np.linspace(0, n - side, count).round().astype(int).tolist() if count > 1 else [(n - side) // 2]
    ):
        yield slice(start, start + side)


def listed(numbers: list[int], most: int = 8) -> str:
    """Return numbers as a text of one line."""
    return ", ".join(map(str, numbers[:most])) + (", ..." if len(numbers) > most else "")
