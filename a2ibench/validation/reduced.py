"""Validation at reduced resolution: what is reconstructed from pairs of slices is held against the slices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Context, HeldOut, Method, Simulation, Volume
from a2ibench.errors import InputError
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.protocol.profiles import build_degradation, described_degradation

FACTOR = 2
"""Neighbouring slices that are averaged to one."""

LEAST_SLICES = 4 * FACTOR
"""Slices that a volume must have for that."""


def reduced(volume: Volume) -> Volume:
    """Average neighbouring slices: what an acquisition at `FACTOR` times the spacing would have been.

    Parameters
    ----------
    volume : Volume, shape (n_in, y, x)
        The anisotropic volume. Slices at its end that make up no group are left out.

    Returns
    -------
    Volume, shape (n_in // FACTOR, y, x)
        Of the same dtype; of integers rounded.

    Raises
    ------
    InputError
        If the volume has fewer than `LEAST_SLICES` slices.
    """
    check_depth(volume)
    depth, height, width = volume.shape
    coarse = np.empty((depth // FACTOR, height, width), volume.data.dtype)
    for number, plane in enumerate(coarse):
        part = volume.data[number * FACTOR : (number + 1) * FACTOR]
        plane[...] = _stored(np.asarray(part).mean(axis=0, dtype=np.float64), coarse.dtype)
    axial, y, x = volume.voxel_size
    return replace(volume, data=coarse, voxel_size=(FACTOR * axial, y, x))


def check_depth(volume: Volume) -> None:
    """Accept volumes of which slices can be averaged.

    Raises
    ------
    InputError
        As for `reduced`.
    """
    depth = volume.shape[0]
    if depth < LEAST_SLICES:
        raise InputError(
            f"{volume.name}: has {depth} slices; validation at reduced resolution needs {LEAST_SLICES}"
        )


def restore_reduced(
    build: Callable[[], Method], volume: Volume, simulation: Simulation | None, ctx: Context
) -> HeldOut:
    """Train on the reduced volume, reconstruct it, and degrade the result to the slices that were averaged.

    Parameters
    ----------
    build : callable
        Returns a new method.
    volume : Volume, shape (n_in, y, x)
        The anisotropic volume.
    simulation : Simulation, optional
        How the volume was made from an isotropic one; of an acquired volume the slab average is assumed.
    ctx : Context
        Of the training and the reconstruction.

    Returns
    -------
    HeldOut
        Of the slices, shape (FACTOR * (n_in // FACTOR), y, x).

    Raises
    ------
    InputError
        If the volume has too few slices.
    """
    coarse = reduced(volume)
    method = build()
    method.fit(coarse, ctx)
    restored = reconstruct_volume(method, coarse, ctx)
    count = coarse.shape[0] * FACTOR
    grid = AxialGrid(count, volume.ratio, restored.shape[0])
    operator = build_degradation(described_degradation(simulation or Simulation(1.0))).operator(grid)
    slices = np.tensordot(operator.astype(np.float32), restored, axes=(1, 0))
    return HeldOut(quantise(slices, volume), np.ascontiguousarray(volume.data[:count]))


def _stored(levels: NDArray[np.float64], dtype: np.dtype[Any]) -> NDArray[Any]:
    return (np.rint(levels) if dtype.kind in "iu" else levels).astype(dtype)
