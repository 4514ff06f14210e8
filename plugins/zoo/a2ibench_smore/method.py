"""SMORE as a method of the harness."""

from __future__ import annotations

from typing import ClassVar

from a2ibench import InputError, SliceNetwork, setting
from a2ibench_smore.network import SMORENet

SIZES = {
    "rcan": {
        "tiny": {"channels": 14, "groups": 2, "blocks": 1},
        "small": {"channels": 24, "groups": 2, "blocks": 3},
        "full": {"channels": 64, "groups": 3, "blocks": 4},
        "published": {"channels": 64, "groups": 2, "blocks": 8},
    },
    "edsr": {
        "tiny": {"channels": 17, "groups": 0, "blocks": 2},
        "small": {"channels": 24, "groups": 0, "blocks": 7},
        "full": {"channels": 64, "groups": 0, "blocks": 14},
        "published": {"channels": 64, "groups": 0, "blocks": 16},
    },
}


class SMORE(SliceNetwork):
    """Synthetic multi-orientation resolution enhancement (Zhao et al., IEEE TMI 2021).

    Its training pairs are the protocol's, which comes from it. Its own are the network, EDSR at first and
    RCAN in later releases of its code, and Fourier burst accumulation: ``fusion=fourier-burst``.
    """

    learning_rate = 4e-3
    network: str = setting("rcan", "network; edsr: the paper's, without attention", choices=("rcan", "edsr"))
    variant: str = setting(
        "auto", "its shape; auto: of the size that is asked for", choices=("auto", "published")
    )
    window: int = setting(
        9, "side of the window over which RCAN's channel attention takes means; 0: no attention", low=0
    )

    align: ClassVar[int] = 1

    def build(self, size: str) -> SMORENet:
        """Return the network of a size, and make `reach` what it sees.

        Raises
        ------
        InputError
            If the window has no centre.
        """
        if self.window and self.window % 2 == 0:
            raise InputError(f"smore.window: got {self.window}; give an odd number, or 0 for no attention")
        shape = SIZES[self.network][size if self.variant == "auto" else self.variant]
        network = SMORENet(**shape, window=self.window if self.network == "rcan" else 0)
        self.reach = max(self.reach, network.reach)
        return network
