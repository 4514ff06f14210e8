"""The slight stretch after which grey levels change equally fast along every axis."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from a2ibench.volumes.phantom.blocks import Block, Triple
from a2ibench.volumes.phantom.fields import Array

_EDGE, _POINTS, _CELLS = 600.0, 20, 12
_MOST = 0.06
# Coarse samples miss the finest structure, which runs along the neurites like the rest.
_EXPONENT = 1.2


def stretch(draw: Callable[[Block], tuple[Array, Array]], extent: float) -> Triple:
    """Return how much of a cube of `extent` nanometres to show along (z, y, x): factors close to 1.

    A small piece of tissue holds too few neurites for their directions to average out. The whole piece is
    sampled coarsely; less is shown, stretched, of an axis along which grey levels change too fast.
    """
    blocks = int(np.ceil(extent / _EDGE))
    edge = extent / blocks
    change = np.zeros(3)
    for index in np.ndindex(blocks, blocks, blocks):
        z, y, x = (i * edge for i in index)
        grey = draw(Block.at((z, y, x), (edge / _POINTS,) * 3, _POINTS, _CELLS))[0]
        change += [np.abs(np.diff(grey, axis=axis)).sum(dtype=np.float64) for axis in range(3)]
    z, y, x = (
        float(factor) for factor in np.clip((change.mean() / change) ** _EXPONENT, 1 - _MOST, 1 + _MOST)
    )
    return z, y, x
