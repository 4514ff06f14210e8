"""SRMD as a method of the harness."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from a2ibench import Degraded, InputError, SliceNetwork, setting
from a2ibench_srmd.degradation import COMPONENTS
from a2ibench_srmd.network import SRMDNet

SIZES = {
    "tiny": {"channels": 16, "depth": 4},
    "small": {"channels": 48, "depth": 8},
    "full": {"channels": 128, "depth": 12},
}


class SRMD(SliceNetwork):
    """Restoration conditioned on blur and noise maps (Zhang, Zuo and Zhang, CVPR 2018).

    The published network super-resolves by a final pixel shuffle; here the input is interpolated first
    and the network keeps the size, as the protocol of this benchmark asks.
    """

    degradation = "srmd"
    reach = 12
    residual: bool = setting(True, "predict a correction of the interpolated image; published: false")

    align: ClassVar[int] = 1

    def build(self, size: str) -> nn.Module:
        """Return the network of a size."""
        return SRMDNet(1 + COMPONENTS + 1, **SIZES[size], residual=self.residual)

    def forward(self, network: nn.Module, degraded: Degraded) -> torch.Tensor:
        """Return the restored images.

        Raises
        ------
        InputError
            If the degradation does not draw what the network is conditioned on.
        """
        drawn = sum(values.shape[1] for values in degraded.parameters.values())
        if drawn != COMPONENTS + 1:
            raise InputError(
                f"srmd.degradation: {self.degradation} draws {drawn} parameters; give one that draws "
                f"{COMPONENTS} of the blur and 1 of the noise, such as srmd"
            )
        restored: torch.Tensor = network(degraded.image, degraded.maps())
        return restored
