"""A generated piece of brain tissue that looks as in FIB-SEM, for runs without any download."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.phantom.tissue import image
from a2ibench.errors import InputError

__all__ = ["GENERATOR_VERSION", "phantom"]

GENERATOR_VERSION = 1
"""Raised whenever the same options give another volume."""

_MID_GREY = 128.0


def phantom(
    size: int = 160,
    seed: int = 0,
    voxel_size: float = 15.0,
    *,
    blur: float = 7.5,
    shot_noise: float = 1.9,
    read_noise: float = 1.9,
) -> NDArray[np.uint8]:
    """Return a cube of neuropil: packed neurites with their membranes and organelles, and glia between them.

    The tissue has no preferred direction. It is drawn at least twice finer than the voxels and averaged
    down, so that it is band-limited. Grey levels, contrast and spectrum follow the CA1 hippocampus volume
    of the EPFL binned to 15 nm. The same options give the same voxels, whatever the number of threads.

    Parameters
    ----------
    size : int
        Voxels along each side, at least 32.
    seed : int
        Which tissue; not negative.
    voxel_size : float
        Nanometres, from 4 to 40. The tissue keeps its physical scale.
    blur : float
        Standard deviation of the point spread function, nanometres.
    shot_noise : float
        Standard deviation, in grey levels, of the Poisson noise at mid-grey (128).
    read_noise : float
        Standard deviation, in grey levels, of the Gaussian noise of the detector.

    Returns
    -------
    numpy.ndarray, shape (size, size, size), uint8
        Axes (z, y, x).

    Raises
    ------
    InputError
        If an option is out of its range.
    """
    size, seed = _whole("size", size, 32), _whole("seed", seed, 0)
    voxel_size = _number("voxel_size", voxel_size, 4, 40)
    blur = _number("blur", blur, 0, 100)
    shot_noise = _number("shot_noise", shot_noise, 0, 100)
    read_noise = _number("read_noise", read_noise, 0, 100)

    tissue, detector = np.random.SeedSequence(seed).spawn(2)
    volume = image(size, tissue, voxel_size, blur)
    rng = np.random.default_rng(detector)
    if shot_noise > 0:
        electrons = _MID_GREY / shot_noise**2
        volume = rng.poisson(np.maximum(volume, 0) * electrons).astype(np.float32) / np.float32(electrons)
    if read_noise > 0:
        volume += np.float32(read_noise) * rng.standard_normal(volume.shape, dtype=np.float32)
    return np.clip(np.rint(volume), 0, 255).astype(np.uint8)


def _whole(name: str, value: int, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise InputError(f"{name} is {value!r}; give a whole number of at least {low}")
    return int(value)


def _number(name: str, value: float, low: float, high: float) -> float:
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not low <= value <= high:
        raise InputError(f"{name} is {value!r}; give a number from {low} to {high}")
    return float(value)
