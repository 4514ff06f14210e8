"""The dilated CNN as a method of a2ibench."""

from __future__ import annotations

from typing import ClassVar

from a2ibench import SliceNetwork, setting
from torch import nn

from a2ibench_frozen_method.network import REACH, DilatedCNN

WIDTHS = {"tiny": 8, "small": 32, "full": 64}


class FrozenMethodMethod(SliceNetwork):
    """Correct the interpolated axial slices with a dilated CNN.

    Every setting is an option of a run, such as ``--set frozen-method.residual=false``.
    """

    residual: bool = setting(True, "predict a correction of the interpolated slice; false: the slice itself")
    reach = REACH
    align: ClassVar[int] = 1

    def build(self, size: str) -> nn.Module:
        """Return a new network of size ``"tiny"``, ``"small"`` or ``"full"``."""
        return DilatedCNN(WIDTHS[size], residual=self.residual)
