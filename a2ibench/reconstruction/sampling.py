"""A sample of a volume that is too large to be trained on whole."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from a2ibench.contracts import Progress, Volume
from a2ibench.data.intensity_range import padded
from a2ibench.data.prepare import Crop
from a2ibench.reconstruction.matching import Matched

BYTES = 1 << 27
_DEPTH, _SIDE, _TRIES = 16, 512, 12


def training_volume(
    crop: Crop | Matched, like: Volume, *, seed: int, progress: Progress, most: int = BYTES
) -> Volume:
    """Return the volume in memory, or a sample of it where it is larger than `most` bytes.

    The sample is made of stacks of 16 consecutive slices and at most 512 x 512 voxels, cut at random places,
    one from each of as many equal parts of the axial extent, and laid one upon the other: lateral patches are
    those of the volume, and so are 15 of 16 pairs of neighbouring slices. In a volume with padding several
    places are tried for each stack, until one holds tissue alone; the one with the most is taken.

    Parameters
    ----------
    crop : Crop or Matched
        The volume.
    like : Volume
        Gives voxel size, intensity range and name.
    seed : int
        Seed of the places.
    progress : Progress
        Told how many stacks have been read, as phase ``sample``.
    most : int
        Bytes that the sample may have.
    """
    size = math.prod(crop.shape) * crop.dtype.itemsize
    if size <= most:
        return replace(like, data=crop[:, :, :])
    depth, height, width = (min(side, n) for side, n in zip((_DEPTH, _SIDE, _SIDE), crop.shape, strict=True))
    count = max(1, most // (depth * height * width * crop.dtype.itemsize))
    stacks = np.empty((count, depth, height, width), crop.dtype)
    random = np.random.default_rng(seed)
    z, y, x = (n - side for n, side in zip(crop.shape, (depth, height, width), strict=True))
    for number in range(count):
        fewest = math.inf
        for _ in range(_TRIES if like.padding else 1):
            first = int((number + random.random()) / count * (z + 1))
            row, column = (int(random.integers(0, room, endpoint=True)) for room in (y, x))
            stack = crop[first : first + depth, row : row + height, column : column + width]
            empty = sum(int(padded(plane, like.padding).sum()) for plane in stack) if like.padding else 0
            if empty < fewest:
                fewest, stacks[number] = empty, stack
            if empty == 0:
                break
        progress("sample", number + 1, count)
    return replace(like, data=stacks.reshape(-1, height, width))
