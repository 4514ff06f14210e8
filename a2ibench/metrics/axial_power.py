"""Power of a volume along its axis as a part of that across it, octave by octave.

It needs no reference, and is no metric: axial noise and artefacts are power, too, and lateral smoothing
lowers what it is divided by, so that a worse reconstruction may have more of it. Wedges and taper are those
of `a2ibench.metrics.fourier`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.errors import InputError
from a2ibench.metrics.fourier import VoxelSize, shells, spectrum, wedge_sums

SIDE = 256
"""Voxels of the central part that is transformed, at most, along each axis."""
# The taper spreads the lowest frequencies over two shells.
_FIRST_SHELL = 3


@dataclass(frozen=True, eq=False)
class AxialPower:
    """Axial over lateral power by octave.

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        Centres of the octaves, the geometric means of their ends, ascending, cycles/nm.
    ratio : ndarray, shape (n,)
        Mean power in the axial wedge over that in the lateral one; about 1 where a volume is alike in all
        directions, NaN where there is no lateral power.
    """

    frequency: NDArray[np.float64]
    ratio: NDArray[np.float64]


def axial_power(volume: NDArray[Any], voxel_size: VoxelSize) -> AxialPower:
    """Return how much of the lateral power a volume has along its axis, by octave.

    Octaves go down from the Nyquist frequency, 1/4 to 1/2, 1/8 to 1/4 cycles per voxel and so on, as long
    as they begin at the third shell or above.

    Parameters
    ----------
    volume : ndarray, shape (z, y, x)
        Of any real dtype; of a larger one the central 256 voxels of each side count.
    voxel_size : tuple of float
        Spacing in nm, (z, y, x).

    Returns
    -------
    AxialPower
        Without octaves where a side has fewer than 16 voxels.

    Raises
    ------
    InputError
        If the volume is not 3D, or the voxel size is not three positive numbers.
    """
    if volume.ndim != 3:
        raise InputError(f"axial power: shape is {volume.shape}; give a volume (z, y, x)")
    z, y, x = (min(n, SIDE) for n in volume.shape)
    centres = shells((z, y, x), voxel_size)
    nyquist = 1 / (2 * max(voxel_size))
    edges = [nyquist]
    while centres.size and edges[-1] / 2 >= centres[_FIRST_SHELL - 1] * (1 - 1e-9):
        edges.append(edges[-1] / 2)
    if len(edges) == 1:
        return AxialPower(np.empty(0), np.empty(0))
    transform = spectrum(volume, SIDE)

    def power_and_count(index: tuple[Any, ...]) -> tuple[NDArray[np.float32], ...]:
        chosen = transform[index]
        return np.square(chosen.real) + np.square(chosen.imag), np.ones(chosen.size, np.float32)

    sums = wedge_sums((z, y, x), voxel_size, power_and_count)
    ascending = np.array(edges[::-1])
    octave = np.digitize(centres, ascending * (1 + 1e-9)) - 1
    with np.errstate(divide="ignore", invalid="ignore"):
        means = [np.divide(*sums[:, :, octave == at].sum(axis=-1)) for at in range(len(ascending) - 1)]
        axial, lateral = np.array(means).T
        ratio = np.where(lateral > 0, axial / lateral, np.nan)
    return AxialPower(np.sqrt(ascending[1:] * ascending[:-1]), ratio)
