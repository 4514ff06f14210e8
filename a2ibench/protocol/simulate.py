"""An anisotropic volume, made from an isotropic one that is kept aside as the reference."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from a2ibench.contracts import AxialGrid, Simulation, Volume
from a2ibench.errors import InputError
from a2ibench.plugins import host
from a2ibench.protocol.intensity import quantise


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
        The degraded volume, rounded to the dtype of the original.
    reference : Volume, shape (round(floor(n / ratio) * ratio), y, x)
        The original, cropped to the slices that a reconstruction has.

    Raises
    ------
    InputError
        If the volume is not isotropic or is too thin for the ratio.
    """
    if not math.isclose(volume.ratio, 1.0, rel_tol=1e-3):
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
    lo, hi = volume.intensity
    degraded = np.empty((n_in, *volume.shape[1:]), volume.data.dtype)
    rows = max(1, (1 << 23) // (grid.n_out * volume.shape[2]))
    for row in range(0, volume.shape[1], rows):
        part = torch.from_numpy((reference.data[:, row : row + rows].astype(np.float64) - lo) / (hi - lo))
        planes = degrade(part.permute(1, 0, 2)[:, None], grid, generator).image
        degraded[:, row : row + rows] = quantise(planes[:, 0].permute(1, 0, 2).numpy(), volume)
    spacing = (volume.voxel_size[0] * simulation.ratio, *volume.voxel_size[1:])
    return replace(volume, data=degraded, voxel_size=spacing), reference
