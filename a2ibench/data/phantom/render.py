"""Which process each point belongs to, and its grey level, as a perfect detector would see it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.phantom.anatomy import Anatomy
from a2ibench.data.phantom.geometry import Array, Block, Cloud, SmoothField, blobs, depths, squared_distance

Labels = NDArray[np.int32]

_DEPTH = 70.0
_GLIA_SPREAD, _GLIA_MOST = 12.0, 40.0
_RIPPLE, _SWAY, _OUTWARD = 0.15, 0.32, 60.0
# No surface farther away than this can be nearest, or second nearest, where a depth is told.
_LIMIT = _GLIA_MOST + _DEPTH
_REACH = _LIMIT / 0.8 + _OUTWARD


class Partition:
    """Divides space among the processes of an anatomy.

    Every neurite claims the points whose distance from its surface, with random undulations and times its
    firmness, is smallest. Where no surface is near, glia fills the space.
    """

    def __init__(self, rng: np.random.Generator, anatomy: Anatomy) -> None:
        self._anatomy = anatomy
        self._ripple, self._sway, self._gap = (SmoothField(rng, length) for length in (80.0, 230.0, 130.0))
        self._shift = rng.integers(0, self._ripple.samples, (len(anatomy.process), 3))

    def __call__(self, block: Block) -> tuple[Labels, Array, Array]:
        """Return the process that each point of `block` lies in, and two distances in nanometres.

        The first is from the surface that the nearest neurite would have alone, negative inside and times
        its firmness; the second is from the nearest membrane, up to about 70 nm.
        """
        glia = self._anatomy.processes
        gap = np.minimum(_GLIA_SPREAD * self._gap.on_grid(block.lattice), _GLIA_MOST)
        room = block.finer_wide(gap)
        first, second = (np.full(room.shape, 1e4, np.float32) for _ in range(2))
        process, nearer = np.full(room.shape, glia, np.int32), np.empty(room.shape, bool)
        distances, owners = self._distances(block)
        for owner, distance in zip(owners, block.finer_wide(distances), strict=True):
            np.less(distance, first, out=nearer)
            np.copyto(process, owner, where=nearer)
            np.minimum(second, np.maximum(first, distance), out=second)
            np.minimum(first, distance, out=first)
        room -= first
        outside = room < 0
        np.copyto(process, glia, where=outside)
        second -= first
        second *= 0.5
        np.copyto(second, np.float32(_DEPTH), where=outside)
        depth = np.minimum(np.abs(room, out=room), second, out=second)
        np.minimum(depth, _DEPTH, out=depth)
        inside = (slice(1, -1),) * 3
        return process[inside], first[inside], _normalised(depth, float(block.axes[0][1] - block.axes[0][0]))

    def _distances(self, block: Block) -> tuple[Array, NDArray[np.int_]]:
        """Return distances times firmness, shape (n, lattice), of the n processes that matter, and which."""
        near = self._anatomy.tubes.near(block.low, block.high, _REACH)
        if len(near.owner) == 0:
            return np.zeros((0, *(len(axis) for axis in block.lattice)), np.float32), near.owner
        distance, parts = depths(near, block)
        size, shift = self._anatomy.calibre[parts][:, None, None, None], self._shift[parts]
        undulation = _RIPPLE * self._ripple.on_grid(block.lattice, shift)
        undulation += _SWAY * self._sway.on_grid(block.lattice, shift)
        undulation *= size
        distance += np.maximum(undulation, -_OUTWARD, out=undulation)
        owners = self._anatomy.process[parts]
        starts = np.flatnonzero(np.diff(owners, prepend=-1))
        distance, owners = np.minimum.reduceat(distance, starts, axis=0), owners[starts]
        # A firm process keeps its outline and dents the soft ones beside it.
        distance *= self._anatomy.firmness[owners][:, None, None, None]
        matters = distance < np.minimum(distance.min(axis=0) + 2 * _DEPTH, _LIMIT)
        kept = matters.reshape(len(owners), -1).any(axis=1)
        return distance[kept], owners[kept]


def _normalised(depth: Array, step: float) -> Array:
    """Return `depth`, less the outermost points, over the length of its gradient.

    That is a true distance close to where it is zero.
    """
    square = np.zeros([n - 2 for n in depth.shape], np.float32)
    for axis in range(3):
        inside = tuple(slice(None) if i == axis else slice(1, -1) for i in range(3))
        slope = np.diff(depth[inside], axis=axis)
        slope *= slope
        # The steeper of both sides: depth has a crease along the middle between two membranes.
        before, after = (tuple(part if i == axis else slice(None) for i in range(3)) for part in _SIDES)
        square += np.maximum(slope[before], slope[after])
    np.sqrt(square, out=square)
    square *= 1 / step
    np.clip(square, 0.4, 2.0, out=square)
    return np.divide(depth[1:-1, 1:-1, 1:-1], square, out=square)


_SIDES = (slice(0, -1), slice(1, None))


def below_membrane(anatomy: Anatomy, process: Labels, surface: Array, depth: Array) -> Array:
    """Return how far below the membrane of its cell each point lies, nm; negative within myelin.

    Parameters
    ----------
    anatomy : Anatomy
        What the points lie in.
    process, surface, depth : ndarray, shape (z, y, x)
        What `Partition` tells of them.
    """
    sheath = anatomy.sheath[process]
    if not sheath.any():
        return depth
    return np.where(sheath > 0, -surface / anatomy.firmness[process] - sheath, depth)


# Where a membrane that is drawn is half as dark as at its darkest.
_HALF = 16.0


def cells(anatomy: Anatomy, process: Labels, surface: Array, depth: Array) -> NDArray[np.uint32]:
    """Return the number of the cell that points lie in, from 1 on, and 0 on membranes and within myelin.

    Parameters
    ----------
    anatomy, process, surface, depth
        As for `below_membrane`.
    """
    inside = below_membrane(anatomy, process, surface, depth) > _HALF
    return np.where(inside, process + 1, 0).astype(np.uint32)


# Grey levels as in CA1 hippocampus at 15 nm.
_MEMBRANE, _DENSITY, _MATRIX, _CRISTA, _MYELIN = 99.0, 80.0, 130.0, 19.0, 112.0
_MICROTUBULE, _RETICULUM, _COMPARTMENT, _DARKEST = 49.0, 58.0, 76.0, 80.0
_LENGTHS = {"tone": 320.0, "cleft": 110.0, "crista": 55.0, "tubule a": 62.0, "tubule b": 68.0, "share": 190.0}
_CRISTA_SPACING, _LAMELLA_SPACING = 42.0, 34.0


class Renderer:
    """Draws blocks of an anatomy.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of textures.
    anatomy : Anatomy
        What to draw.
    partition : Partition
        Which process lies where.
    """

    def __init__(self, rng: np.random.Generator, anatomy: Anatomy, partition: Partition) -> None:
        self._anatomy, self._partition = anatomy, partition
        self._fields = {name: SmoothField(rng, length) for name, length in _LENGTHS.items()}
        tilt = rng.standard_normal((len(anatomy.hosts), 3))
        self._tilt = (tilt / np.linalg.norm(tilt, axis=1, keepdims=True)).astype(np.float32)
        self._matrix = rng.normal(_MATRIX, 5, len(anatomy.hosts)).astype(np.float32)
        self._microtubules, self._vesicles = Cloud(anatomy.microtubules), Cloud(anatomy.vesicles.centre)

    def __call__(self, block: Block) -> tuple[Array, Array]:
        """Return grey levels at the points of `block`, and how strongly each shows the grain of cytoplasm."""
        anatomy = self._anatomy
        process, surface, depth = self._partition(block)
        inner, sheath = below_membrane(anatomy, process, surface, depth), anatomy.sheath[process]
        tone = self._fields["tone"].on_grid(block.axes)
        image = anatomy.brightness[process]
        image += 3 * tone
        image -= self._stain(block, process) * np.clip((inner - 18) * (1 / 16), 0, 1)
        grain = anatomy.roughness[process]
        self._mitochondria(block, image, grain, process, inner)
        if sheath.any():
            _myelin(image, grain, inner, sheath)
        self._synapses(block, image, process, depth)
        cleft = 6 + 2.5 * block.finer(self._fields["cleft"].on_grid(block.lattice))
        wall = 0.97 * np.exp(-((np.maximum(np.abs(depth - cleft) - 2, 0) * (1 / 9.5)) ** 2))
        tone *= 6
        tone += _MEMBRANE
        tone -= image
        image += wall * tone
        grain *= 1 - 0.7 * wall
        return image, grain

    def _stain(self, block: Block, process: Labels) -> Array:
        """Return how much darker than clear cytoplasm its contents are."""
        close = self._microtubules.near(block, 30.0)
        stain = blobs(self._microtubules.points[close], 9.0, block.axes)
        stain *= _MICROTUBULE
        stain += self._reticulum(block)
        self._compartments(block, stain)
        stain *= process < self._anatomy.processes
        close = self._vesicles.near(block, 55.0)
        owners = self._anatomy.vesicles.owner[close]
        for owner in np.unique(owners):
            points = self._vesicles.points[close[owners == owner]]
            # A wide Gaussian less a narrow one: a dark rim around a paler lumen.
            rims = 92 * blobs(points, 16.0, block.axes) - 70 * blobs(points, 9.5, block.axes)
            stain += np.minimum(rims, 62) * (process == owner)
        np.minimum(stain, _DARKEST, out=stain)
        return stain

    def _reticulum(self, block: Block) -> Array:
        share: Array = np.clip(2.5 * self._fields["share"].on_grid(block.axes) - 1.2, 0, 1)
        if not share.any():
            return share
        # Two smooth fields vanish together along curves: the axes of tubules.
        a, b = (self._fields[name].on_grid(block.axes) for name in ("tubule a", "tubule b"))
        radius = 65 * np.sqrt(a * a + b * b)
        share *= _RETICULUM * np.exp(-(((radius - 14) * (1 / 13)) ** 2))
        return share

    def _compartments(self, block: Block, stain: Array) -> None:
        found = self._anatomy.compartments
        reach = found.radius[:, None] + 25
        other = found.end + found.way
        low, high = np.minimum(found.end, other) - reach, np.maximum(found.end, other) + reach
        for i in np.flatnonzero(np.all((low < block.high) & (high > block.low), axis=1)):
            box = tuple(slice(*np.searchsorted(block.axes[k], (low[i, k], high[i, k]))) for k in range(3))
            end, way = found.end[i].astype(np.float32), found.way[i].astype(np.float32)
            z, y, x = (block.axes[k][box[k]] - end[k] for k in range(3))
            along = z[:, None, None] * way[0] + (y[:, None] * way[1] + x * way[2])
            np.clip(along * np.float32(1 / (way @ way + 1)), 0, 1, out=along)
            square = (z[:, None, None] - along * way[0]) ** 2 + (y[:, None] - along * way[1]) ** 2
            distance = np.sqrt(square + (x - along * way[2]) ** 2)
            wall = _COMPARTMENT * np.exp(-(((distance - np.float32(found.radius[i])) * (1 / 10)) ** 2))
            np.maximum(stain[box], wall, out=stain[box])

    def _mitochondria(self, block: Block, image: Array, grain: Array, process: Labels, depth: Array) -> None:
        near = self._anatomy.mitochondria.near(block.low, block.high, 30.0)
        if len(near.owner) == 0:
            return
        distance, found = depths(near, block)
        warp = 20 * self._fields["crista"].on_grid(block.axes)
        for one, below in zip(found, block.finer(distance), strict=True):
            np.maximum(below, 28 - depth, out=below)
            below[process != self._anatomy.hosts[one]] = 100
            if below.min() > 20:
                continue
            z, y, x = (axis * tilt for axis, tilt in zip(block.axes, self._tilt[one], strict=True))
            phase = (z[:, None, None] + y[:, None] + x + warp) * (1 / _CRISTA_SPACING)
            phase -= np.floor(phase)
            crista = np.exp(-(((phase - 0.5) * (_CRISTA_SPACING / 9)) ** 2))
            crista *= np.clip((-12 - below) * 0.1, 0, 1)
            inside = np.clip(0.5 - below * (1 / 12), 0, 1)
            image += inside * (self._matrix[one] - _CRISTA * crista - image)
            grain *= 1 - 0.5 * inside
            rim = 0.9 * np.exp(-(((below + 3) * 0.1) ** 2)) + 0.3 * np.exp(-(((below + 25) * (1 / 7)) ** 2))
            image += rim * (_MEMBRANE - image)

    def _synapses(self, block: Block, image: Array, process: Labels, depth: Array) -> None:
        found = self._anatomy.synapses
        outside = np.maximum(np.maximum(block.low - found.centre, found.centre - block.high), 0)
        for i in np.flatnonzero((outside**2).sum(axis=1) < found.radius**2):
            behind = process == found.post[i]
            width = np.where(behind, np.float32(1 / 30), np.float32(1 / 14))
            away = np.sqrt(squared_distance(found.centre[i], block.axes))
            disc = np.clip((float(found.radius[i]) - away) * (1 / 30), 0, 1) * (
                behind | (process == found.pre[i])
            )
            density = np.exp(-((depth * width) ** 2)) * disc
            image += 0.9 * density * (_DENSITY - image)


def _myelin(image: Array, grain: Array, inner: Array, sheath: Array) -> None:
    """Draw the lamellae of a sheath; `inner`, the depth below its inner face, is negative within it."""
    lamellae = _MYELIN + 9 * np.cos(inner * (2 * np.pi / _LAMELLA_SPACING))
    lamellae += np.exp(-((inner * (1 / 12)) ** 2)) * (_MEMBRANE - lamellae)
    alpha = np.clip(1 - inner * (1 / 12), 0, 1) * (sheath > 0)
    image += alpha * (lamellae - image)
    grain *= 1 - 0.6 * alpha
