"""A generated piece of brain tissue that looks as in FIB-SEM, for runs without any download."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from a2ibench.data.phantom.anatomy import draw
from a2ibench.data.phantom.geometry import Array, Block, Vector, upsample
from a2ibench.data.phantom.render import Partition, Renderer
from a2ibench.errors import InputError

__all__ = ["GENERATOR_VERSION", "phantom"]

GENERATOR_VERSION = 1
"""Raised whenever the same options give another volume."""

_EDGE, _SAMPLED, _CELLS = 600.0, 20, 12
_MOST = 0.06
# Coarse samples miss the finest structure, which runs along the neurites like the rest.
_EXPONENT = 1.2


def stretch(draw: Callable[[Block], tuple[Array, Array]], width: float) -> Vector:
    """Return how much of a cube of `width` nanometres to show along (z, y, x): factors close to 1.

    A small piece of tissue holds too few neurites for their directions to average out. The whole piece is
    sampled coarsely; less is shown, stretched, of an axis along which grey levels change too fast.
    """
    blocks = int(np.ceil(width / _EDGE))
    edge = width / blocks
    change = np.zeros(3)
    for index in np.ndindex(blocks, blocks, blocks):
        z, y, x = (i * edge for i in index)
        grey = draw(Block.at((z, y, x), (edge / _SAMPLED,) * 3, _SAMPLED, _CELLS))[0]
        change += [np.abs(np.diff(grey, axis=axis)).sum(dtype=np.float64) for axis in range(3)]
    z, y, x = (
        float(factor) for factor in np.clip((change.mean() / change) ** _EXPONENT, 1 - _MOST, 1 + _MOST)
    )
    return z, y, x


_FINEST, _POINTS, _CELL = 10.0, 40, 38.0
_GRAIN, _GRAIN_LENGTH = 7.0, 13.0


def image(size: int, seed: np.random.SeedSequence, voxel_size: float, blur: float) -> Array:
    """Return grey levels, float32 (size, size, size).

    Parameters
    ----------
    size : int
        Voxels along each side.
    seed : numpy.random.SeedSequence
        What is drawn.
    voxel_size : float
        Nanometres.
    blur : float
        Standard deviation of the point spread, nanometres.
    """
    shapes, outlines, textures, grains = (np.random.default_rng(child) for child in seed.spawn(4))
    width = size * voxel_size
    anatomy = draw(shapes, width)
    partition = Partition(outlines, anatomy)
    renderer = Renderer(textures, anatomy, partition)
    factors = stretch(renderer, width)
    grain = _grain(grains, size, voxel_size)

    # Points lie at most 10 nm apart, and at least two along a voxel.
    finer = max(2, int(np.ceil(voxel_size / _FINEST)))
    side = _POINTS // finer
    cells = max(4, int(np.ceil(side * voxel_size / _CELL)))
    mean = (np.repeat(np.eye(side), finer, axis=1) / finer).astype(np.float32)
    volume = np.empty((size,) * 3, np.float32)
    for index in np.ndindex(*[-(-size // side)] * 3):
        z, y, x = (i * side * voxel_size * factor for i, factor in zip(index, factors, strict=True))
        z_step, y_step, x_step = (voxel_size / finer * factor for factor in factors)
        drawn = renderer(Block.at((z, y, x), (z_step, y_step, x_step), side * finer, cells))
        grey, rough = upsample(np.stack(drawn), (mean,) * 3)
        place = tuple(slice(i * side, min((i + 1) * side, size)) for i in index)
        part = tuple(slice(0, where.stop - where.start) for where in place)
        volume[place] = grey[part] - _GRAIN * rough[part] * grain[place]
    return np.asarray(ndimage.gaussian_filter(volume, blur / voxel_size), np.float32)


def _grain(rng: np.random.Generator, size: int, voxel_size: float) -> Array:
    noise = rng.standard_normal((size,) * 3, dtype=np.float32)
    noise = ndimage.gaussian_filter(noise, _GRAIN_LENGTH / voxel_size, truncate=3.0)
    noise /= noise.std()
    # Dark specks stand out more than pale ones.
    return np.asarray(noise + 0.2 * (noise * noise - 1), np.float32)


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
