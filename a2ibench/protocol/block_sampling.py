"""Batches of blocks for networks that see in 3D."""

from __future__ import annotations

import torch

from a2ibench.contracts import AxialGrid, Degradation, Degraded, Volume
from a2ibench.protocol.resample import interpolation_matrix
from a2ibench.protocol.sampling import PatchSampler

# Input slices on either side that the interpolation of a block reads.
_AROUND = 2


class BlockSampler(PatchSampler):
    """Draws blocks of an interpolated volume, degrades them along a lateral axis and interpolates them back.

    A network learns to undo along a lateral axis, of which the truth is known, what the acquisition did along
    z. Axes of its batches are therefore: the one that stands for z, another lateral one, and the
    interpolated z.

    Parameters
    ----------
    volume : Volume
        The anisotropic volume to learn from.
    degradation : Degradation
        Model of how the axial direction was acquired. It sees a block as one wide image: what it draws for a
        row holds for all of the plane, as for a section.
    grid : AxialGrid
        Axial grid of a block, see `training_grid`; its ``n_out`` is the side of the block along two axes.
    batch : int
        Blocks a batch.
    device : str
        Where the volume lives and batches are made.
    seed : int
        Seed of all draws.
    slices : int
        Input slices of a block; fewer where the volume has fewer. Its third side is as many voxels as they
        cover.
    slope, noise
        As of `PatchSampler`.
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
        slices: int = 4,
        slope: float = -0.5,
        noise: float = 0.0,
    ) -> None:
        super().__init__(
            volume, degradation, grid, batch=batch, device=device, seed=seed, slope=slope, noise=noise
        )
        slices = max(1, min(slices, volume.shape[0]))
        inner = AxialGrid(slices, grid.ratio)
        read = AxialGrid(slices + 2 * _AROUND, grid.ratio, inner.n_out, 0, -_AROUND)
        self._across = torch.from_numpy(interpolation_matrix(read, slope)).to(device, torch.float32)
        self._read = torch.arange(-_AROUND, slices + _AROUND, device=device)
        self._slices = slices

    def patches(self) -> torch.Tensor:
        """Return interpolated blocks, 0 and 1 being the contrast's ends, (batch, 1, side, side, depth)."""
        number, rows, columns = self._drawn()
        last = self._data.shape[0]
        first = (number - self._slices // 2).clamp(0, last - self._slices)
        numbers = (first[:, None] + self._read).clamp(0, last - 1)
        picked = self._data[numbers[:, None, None, :], rows[..., None], columns[..., None]]
        return torch.matmul(self._scaled(picked), self._across.T)[:, None]

    def coarse_pairs(self) -> tuple[Degraded, torch.Tensor]:
        """Return a degraded batch of (batch, 1, grid.n_in, side, depth), and the blocks it came from."""
        target = self.patches()
        sampled = self._degradation(target.flatten(3), self.grid, self.generator)
        image = self._noisy(sampled.image)
        return Degraded(image.reshape(*image.shape[:3], *target.shape[3:]), sampled.parameters), target

    def pairs(self) -> tuple[Degraded, torch.Tensor]:
        """Return a degraded batch, interpolated back to the blocks' shape, and the blocks it came from."""
        coarse, target = self.coarse_pairs()
        image = torch.matmul(self._interpolation, coarse.image.flatten(3))
        return Degraded(image.reshape(target.shape), coarse.parameters), target
