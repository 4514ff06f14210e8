"""The mean grey that a network adds to axial planes, by where an output slice lies in an input slice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Volume
from a2ibench.protocol.planes import Run

_PLANES = 16
_SIDE = 256
_WAVES = 3


def waves(grid: AxialGrid) -> NDArray[np.float64]:
    """Return 1, cos(2 pi p) and cos(4 pi p) of the place p of each output slice in its input slice.

    p is 0 where an input slice begins and 1/2 at its centre. Networks learn from patches in either
    direction, so what they add is even about the centre.

    Returns
    -------
    ndarray, shape (grid.n_out, 3)
    """
    place = (grid.first_out + np.arange(grid.n_out) + 0.5) / grid.ratio
    cosines: NDArray[np.float64] = np.cos(2 * math.pi * place[:, None] * np.arange(_WAVES))
    return cosines


def mean_added(
    run: Run,
    volume: Volume,
    shown: Callable[[Volume, AxialGrid], torch.Tensor],
    interpolated: Run = lambda images: images,
) -> list[float]:
    """Return how much a network brightens axial planes of a volume, as amounts of `waves`.

    The interpolation has the means of the acquired slices. So has tissue, on average; a network that is
    shown what it was trained for adds nothing to the mean, but misaligned sections are something else.

    Parameters
    ----------
    run : callable
        The network, from planes as it is shown them to (batch, 1, n_out, lateral).
    volume : Volume, shape (n_in, y, x)
        The anisotropic volume. Up to 16 evenly spaced planes of either family are looked at, of up to 256
        voxels a side around the middle.
    shown : callable
        Returns a volume on a grid as `run` wants it, shape (n_out, y, x) or, as it is, (n_in, y, x).
    interpolated : callable
        Returns the interpolation of such planes; by default they are interpolated already.

    Returns
    -------
    list of float
        Least squares; of smallest norm where the ratio does not tell all waves apart. Slices at the ends,
        where interpolation knows one side only, count where there are no others.
    """
    n_in = min(volume.shape[0], max(2, math.ceil(_SIDE / volume.ratio)))
    grid = AxialGrid(n_in, volume.ratio)
    z, y, x = (middle(n, most) for n, most in zip(volume.shape, (n_in, _SIDE, _SIDE), strict=True))
    data = np.asarray(volume.data[z])
    families = (
        data[:, _spaced(volume.shape[1]), x],
        data[:, y, _spaced(volume.shape[2])].swapaxes(1, 2),
    )
    added = []
    for planes in families:
        images = shown(replace(volume, data=planes), grid).permute(1, 0, 2)[:, None]
        # One after another, so that features fit in the processor's cache.
        added += [
            (run(image) - interpolated(image)).double().mean((0, 1, 3)).cpu() for image in images[:, None]
        ]
    margin = math.ceil(1.5 * grid.ratio) if n_in > 4 else 0
    inner = slice(margin, grid.n_out - margin)
    mean = torch.stack(added).mean(0).numpy()
    amounts = np.linalg.lstsq(waves(grid)[inner], mean[inner], rcond=1e-6)[0]
    return [float(amount) for amount in amounts]


def middle(length: int, most: int) -> slice:
    """Return at most so much of a length, around its middle."""
    start = max(0, (length - most) // 2)
    return slice(start, start + most)


def _spaced(length: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, length - 1, _PLANES + 2)[1:-1].astype(np.int64))
