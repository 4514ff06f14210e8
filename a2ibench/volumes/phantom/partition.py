"""Which process each point belongs to, and how deep inside it lies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from a2ibench.volumes.phantom.anatomy import Anatomy
from a2ibench.volumes.phantom.blocks import Block, depths
from a2ibench.volumes.phantom.fields import Array, SmoothField

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
