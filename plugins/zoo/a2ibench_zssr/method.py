"""ZSSR as a method of the harness."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from a2ibench import AxialGrid, Context, Degraded, SliceNetwork, Volume, setting
from a2ibench_zssr.back_projection import back_projected, slices_reached
from a2ibench_zssr.network import ZSSRNet

SIZES = {
    "tiny": {"channels": 17, "depth": 7},
    "small": {"channels": 38, "depth": 8},
    "full": {"channels": 140, "depth": 8},
    "published": {"channels": 64, "depth": 8},
}

MIRRORS = ((), (2,), (3,), (2, 3))
"""Axes along which planes are mirrored: to exchange them would exchange sharp and degraded direction."""


class ZSSR(SliceNetwork):
    """Zero-shot super-resolution (Shocher, Cohen and Irani, CVPR 2018).

    Its idea, to learn from the image itself what a further degradation took away, is the protocol's. Its own
    are the network, the self-ensemble and the back-projection. Published and not taken over: rates that are
    cut when the error no longer falls, gradual steps of the ratio, and patches that are scaled and sheared.
    """

    learning_rate = 8e-3
    reach = 8
    variant: str = setting("auto", "network; auto: of the size that is asked for", choices=("auto", *SIZES))
    ensemble: bool = setting(
        False, "restore planes in four mirrored forms and take the median; four times the work"
    )
    back_projections: int = setting(
        0, "times that what the degraded result lacks of the input is added; published: 10", low=0, high=100
    )

    align: ClassVar[int] = 1

    def __init__(self, **values: bool | float | str) -> None:
        super().__init__(**values)
        # They concern reconstruction alone, so that a checkpoint leaves them as they were given.
        self._given |= {name: values[name] for name in ("ensemble", "back_projections") if name in values}

    def build(self, size: str) -> ZSSRNet:
        """Return the network of a size."""
        return ZSSRNet(**SIZES[size if self.variant == "auto" else self.variant])

    def forward(self, network: nn.Module, degraded: Degraded) -> torch.Tensor:
        """Return the restored images, in reconstructions with `ensemble` the median of mirrored forms."""
        mirrors = MIRRORS if self.ensemble and not network.training else MIRRORS[:1]
        results = [network(degraded.image.flip(axes)).flip(axes) for axes in mirrors]
        return median(torch.stack(results))

    @property
    def halo(self) -> tuple[int, int]:
        """Input slices and lateral voxels wanted around a block."""
        slices, lateral = super().halo
        if self.back_projections:
            slices += self.back_projections * slices_reached(self.degradation, self._ratio)
        return slices, lateral

    def reconstruct(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Reconstruct as every slice network, and project back; parameters are those of the base.

        Fusion works on lateral neighbours and back-projection on axial ones, both linearly, so to project
        the fused volume is to project both families.
        """
        if not self.back_projections:
            return super().reconstruct(volume, grid, ctx)
        wide = grid.covering()
        result = super().reconstruct(volume, wide, ctx)
        low, high = volume.intensity
        slices = (np.asarray(volume.data, np.float32) - low) / (high - low)
        result = back_projected(result, slices, wide, self.degradation, self.back_projections, self.slope)
        return result[_part(grid, wide)]

    def reconstruct_with_disagreement(
        self, volume: Volume, grid: AxialGrid, ctx: Context
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Reconstruct, and tell how far the families are apart before they are projected back."""
        wide = grid.covering() if self.back_projections else grid
        result, apart = super().reconstruct_with_disagreement(volume, wide, ctx)
        return result[_part(grid, wide)], apart[_part(grid, wide)]


def median(results: torch.Tensor) -> torch.Tensor:
    """Return the median along the first axis; of an even number the mean of the middle two."""
    count = len(results)
    if count == 1:
        return results[0]
    return results.sort(dim=0).values[(count - 1) // 2 : count // 2 + 1].mean(dim=0)


def _part(grid: AxialGrid, wide: AxialGrid) -> slice:
    first = grid.first_out - wide.first_out
    return slice(first, first + grid.n_out)
