"""Blocks of points: small pieces of the volume that fit into a processor's cache."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from a2ibench.volumes.phantom.anatomy import Spheres
from a2ibench.volumes.phantom.fields import Array, Axes, cubic_weights, upsample

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Block:
    """A box of points, and the coarse lattice around it from which smooth values are interpolated.

    Two opposite corners (3,), positions of points and lattice along z, y and x, all in nanometres, and the
    matrices from lattice to points, without and with one more point on every side.
    """

    low: Array
    high: Array
    axes: Axes
    lattice: Axes
    weights: Axes
    wide_weights: Axes

    @classmethod
    def at(cls, corner: Triple, step: Triple, points: int, cells: int) -> Block:
        """Return the block of `points` along each side, `step` apart, over a lattice of `cells`."""
        low = np.asarray(corner, np.float32)
        high = low + np.asarray(step, np.float32) * points
        inner = (np.arange(points) + 0.5) / points
        outer = (np.arange(cells + 3) - 1) / cells
        z, y, x = (
            [(c + s * points * place).astype(np.float32) for place in (inner, outer)]
            for c, s in zip(corner, step, strict=True)
        )
        weights = cubic_weights((np.arange(-1, points + 1) + 0.5) / points * cells, -2, cells + 5)
        # The outermost points need one sample beyond the lattice: continue its last two in a straight line.
        for outermost, last, before in ((0, 1, 2), (-1, -2, -3)):
            weights[:, last] += 2 * weights[:, outermost]
            weights[:, before] -= weights[:, outermost]
        weights = np.ascontiguousarray(weights[:, 1:-1])
        inside = np.ascontiguousarray(weights[1:-1])
        return cls(low, high, (z[0], y[0], x[0]), (z[1], y[1], x[1]), (inside,) * 3, (weights,) * 3)

    def finer(self, values: Array) -> Array:
        """Interpolate lattice values, shape (..., lattice), to the points."""
        return upsample(values, self.weights)

    def finer_wide(self, values: Array) -> Array:
        """Interpolate lattice values to the points and one more on every side."""
        return upsample(values, self.wide_weights)


class Cloud:
    """Points (n, 3) sorted along z, to be asked for those near a block."""

    def __init__(self, points: NDArray[np.floating]) -> None:
        self.points: Array = points.astype(np.float32)
        self._tree = cKDTree(self.points)

    def near(self, block: Block, reach: float) -> NDArray[np.intp]:
        """Return the indices, in order, of the points within `reach` of `block` along every axis."""
        middle, half = (block.low + block.high) / 2, float((block.high - block.low).max()) / 2
        found = self._tree.query_ball_point(middle, half + reach, p=np.inf, return_sorted=True)
        return np.array(found, np.intp)


def depths(spheres: Spheres, block: Block) -> tuple[Array, NDArray[np.int_]]:
    """Return signed distances (nm, negative inside) of each object on the lattice, and the objects."""
    z, y, x = ((axis - spheres.centres[:, i, None]) ** 2 for i, axis in enumerate(block.lattice))
    distance = z[:, :, None, None] + (y[:, :, None] + x[:, None, :])[:, None]
    np.sqrt(distance, out=distance)
    distance -= spheres.radii[:, None, None, None]
    starts = np.flatnonzero(np.diff(spheres.owner, prepend=-1))
    return np.minimum.reduceat(distance, starts, axis=0), spheres.owner[starts]
