"""In-plane validation: lateral planes that were never trained on, degraded as the axial direction is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Context, HeldOut, Method, Simulation, Volume
from a2ibench.data.intensity_range import levelled, padded
from a2ibench.errors import InputError, PluginError
from a2ibench.protocol.intensity import quantise
from a2ibench.protocol.profiles import build_degradation, described_degradation

SHARE = 8
"""One of so many slices is held out."""

MOST_SLICES = 16
"""Most slices that are held out."""

LEAST_SLICES = 10
"""Slices that a volume must have for some of them to be held out."""

MOST_SIDE = 512
"""Voxels along a side of the middle of held-out slices that is looked at."""

_LEAST_ROWS = 8


class Split(NamedTuple):
    """A volume, divided for in-plane validation."""

    training: Volume
    held_out: Volume


def split(volume: Volume) -> Split:
    """Hold out the slices at one end of a volume.

    They are neighbours, so that what is trained on touches them on one side only, and what is left is a
    volume that any method can train on. Of the two ends the one with less padding is taken.

    Parameters
    ----------
    volume : Volume, shape (n_in, y, x)
        The anisotropic volume.

    Returns
    -------
    Split
        An eighth of the slices, at most `MOST_SLICES`, and the others.

    Raises
    ------
    InputError
        If the volume has fewer than `LEAST_SLICES` slices, or its slices are too small.
    """
    check_size(volume.shape, volume.ratio, volume.name)
    volume, depth = levelled(volume), volume.shape[0]
    count = min(max(1, depth // SHARE), MOST_SLICES)
    whole = slice(None)
    first, last = (volume.crop(part, whole, whole) for part in (slice(count), slice(depth - count, depth)))
    if _padding(first) < _padding(last):
        return Split(volume.crop(slice(count, depth), whole, whole), first)
    return Split(volume.crop(slice(depth - count), whole, whole), last)


def check_size(shape: Sequence[int], ratio: float, name: str) -> None:
    """Accept volumes (z, y, x) of which slices can be held out.

    Raises
    ------
    InputError
        As for `split`.
    """
    depth, height, width = shape
    if depth < LEAST_SLICES:
        raise InputError(f"{name}: has {depth} slices; in-plane validation needs {LEAST_SLICES}")
    if (rows := math.floor(min(height, width) / ratio)) < _LEAST_ROWS:
        raise InputError(
            f"{name}: slices of {height} x {width} voxels are {rows} rows at ratio {ratio:g}; "
            f"in-plane validation needs {_LEAST_ROWS}"
        )


def _padding(volume: Volume) -> float:
    if not volume.padding:
        return 0.0
    return float(np.mean([padded(np.asarray(plane), volume.padding).mean() for plane in volume.data]))


def degraded_planes(
    held_out: Volume,
    simulation: Simulation | None = None,
    noise: float | None = None,
    like: Volume | None = None,
) -> tuple[Volume, NDArray[Any]]:
    """Degrade lateral planes along y, and along x, as the axial direction is.

    Parameters
    ----------
    held_out : Volume, shape (slices, y, x)
        The planes, of which a square in the middle is taken, of at most `MOST_SIDE` voxels a side.
    simulation : Simulation, optional
        How the volume was made from an isotropic one; of an acquired volume the slab average is assumed.
    noise : float, optional
        Standard deviation of white noise that is added, as a fraction of the contrast; by default what makes
        them as noisy as `like` is, where that is much (`a2ibench.protocol.sampling.missing_noise`).
    like : Volume, optional
        What the method trains on, which decides whether there is noise to remove; by default `held_out`.

    Returns
    -------
    planes : Volume, shape (n_in, 2 * slices, n_out)
        What a method is to restore along the first axis, plane by plane along the second.
    reference : ndarray, shape (n_out, 2 * slices, n_out)
        The planes as they were.
    """
    # These import torch, which a job that holds nothing out need not wait for.
    from a2ibench.protocol.sampling import missing_noise
    from a2ibench.protocol.simulate import simulate

    ratio, lateral = held_out.ratio, held_out.voxel_size[1]
    side = AxialGrid(math.floor(min(*held_out.shape[1:], MOST_SIDE) / ratio + 1e-9), ratio).n_out
    y, x = ((n - min(side, n)) // 2 for n in held_out.shape[1:])
    square = np.asarray(held_out.data)[:, y : y + side, x : x + side]
    both = np.concatenate([square.transpose(1, 0, 2), square.transpose(2, 0, 1)], axis=1)
    isotropic = replace(held_out, data=both, voxel_size=(lateral,) * 3)
    made = replace(simulation or Simulation(ratio), ratio=ratio)
    planes, reference = simulate(isotropic, made)
    planes = replace(planes, contrast=held_out.contrast, padding=held_out.padding)
    grid = AxialGrid(planes.shape[0], ratio)
    if noise is None:
        noise = missing_noise(
            held_out if like is None else like, build_degradation(described_degradation(made)), grid
        )
    return _noisy(planes, noise), np.ascontiguousarray(reference.data)


def _noisy(planes: Volume, noise: float) -> Volume:
    if noise == 0:
        return planes
    lo, hi = planes.contrast or planes.intensity
    levels = planes.data + np.random.default_rng(0).normal(0, noise * (hi - lo), planes.shape)
    dtype = planes.data.dtype
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        levels = np.clip(np.rint(levels), limits.min, limits.max)
    return replace(planes, data=levels.astype(dtype))


def restore_held_out(
    method: Method, divided: Split, simulation: Simulation | None, ctx: Context
) -> HeldOut | None:
    """Restore lateral planes that a method has not trained on.

    Parameters
    ----------
    method : Method
        A method that was fitted to what it is to train on.
    divided : Split
        The volume: planes are made as noisy as what the method trained on.
    simulation : Simulation, optional
        How the volume was made from an isotropic one; of an acquired volume the slab average is assumed.
    ctx : Context
        Device and precision.

    Returns
    -------
    HeldOut or None
        None where the method cannot restore planes by themselves.

    Raises
    ------
    PluginError
        If it returns another shape or dtype, or values that are not finite.
    """
    if not hasattr(method, "reconstruct_planes"):
        return None
    planes, reference = degraded_planes(divided.held_out, simulation, like=divided.training)
    grid = AxialGrid(planes.shape[0], planes.ratio)
    restored = method.reconstruct_planes(planes, grid, ctx)
    name = f"{type(method).__name__}.reconstruct_planes"
    if not isinstance(restored, np.ndarray) or restored.dtype != np.float32:
        raise PluginError(f"{name} returned {type(restored).__name__}; return a numpy array of float32")
    if restored.shape != reference.shape or not np.isfinite(restored).all():
        raise PluginError(
            f"{name} returned shape {restored.shape}; return finite intensities of shape {reference.shape}"
        )
    return HeldOut(quantise(restored, planes), reference)
