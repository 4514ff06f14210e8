"""Cubic interpolation along the axial direction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from a2ibench import AxialGrid, Configurable, Context, Volume, interpolate, normalise, setting


class Cubic(Configurable):
    """Cubic convolution (Keys, 1981); nothing is learnt."""

    a: float = setting(
        -0.5, "slope of the kernel at distance 1; -0.75 is another common choice", low=-2, high=0
    )
    halo = (2, 0)

    def fit(self, volume: Volume, ctx: Context) -> None:
        """Do nothing: there is nothing to learn."""

    def reconstruct(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Return float32 (grid.n_out, y, x)."""
        return interpolate(normalise(volume.data, volume), grid, self.a)

    def reconstruct_planes(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Return the xz planes, each by itself: what `reconstruct` returns."""
        return self.reconstruct(volume, grid, ctx)

    def save(self, path: Path) -> None:
        """Write nothing: there is nothing to keep."""

    def load(self, path: Path) -> None:
        """Read nothing."""
