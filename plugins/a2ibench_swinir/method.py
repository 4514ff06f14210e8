"""SwinIR as a method of the harness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from a2ibench import InputError, SliceNetwork, setting
from a2ibench_swinir.network import SwinIRNet

SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"channels": 16, "depths": (2,), "heads": 2},
    "small": {"channels": 32, "depths": (2, 2), "heads": 2},
    "full": {"channels": 60, "depths": (6,) * 4, "heads": 6},
    "published": {"channels": 180, "depths": (6,) * 6, "heads": 6},
}


class SwinIR(SliceNetwork):
    """Image restoration with shifted-window transformers (Liang et al., ICCVW 2021).

    The variant without up-sampling: the protocol interpolates first. Size ``full`` is the published light
    network, ``published`` the classical one. Published and not taken over: learning rate 2e-4 with steps,
    batch 8, patch 128, a weight average of decay .999 (all of these are the harness's).
    """

    learning_rate = 4e-3
    variant: str = setting("auto", "network; auto: of the size that is asked for", choices=("auto", *SIZES))
    window: int = setting(8, "side of the attention windows", unit="voxels", low=2, high=64)
    mlp_ratio: float = setting(2.0, "hidden over outer width of the perceptrons", low=0.1)
    drop_path: float = setting(
        0.0, "probability of skipping the last block in training; published: 0.1", low=0, high=0.9
    )
    charbonnier: float = setting(
        1e-9, "constant under the root of the Charbonnier loss; 0: mean absolute error", low=0
    )
    weights: str = setting("", "safetensors file of published weights to start from; needs contrast=0")

    def __init__(self, **values: bool | int | float | str) -> None:
        super().__init__(**values)
        self._loading = False

    def build(self, size: str) -> nn.Module:
        """Return the network of a size, with published weights if asked for.

        Raises
        ------
        InputError
            If the file of published weights cannot be read, fits another network, or another contrast.
        """
        shape = SIZES[size if self.variant == "auto" else self.variant]
        network = SwinIRNet(**shape, window=self.window, mlp_ratio=self.mlp_ratio, drop_path=self.drop_path)
        self.align = self.window
        if self.weights and not self._loading:
            if self.contrast != 0:
                raise InputError(
                    f"swinir.weights: published weights expect intensities in [0, 1], contrast is "
                    f"{self.contrast:g}; add --set swinir.contrast=0"
                )
            network.load_published(_read(Path(self.weights)))
        return network

    def loss(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the Charbonnier loss."""
        if self.charbonnier == 0:
            return F.l1_loss(prediction, target)
        return ((prediction - target).square() + self.charbonnier).sqrt().mean()

    def load(self, path: Path) -> None:
        """Read what `save` wrote; published weights it started from are not needed."""
        self._loading = True
        try:
            super().load(path)
        finally:
            self._loading = False


def _read(path: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"swinir.weights: {path}: cannot be read as safetensors ({error}); "
            "convert the published state dict (its entry params)"
        ) from error
