"""Batches of lateral patches that hold tissue, drawn as a whole on the device that holds the volume."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Degradation, Degraded, Volume
from a2ibench.data.intensity_range import noise_level, padded
from a2ibench.errors import InputError
from a2ibench.protocol.resample import interpolation_matrix

MOST = 1 << 22
_DRAWS = 16


def tissue_places(volume: Volume, side: int) -> NDArray[np.int64] | None:
    """Return where square lateral patches may begin: those with the fewest voxels of padding, mostly none.

    Parameters
    ----------
    volume : Volume, shape (z, y, x)
        With the grey levels of its padding.
    side : int
        Voxels of a patch along y and x.

    Returns
    -------
    ndarray of int64, shape (n, 3), or None
        Slice, row and column; evenly thinned out where there are very many. None where there is no padding,
        and every place will do.
    """
    if not volume.padding:
        return None
    z, rows, columns = (volume.shape[0], *(n - side + 1 for n in volume.shape[1:]))
    step = -(-z * rows * columns // MOST)
    fewest, places = side * side + 1, list[NDArray[np.int64]]()
    for number in range(z):
        counts = _counts(padded(np.asarray(volume.data[number]), volume.padding), side)
        least = int(counts.min())
        if least > fewest:
            continue
        if least < fewest:
            fewest, places = least, []
        found = np.flatnonzero(counts == fewest)[number % step :: step]
        row, column = np.divmod(found, columns)
        places.append(np.stack([np.full_like(row, number), row, column], axis=1))
    return np.concatenate(places)


def _counts(mask: NDArray[np.bool_], side: int) -> NDArray[np.int32]:
    sums = np.zeros((mask.shape[0] + 1, mask.shape[1] + 1), np.int32)
    sums[1:, 1:] = mask.cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
    counts: NDArray[np.int32] = (
        sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]
    )
    return counts


_RESIDENT = {"u1": torch.uint8, "i1": torch.int8, "i2": torch.int16}


def training_grid(volume: Volume, patch: int) -> AxialGrid:
    """Return the axial grid of training patches: about `patch` voxels, or what the volume's sides allow.

    Raises
    ------
    InputError
        If the lateral sides are too short for two input slices.
    """
    ratio = volume.ratio
    side = min(volume.shape[1:])
    n_in = max(2, round(patch / ratio))
    n_in = min(n_in, math.floor(side / ratio))
    if n_in >= 2 and round(n_in * ratio) > side:
        n_in -= 1
    if n_in < 2:
        raise InputError(
            f"{volume.name}: lateral side of {side} voxels is too short for ratio {ratio:.3g}; "
            f"training needs at least {math.ceil(2 * ratio)}"
        )
    return AxialGrid(n_in, ratio)


def resident(volume: Volume, device: str) -> torch.Tensor:
    """Return the volume on the device: in its own dtype where torch can index it, else as float32."""
    data = np.ascontiguousarray(volume.data)
    dtype = _RESIDENT.get(data.dtype.str[1:])
    if dtype is None:
        data = data.astype(np.float32)
    return torch.from_numpy(data).to(device)


NOISY = 0.024
"""Least noise of a volume, as a fraction of the contrast, that networks are trained to remove: 6 of 255."""


def missing_noise(volume: Volume, degradation: Degradation, grid: AxialGrid) -> float:
    """Return the noise that training inputs must be given to be as noisy as the volume.

    Parameters
    ----------
    volume : Volume, shape (z, y, x)
        Whose `noise_level` is estimated; its contrast counts as 0 to 1, or else its intensity range.
    degradation : Degradation
        What makes the inputs; the noise that it adds at mid-grey is not added again.
    grid : AxialGrid
        Axial grid of a patch.

    Returns
    -------
    float
        Standard deviation; 0 where the volume has less than `NOISY`.
    """
    level = noise_level(replace(volume, intensity=volume.contrast or volume.intensity))
    if level < NOISY:
        return 0.0
    grey = torch.full((_DRAWS, 1, grid.n_out, grid.n_out), 0.5)
    added = float(degradation(grey, grid, torch.Generator().manual_seed(0)).image.std())
    return math.sqrt(max(0.0, level**2 - added**2))


class PatchSampler:
    """Draws square lateral patches, degrades them along one side and interpolates them back.

    Both lateral axes are degraded equally often: every patch is flipped and transposed at random, which
    covers the eight symmetries of the square. Patches lie where the volume has no padding, or as little as
    can be.

    Parameters
    ----------
    volume : Volume
        The anisotropic volume to learn from.
    degradation : Degradation
        Model of how the axial direction was acquired.
    grid : AxialGrid
        Axial grid of a patch; its ``n_out`` is the patch's side.
    batch : int
        Patches a batch.
    device : str
        Where the volume lives and batches are made.
    seed : int
        Seed of all draws.
    slope : float
        Slope of the interpolation kernel.
    noise : float
        Standard deviation of white noise to add to what is degraded, 0 and 1 being the contrast's ends.

    Attributes
    ----------
    generator : torch.Generator
        Of all draws.
    """

    def __init__(
        self,
        volume: Volume,
        degradation: Degradation,
        grid: AxialGrid,
        *,
        batch: int,
        device: str,
        seed: int,
        slope: float = -0.5,
        noise: float = 0.0,
    ) -> None:
        self.grid, self.batch, self._noise = grid, batch, noise
        self._degradation = degradation
        self._data = resident(volume, device)
        lo, hi = volume.contrast or volume.intensity
        self._lo, self._scale = lo, 1 / (hi - lo)
        self._clipped = (lo, hi) != tuple(volume.intensity)
        places = tissue_places(volume, grid.n_out)
        self._places = None if places is None else torch.from_numpy(places).to(device)
        self.generator = torch.Generator(device).manual_seed(seed)
        self._interpolation = torch.from_numpy(interpolation_matrix(grid, slope)).to(device, torch.float32)
        self._steps = torch.arange(grid.n_out, device=device)

    def patches(self) -> torch.Tensor:
        """Return isotropic patches, 0 and 1 being the contrast's ends, shape (batch, 1, side, side)."""
        number, rows, columns = self._drawn()
        return self._scaled(self._data[number[:, None, None], rows, columns])[:, None]

    def coarse_pairs(self) -> tuple[Degraded, torch.Tensor]:
        """Return a degraded batch of (batch, 1, grid.n_in, side), and the patches it came from."""
        target = self.patches()
        sampled = self._degradation(target, self.grid, self.generator)
        return Degraded(self._noisy(sampled.image), sampled.parameters), target

    def pairs(self) -> tuple[Degraded, torch.Tensor]:
        """Return a degraded batch, interpolated back to the patch size, and the patches it came from."""
        coarse, target = self.coarse_pairs()
        return Degraded(torch.matmul(self._interpolation, coarse.image), coarse.parameters), target

    def _drawn(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return where patches lie: slices (batch,), and rows and columns (batch, side, side)."""
        z, y, x = self._data.shape
        side = self.grid.n_out
        if self._places is None:
            first = [self._draw(n) for n in (z, y - side + 1, x - side + 1)]
        else:
            first = list(self._places[self._draw(len(self._places))].unbind(1))
        rows, columns = self._turned(first[1], y), self._turned(first[2], x)
        transpose = (self._draw(2) == 1)[:, None, None]
        iy = torch.where(transpose, rows[:, None, :], rows[:, :, None])
        ix = torch.where(transpose, columns[:, :, None], columns[:, None, :])
        return first[0], iy, ix

    def _scaled(self, picked: torch.Tensor) -> torch.Tensor:
        scaled = (picked.to(torch.float32) - self._lo) * self._scale
        return scaled.clamp_(0, 1) if self._clipped else scaled

    def _noisy(self, image: torch.Tensor) -> torch.Tensor:
        if not self._noise:
            return image
        return image + self._noise * torch.empty_like(image).normal_(generator=self.generator)

    def _draw(self, n: int) -> torch.Tensor:
        return torch.randint(n, (self.batch,), generator=self.generator, device=self._data.device)

    def _turned(self, first: torch.Tensor, extent: int) -> torch.Tensor:
        flip = self._draw(2)[:, None] == 1
        steps = torch.where(flip, self.grid.n_out - 1 - self._steps, self._steps)
        return first[:, None] + steps
