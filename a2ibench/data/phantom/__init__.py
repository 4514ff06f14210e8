"""A generated piece of brain tissue that looks as in FIB-SEM, for runs without any download."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from a2ibench.data.phantom.anatomy import draw
from a2ibench.data.phantom.geometry import Array, Block, Vector, upsample
from a2ibench.data.phantom.render import Partition, Renderer, cells
from a2ibench.errors import InputError

__all__ = ["GENERATOR_VERSION", "phantom", "phantom_labels"]

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

Places = tuple[slice, ...]


class Tissue:
    """A cube of tissue, and how it is cut into blocks of voxels.

    Parameters
    ----------
    size : int
        Voxels along each side.
    seed : numpy.random.SeedSequence
        What is drawn.
    voxel_size : float
        Nanometres.
    """

    def __init__(self, size: int, seed: np.random.SeedSequence, voxel_size: float) -> None:
        shapes, outlines, textures, self.grains = (np.random.default_rng(child) for child in seed.spawn(4))
        self._size, self._voxel_size = size, voxel_size
        self.anatomy = draw(shapes, size * voxel_size)
        self.partition = Partition(outlines, self.anatomy)
        self.renderer = Renderer(textures, self.anatomy, self.partition)
        self._factors = stretch(self.renderer, size * voxel_size)
        # Points lie at most 10 nm apart, and at least two along a voxel.
        self.finer = max(2, int(np.ceil(voxel_size / _FINEST)))
        self.side = _POINTS // self.finer

    def blocks(self, finer: int) -> Iterator[tuple[Block, Places, Places]]:
        """Yield blocks with `finer` points along a voxel, where each lies, and its part inside the cube."""
        side, spacing = self.side, self._voxel_size
        lattice = max(4, int(np.ceil(side * spacing / _CELL)))
        for index in np.ndindex(*[-(-self._size // side)] * 3):
            z, y, x = (i * side * spacing * factor for i, factor in zip(index, self._factors, strict=True))
            z_step, y_step, x_step = (spacing / finer * factor for factor in self._factors)
            place = tuple(slice(i * side, min((i + 1) * side, self._size)) for i in index)
            part = tuple(slice(0, where.stop - where.start) for where in place)
            yield Block.at((z, y, x), (z_step, y_step, x_step), side * finer, lattice), place, part


def image(size: int, seed: np.random.SeedSequence, voxel_size: float, blur: float) -> Array:
    """Return grey levels, float32 (size, size, size).

    Parameters
    ----------
    size, seed, voxel_size
        As for `Tissue`.
    blur : float
        Standard deviation of the point spread, nanometres.
    """
    tissue = Tissue(size, seed, voxel_size)
    grain = _grain(tissue.grains, size, voxel_size)
    mean = (np.repeat(np.eye(tissue.side), tissue.finer, axis=1) / tissue.finer).astype(np.float32)
    volume = np.empty((size,) * 3, np.float32)
    for block, place, part in tissue.blocks(tissue.finer):
        grey, rough = upsample(np.stack(tissue.renderer(block)), (mean,) * 3)
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
    size, seed, voxel_size = _cube(size, seed, voxel_size)
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


def phantom_labels(
    size: int = 160, seed: int = 0, voxel_size: float = 15.0, **_: float
) -> NDArray[np.uint32]:
    """Return which cell each voxel of `phantom` belongs to.

    Parameters
    ----------
    size, seed, voxel_size
        As for `phantom`, whose further options move no cell.

    Returns
    -------
    numpy.ndarray, shape (size, size, size), uint32
        Axes (z, y, x). The cell at the centre of the voxel, a number from 1 on, whose organelles count as
        its own; 0 where there is membrane, the cleft between two of them, or myelin. A cell that leaves the
        cube and comes back keeps its number; glia is one cell.

    Raises
    ------
    InputError
        If an option is out of its range.
    """
    size, seed, voxel_size = _cube(size, seed, voxel_size)
    tissue = Tissue(size, np.random.SeedSequence(seed).spawn(2)[0], voxel_size)
    labels = np.empty((size,) * 3, np.uint32)
    for block, place, part in tissue.blocks(1):
        labels[place] = cells(tissue.anatomy, *tissue.partition(block))[part]
    return labels


def _cube(size: int, seed: int, voxel_size: float) -> tuple[int, int, float]:
    return _whole("size", size, 32), _whole("seed", seed, 0), _number("voxel_size", voxel_size, 4, 40)


def _whole(name: str, value: int, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
        raise InputError(f"{name} is {value!r}; give a whole number of at least {low}")
    return int(value)


def _number(name: str, value: float, low: float, high: float) -> float:
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not low <= value <= high:
        raise InputError(f"{name} is {value!r}; give a number from {low} to {high}")
    return float(value)
