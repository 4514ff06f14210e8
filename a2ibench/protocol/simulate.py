"""An anisotropic volume, made from an isotropic one that is kept aside as the reference."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Simulation, Volume, is_isotropic
from a2ibench.data.intensity_range import levelled
from a2ibench.errors import InputError
from a2ibench.protocol.intensity import quantise
from a2ibench.registry import host


def simulate(volume: Volume, simulation: Simulation, seed: int = 0) -> tuple[Volume, Volume]:
    """Degrade an isotropic volume along z.

    Parameters
    ----------
    volume : Volume, shape (n, y, x)
        Isotropic volume.
    simulation : Simulation
        Ratio and degradation model.
    seed : int
        Seed of the degradation's random draws.

    Returns
    -------
    anisotropic : Volume, shape (floor(n / ratio), y, x)
        The degraded volume, rounded to the dtype of the original; of 8 bits limited to the intensity range.
        Contrast and padding are left to be found in it.
    reference : Volume, shape (round(floor(n / ratio) * ratio), y, x)
        The original, cropped to the slices that a reconstruction has.

    Raises
    ------
    InputError
        If the volume is not isotropic or is too thin for the ratio.
    """
    if not is_isotropic(volume.voxel_size):
        raise InputError(
            f"{volume.name}: voxel_size is {volume.voxel_size}; simulation needs an isotropic volume"
        )
    n_in = math.floor(volume.shape[0] / simulation.ratio + 1e-9)
    if n_in < 2:
        raise InputError(
            f"{volume.name}: {volume.shape[0]} slices at ratio {simulation.ratio:g} leave {n_in}; "
            "give a thicker volume or a smaller ratio"
        )
    grid = AxialGrid(n_in, simulation.ratio)
    reference = replace(volume, data=np.ascontiguousarray(volume.data[: grid.n_out]))
    degrade = host().build("degradation", simulation.degradation, **simulation.options)
    generator = torch.Generator().manual_seed(seed)
    # Noise is relative to the contrast, which single hot voxels do not widen.
    scale = replace(volume, intensity=levelled(volume).contrast or volume.intensity)
    lo, hi = scale.intensity
    degraded = np.empty((n_in, *volume.shape[1:]), volume.data.dtype)
    rows = max(1, (1 << 23) // (grid.n_out * volume.shape[2]))
    for row in range(0, volume.shape[1], rows):
        part = torch.from_numpy((reference.data[:, row : row + rows].astype(np.float64) - lo) / (hi - lo))
        planes = degrade(part.permute(1, 0, 2)[:, None], grid, generator).image
        degraded[:, row : row + rows] = _stored(planes[:, 0].permute(1, 0, 2).numpy(), scale)
    # Of spacings that are not quite equal, too, the ratio is the one given.
    _, y, x = volume.voxel_size
    spacing = ((y + x) / 2 * simulation.ratio, y, x)
    made = replace(volume, data=degraded, voxel_size=spacing, contrast=None, padding=None)
    return made, reference


def _stored(intensities: NDArray[Any], like: Volume) -> NDArray[Any]:
    dtype = np.dtype(like.data.dtype)
    if dtype.itemsize == 1:
        return quantise(intensities, like)
    lo, hi = like.intensity
    levels = intensities.astype(np.float64) * (hi - lo) + lo
    if dtype.kind == "f":
        return levels
    limits = np.iinfo(dtype)
    # Six decimals undo the last bits of floating point, so that exact halves are still halves.
    return np.clip(np.rint(levels.round(6)), limits.min, limits.max)
