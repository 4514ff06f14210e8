"""Paths and spheres, smooth random fields and point textures, and the blocks of points they are drawn on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

Array = NDArray[np.float32]
Axes = tuple[Array, Array, Array]
Points = NDArray[np.float64]
Vector = tuple[float, float, float]

# BLAS may split a large product among threads, and a split may round differently; small ones stay on one.
_POINTS_PER_PRODUCT = 96
_PLANES_PER_SLAB = 8


def cubic_weights(positions: NDArray[np.floating], first: int, count: int) -> Array:
    """Return the matrix (positions, count) of cubic convolution from samples at first, first + 1, ...

    Parameters
    ----------
    positions : ndarray, shape (n,)
        Wanted positions in sample steps; each needs the sample before its floor and two after it.
    first, count : int
        Position of the first sample, and the number of samples.
    """
    distance = np.abs(positions[:, None] - np.arange(first, first + count)[None, :])
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    return np.where(distance < 1, near, np.where(distance < 2, far, 0)).astype(np.float32)


def upsample(values: Array, weights: Axes) -> Array:
    """Apply one matrix along each of the last three axes of `values`, shape (..., z, y, x)."""
    along_z, along_y, along_x = weights
    *lead, z, y, x = values.shape
    out = np.matmul(along_z, values.reshape(*lead, z, y * x)).reshape(*lead, len(along_z), y, x)
    return np.asarray(np.matmul(np.matmul(along_y, out), along_x.T))


class SmoothField:
    """A periodic Gaussian random field of zero mean and unit variance.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the field.
    length : float
        Standard deviation, in nanometres, of the Gaussian that smooths white noise; samples are
        ``length / 1.5`` apart.
    """

    samples = 48
    """Along a period."""

    def __init__(self, rng: np.random.Generator, length: float) -> None:
        noise = rng.standard_normal((self.samples,) * 3, dtype=np.float32)
        smooth = ndimage.gaussian_filter(noise, 1.5, mode="wrap")
        self._values = smooth / smooth.std()
        self._step = length / 1.5

    def on_grid(self, axes: Axes, shifts: NDArray[np.int_] | None = None) -> Array:
        """Return the field on the grid of positions `axes` (nm), shape (z, y, x).

        With `shifts`, shape (n, 3), in whole samples, return n differently moved fields, shape (n, z, y, x).
        """
        columns, weights = [], []
        for axis in axes:
            position = axis / self._step
            first = int(np.floor(position[0])) - 1
            count = int(np.floor(position[-1])) + 3 - first
            columns.append(np.arange(first, first + count))
            weights.append(cubic_weights(position, first, count))
        moved = np.zeros((1, 3), np.int_) if shifts is None else shifts
        z, y, x = ((moved[:, i, None] + columns[i]) % self.samples for i in range(3))
        values = self._values[z[:, :, None, None], y[:, None, :, None], x[:, None, None, :]]
        fields = upsample(values, (weights[0], weights[1], weights[2]))
        return fields if shifts is not None else fields[0]


def blobs(points: Array, sigma: float, axes: Axes) -> Array:
    """Return the sum of isotropic Gaussians of height 1 on the grid `axes`, shape (z, y, x).

    Parameters
    ----------
    points : ndarray, shape (n, 3)
        Centres in nanometres, sorted along z.
    sigma : float
        Standard deviation, nanometres.
    axes : tuple of ndarray
        Positions along z, y and x, nanometres.
    """
    total = np.zeros([len(axis) for axis in axes], np.float32)
    reach = 3.2 * sigma
    for start in range(0, len(axes[0]), _PLANES_PER_SLAB):
        planes = slice(start, start + _PLANES_PER_SLAB)
        low, high = np.searchsorted(points[:, 0], [axes[0][planes][0] - reach, axes[0][planes][-1] + reach])
        for chunk in range(low, high, _POINTS_PER_PRODUCT):
            part = points[chunk : min(chunk + _POINTS_PER_PRODUCT, high)] * np.float32(1 / sigma)
            z, y, x = (
                np.exp(-0.5 * (axis[:, None] * np.float32(1 / sigma) - part[None, :, i]) ** 2)
                for i, axis in enumerate((axes[0][planes], axes[1], axes[2]))
            )
            total[planes] += np.matmul(z[:, None, :] * y, x.T)
    return total


def squared_distance(centre: NDArray[np.floating], axes: Axes) -> Array:
    """Return the squared distance from `centre` on the grid `axes`, shape (z, y, x)."""
    z, y, x = ((axis - np.float32(c)) ** 2 for axis, c in zip(axes, centre, strict=True))
    return reduce(np.add, (z[:, None, None], y[:, None], x))


@dataclass(frozen=True)
class Path:
    """One unbranched stretch of a process: sphere centres (n, 3) and radii (n,), nanometres."""

    points: Points
    radii: Points
    owner: int
    kind: int

    @property
    def arc(self) -> Points:
        """Length along the path at each centre, nanometres."""
        return np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(self.points, axis=0), axis=1))])

    def at(self, place: Points) -> Points:
        """Return the centres at these lengths along the path, shape (n, 3)."""
        return _interpolated(place, self.arc, self.points)


def _interpolated(wanted: Points, known: Points, vectors: Points) -> Points:
    return np.stack([np.interp(wanted, known, vectors[:, i]) for i in range(3)], axis=1)


SPACING = 0.34
"""Steps between spheres, in local radii: their union is then smooth to a few per cent of the radius."""


@dataclass(frozen=True)
class Spheres:
    """Unions of spheres: centres (n, 3), radii (n,), and the objects they belong to (n,), sorted."""

    centres: Array
    radii: Array
    owner: NDArray[np.int_]

    @classmethod
    def along(cls, paths: list[Path]) -> Spheres:
        """Return closely spaced spheres along `paths`; the owner of each is the number of its path."""
        dense = [_densify(path) for path in paths]
        return cls(
            np.concatenate([path.points for path in dense] or [np.zeros((0, 3))]).astype(np.float32),
            np.concatenate([path.radii for path in dense] or [np.zeros(0)]).astype(np.float32),
            np.repeat(np.arange(len(dense)), [len(path.points) for path in dense]),
        )

    def near(self, low: Array, high: Array, reach: float) -> Spheres:
        """Return the spheres whose surface comes within `reach` of the box from `low` to `high`."""
        outside = np.maximum(np.maximum(low - self.centres, self.centres - high), 0)
        keep = np.einsum("ij,ij->i", outside, outside) < (self.radii + np.float32(reach)) ** 2
        return Spheres(self.centres[keep], self.radii[keep], self.owner[keep])


def _densify(path: Path) -> Path:
    # Length in units of the local radius: steps are finer where the path is thin.
    step = np.diff(path.arc) / (0.5 * (path.radii[1:] + path.radii[:-1]))
    scaled = np.concatenate([[0.0], np.cumsum(step)])
    wanted = np.linspace(0, scaled[-1], max(2, int(np.ceil(scaled[-1] / SPACING)) + 1))
    points = _interpolated(wanted, scaled, path.points)
    return Path(points, np.interp(wanted, scaled, path.radii), path.owner, path.kind)


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
    def at(cls, corner: Vector, step: Vector, points: int, cells: int) -> Block:
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
