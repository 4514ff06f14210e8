"""The 2D U-Net of isotropic CARE."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from a2ibench import pad_to_multiple


class Pair(nn.Sequential):
    """Two convolutions of a level, each with a ReLU.

    Parameters
    ----------
    n_in, n_middle, n_out : int
        Channels before, between and after them.
    kernel : int
        Side of their kernels, odd.
    """

    def __init__(self, n_in: int, n_middle: int, n_out: int, kernel: int) -> None:
        super().__init__(
            nn.Conv2d(n_in, n_middle, kernel, padding=kernel // 2),
            nn.ReLU(),
            nn.Conv2d(n_middle, n_out, kernel, padding=kernel // 2),
            nn.ReLU(),
        )


class IsotropicUNet(nn.Module):
    """Predict a correction of an image by a U-Net: max pooling, nearest up-sampling, features joined.

    The defaults are the published network of 922,977 parameters. It begins as the identity, which the
    published one does not.

    Parameters
    ----------
    widths : sequence of int
        Channels of each level, finest first; the last are those of the middle.
    kernel : int
        Side of all kernels but the last, odd.
    """

    def __init__(self, widths: Sequence[int] = (32, 64, 128), kernel: int = 5) -> None:
        super().__init__()
        *levels, middle = widths
        self.kernel, self.period = kernel, 2 ** len(levels)
        inputs = [1, *levels]
        self.down = nn.ModuleList(
            Pair(n_in, n, n, kernel) for n_in, n in zip(inputs[:-1], levels, strict=True)
        )
        self.middle = Pair(levels[-1], middle, levels[-1], kernel)
        # Each level ends with the width of the one that it is joined to.
        self.up = nn.ModuleList(
            Pair(2 * n, n, n_out, kernel)
            for n, n_out in zip(levels[::-1], [*levels[-2::-1], levels[0]], strict=True)
        )
        self.last = nn.Conv2d(levels[0], 1, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.last.weight)

    @property
    def reach(self) -> int:
        """How many pixels away the network sees."""
        # Two convolutions on either side of each level, two in the middle, and what pooling takes together.
        return (self.kernel - 1) * (3 * self.period - 2) + self.period - 1

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the restored image, shape (batch, 1, rows, columns) of any size."""
        rows, columns = image.shape[-2:]
        features = pad_to_multiple(image, self.period)
        skips = []
        for pair in self.down:
            features = pair(features)
            skips.append(features)
            features = F.max_pool2d(features, 2)
        features = self.middle(features)
        for pair in self.up:
            wide = F.interpolate(features, scale_factor=2, mode="nearest")
            features = pair(torch.cat([wide, skips.pop()], dim=1))
        return image + self.last(features)[..., :rows, :columns]
