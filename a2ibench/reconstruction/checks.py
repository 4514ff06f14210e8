"""What a reconstruction tells of itself once it is written: whether it fits the input, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from a2ibench.contracts import AxialGrid, Volume
from a2ibench.data.formats import open_lazy
from a2ibench.data.intensity_range import noise_level
from a2ibench.data.prepare import Crop
from a2ibench.metrics.axial_power import axial_power
from a2ibench.protocol.profiles import build_degradation
from a2ibench.registry import host
from a2ibench.validation.scores import over_expected, squared_differences

# Output voxels that are looked at: all of a small output, and of a large one boxes evenly along z.
_VOXELS, _BOXES, _SIDE = 1 << 24, 8, 256
# Entries of the matrix that degrades. Of deeper stacks the first slices are looked at.
_ENTRIES = 1 << 23
# Of it what is smaller counts for nothing.
_WEIGHT = 1e-6
# Voxels along each side of the middle, whose spectrum takes a few megabytes.
_MIDDLE = 128
_GOLDEN = (math.sqrt(5) - 1) / 2


class Checks(NamedTuple):
    """What was found of a reconstruction; None where it is not known.

    Parameters
    ----------
    consistency : float or None
        Of the metric of this name, on a sample.
    limit : float or None
        Above which a reconstruction does not fit its input.
    disagreement : float or None
        Mean absolute difference of what xz and yz planes became, in grey levels.
    axial_power : tuple of (float, float)
        By octave: wavelength in nm, and power along z over that across, of the middle of the reconstruction.
    """

    consistency: float | None = None
    limit: float | None = None
    disagreement: float | None = None
    axial_power: tuple[tuple[float, float], ...] = ()

    @property
    def fits(self) -> bool | None:
        """Whether the reconstruction, degraded again, is the input, but for noise."""
        if self.consistency is None or self.limit is None:
            return None
        return self.consistency <= self.limit

    def to_json(self) -> dict[str, Any]:
        """Return them for the file beside the output."""
        told = {"value": self.consistency, "limit": self.limit, "fits": self.fits}
        return {
            "consistency": None if self.consistency is None else told,
            "disagreement": self.disagreement,
            "axial_power": [{"wavelength": length, "ratio": ratio} for length, ratio in self.axial_power],
        }


def checked(
    target: Path, volume: Volume, ratio: float, degradation: str | None, disagreement: float | None
) -> Checks:
    """Return what is found of a reconstruction that is complete.

    Parameters
    ----------
    target : Path
        The reconstruction.
    volume : Volume, shape (n_in, y, x)
        What was reconstructed; its data may be lazy.
    ratio : float
        Axial spacing of the input over that of the reconstruction.
    degradation : str or None
        What the slices are taken to have gone through; by default the slab average.
    disagreement : float or None
        As `Apart.mean` returns it.
    """
    registered = host().metrics.get("consistency")
    limit = None if registered is None else registered.spec.limit
    value = sampled_consistency(target, volume, ratio, degradation or "slab-average")
    power = _axial_power(target, volume, ratio)
    return Checks(value if math.isfinite(value) else None, limit, disagreement, power)


def _axial_power(target: Path, volume: Volume, ratio: float) -> tuple[tuple[float, float], ...]:
    """Return what `a2ibench.metrics.axial_power` tells of the middle of a reconstruction, finest first."""
    axial, *lateral = volume.voxel_size
    with open_lazy(target) as written:
        crop = Crop(written)
        z, y, x = (
            slice(first, first + _MIDDLE) for first in (max(0, (n - _MIDDLE) // 2) for n in crop.shape)
        )
        found = axial_power(crop[z, y, x], (axial / ratio, lateral[0], lateral[1]))
    octaves = zip(1 / found.frequency, found.ratio, strict=True)
    return tuple((float(length), float(share)) for length, share in octaves if math.isfinite(share))[::-1]


def sampled_consistency(target: Path, volume: Volume, ratio: float, degradation: str) -> float:
    """Return the metric ``consistency`` of a reconstruction, of a large one on at most 64 MiB of its voxels.

    Parameters
    ----------
    target, volume, ratio
        As for `checked`.
    degradation : str
        As `build_degradation` takes it.
    """
    depth = min(volume.shape[0], math.isqrt(int(_ENTRIES / ratio)))
    operator = build_degradation(degradation).operator(AxialGrid(depth, ratio)).astype(np.float32)
    differences, noises, sizes = [], [], []
    with open_lazy(target) as written:
        output = Crop(written)
        for z, y, x in _boxes((depth, *volume.shape[1:]), ratio):
            rows = operator[z]
            columns = np.flatnonzero(np.abs(rows).max(axis=0) > _WEIGHT)
            slices = slice(int(columns[0]), int(columns[-1]) + 1)
            part = replace(volume, data=volume.data[z, y, x].clip(*volume.intensity))
            grid = AxialGrid(part.shape[0], ratio, slices.stop - slices.start, slices.start, z.start)
            differences.append(squared_differences(rows[:, slices], output[slices, y, x], part, grid))
            noises.append(noise_level(part))
            sizes.append(math.prod(part.shape))
    difference, cubic = np.average(differences, axis=0, weights=sizes)
    return over_expected(float(difference), float(cubic), float(np.median(noises)), volume)


def _boxes(shape: tuple[int, int, int], ratio: float) -> Iterator[tuple[slice, slice, slice]]:
    """Yield the boxes of the input (z, y, x) that are looked at."""
    if math.prod(shape) * ratio <= _VOXELS:
        yield slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2])
        return
    height, width = (min(n, _SIDE) for n in shape[1:])
    depth = min(shape[0], max(2, int(_VOXELS / _BOXES / (height * width * ratio))))
    for number in range(_BOXES):
        # Multiples of irrational numbers fall evenly, and never into step with the tissue.
        places = (number + 0.5) / _BOXES, number * _GOLDEN % 1, number * _GOLDEN**2 % 1
        starts = (
            int(at * (n - side + 1))
            for at, n, side in zip(places, shape, (depth, height, width), strict=True)
        )
        z, y, x = (slice(at, at + side) for at, side in zip(starts, (depth, height, width), strict=True))
        yield z, y, x
