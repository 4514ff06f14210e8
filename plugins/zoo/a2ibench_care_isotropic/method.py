"""Isotropic CARE as a method of the harness."""

from __future__ import annotations

from typing import ClassVar

from a2ibench import SliceNetwork, setting
from a2ibench_care_isotropic.network import IsotropicUNet

SIZES = {
    "tiny": (8, 14, 32),
    "small": (16, 40, 112),
    "full": (68, 136, 272),
    "published": (32, 64, 128),
}


class CAREIsotropic(SliceNetwork):
    """Isotropic reconstruction by a 2D U-Net (Weigert et al., MICCAI 2017).

    The loss is the published one, the mean absolute error. Published and not taken over: Adam at 4e-4 and
    its cuts at plateaus, patches of 128 (all of these are the harness's), and the geometric mean of the
    two plane families.
    """

    learning_rate = 8e-3
    reach: int = setting(
        0, "halo around a block; never less than the network sees", unit="output voxels", low=0
    )
    variant: str = setting("auto", "network; auto: of the size that is asked for", choices=("auto", *SIZES))
    features: int = setting(
        0, "channels at full resolution, twice as many at each level below; 0: by variant", low=0
    )
    kernel: int = setting(
        5, "side of the kernels; rounded up to an odd number", unit="pixels", low=1, high=15
    )

    align: ClassVar[int] = 4

    def build(self, size: str) -> IsotropicUNet:
        """Return the network of a size."""
        widths = SIZES[size if self.variant == "auto" else self.variant]
        if self.features:
            widths = self.features, 2 * self.features, 4 * self.features
        network = IsotropicUNet(widths, self.kernel + 1 - self.kernel % 2)
        self.align, self.reach = network.period, max(self.reach, network.reach)
        return network
