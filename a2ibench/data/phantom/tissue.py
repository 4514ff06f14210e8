"""A whole volume without noise, drawn block by block, averaged down to voxels and balanced along the axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from a2ibench.data.phantom.anatomy import draw
from a2ibench.data.phantom.fields import Array, upsample
from a2ibench.data.phantom.render import Block, Partition, Renderer, Triple

_EDGE, _SAMPLED, _CELLS = 600.0, 20, 12
_MOST = 0.06
# Coarse samples miss the finest structure, which runs along the neurites like the rest.
_EXPONENT = 1.2


def stretch(draw: Callable[[Block], tuple[Array, Array]], extent: float) -> Triple:
    """Return how much of a cube of `extent` nanometres to show along (z, y, x): factors close to 1.

    A small piece of tissue holds too few neurites for their directions to average out. The whole piece is
    sampled coarsely; less is shown, stretched, of an axis along which grey levels change too fast.
    """
    blocks = int(np.ceil(extent / _EDGE))
    edge = extent / blocks
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
    extent = size * voxel_size
    anatomy = draw(shapes, extent)
    partition = Partition(outlines, anatomy)
    renderer = Renderer(textures, anatomy, partition)
    factors = stretch(renderer, extent)
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
