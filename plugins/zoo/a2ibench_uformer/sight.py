"""How far a U of windowed blocks sees, which depends on where a pixel lies in its windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Sight = tuple[NDArray[np.int64], NDArray[np.int64]]
"""First and last pixel of the input that each pixel of a row depends on."""


def sight(depths: Sequence[int], window: int) -> int:
    """Return the most pixels between a pixel of the output and one of the input that it depends on.

    Parameters
    ----------
    depths : sequence of int
        Blocks of the encoders, of the middle, and of the decoders; every second one of a level has shifted
        windows.
    window : int
        Side of the windows.
    """
    levels = len(depths) // 2
    period = window * 2**levels
    # Beyond these many periods nothing is seen: each block and each resampling sees less than one.
    periods = 2 * (sum(depths) + levels) + 3
    line = np.arange(periods * period)
    seen = _convolved((line, line))
    skips = []
    for blocks in depths[:levels]:
        seen = _blocks(seen, blocks, window)
        skips.append(seen)
        seen = _halved(seen)
    seen = _blocks(seen, depths[levels], window)
    for blocks in depths[levels + 1 :]:
        wide = [side.repeat(2) for side in seen]
        first, last = skips.pop()
        seen = _blocks((np.minimum(wide[0], first), np.maximum(wide[1], last)), blocks, window)
    first, last = _convolved(seen)
    inner = slice(periods // 2 * period, (periods // 2 + 1) * period)
    return int(max((line - first)[inner].max(), (last - line)[inner].max()))


def _blocks(seen: Sight, blocks: int, window: int) -> Sight:
    for index in range(blocks):
        shift = window // 2 * (index % 2)
        seen = _convolved(_windowed(seen, window, shift))
    return seen


def _windowed(seen: Sight, window: int, shift: int) -> Sight:
    first, last = (side.copy() for side in seen)
    stop = len(first) - (window - shift if shift else 0)
    for side, least in ((first, np.min), (last, np.max)):
        inner = side[shift:stop].reshape(-1, window)
        inner[:] = least(inner, axis=1, keepdims=True)
    return first, last


def _convolved(seen: Sight) -> Sight:
    first, last = seen
    return np.concatenate([first[:1], first[:-1]]), np.concatenate([last[1:], last[-1:]])


def _halved(seen: Sight) -> Sight:
    # Four pixels with a stride of two: one to the left, one to the right of the pair.
    first, last = _convolved(seen)
    return first[::2], last[1::2]
