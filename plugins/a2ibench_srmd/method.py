"""SRMD as a method of the harness."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from a2ibench import Degraded, InputError, SliceNetwork, setting
from a2ibench_srmd.degradation import COMPONENTS
from a2ibench_srmd.network import SRMDNet

SIZES = {
    "tiny": {"channels": 23, "depth": 4},
    "small": {"channels": 40, "depth": 7},
    "full": {"channels": 128, "depth": 9},
    "published": {"channels": 128, "depth": 12},
}


class SRMD(SliceNetwork):
    """Restoration conditioned on blur and noise maps (Zhang, Zuo and Zhang, CVPR 2018).

    The published network super-resolves by a final pixel shuffle; here the input is interpolated first
    and the network keeps the size, as the protocol of this benchmark asks.
    """

    degradation = "srmd"
    learning_rate = 8e-3
    reach = 12
    variant: str = setting("auto", "network; auto: of the size that is asked for", choices=("auto", *SIZES))
    residual: bool = setting(True, "predict a correction of the interpolated image; published: false")

    align: ClassVar[int] = 1

    def build(self, size: str) -> nn.Module:
        """Return the network of a size."""
        shape = SIZES[size if self.variant == "auto" else self.variant]
        return SRMDNet(1 + COMPONENTS + 1, **shape, residual=self.residual)

    def forward(self, network: nn.Module, degraded: Degraded) -> torch.Tensor:
        """Return the restored images; the maps are 0 where the degradation draws nothing.

        Raises
        ------
        InputError
            If the degradation draws something else than what the network is conditioned on.
        """
        image, conditions = degraded.image, COMPONENTS + 1
        drawn = sum(values.shape[1] for values in degraded.parameters.values())
        if drawn not in (0, conditions):
            raise InputError(
                f"srmd.degradation: {self.degradation} draws {drawn} parameters; give one that draws "
                f"{COMPONENTS} of the blur and 1 of the noise, such as srmd, or none, such as slab-average"
            )
        maps = degraded.maps() if drawn else image.new_zeros(len(image), conditions, *image.shape[2:])
        restored: torch.Tensor = network(image, maps)
        return restored
