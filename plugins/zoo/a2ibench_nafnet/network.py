"""The network of NAFNet, without activation functions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from a2ibench import pad_to_multiple


class LayerNorm2d(nn.LayerNorm):
    """Layer normalisation over the channels of every pixel of an image."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the normalised image, shape (batch, channels, rows, columns)."""
        # Channels come last in memory, so neither way is a copy.
        return super().forward(image.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def gate(features: torch.Tensor) -> torch.Tensor:
    """Return the product of the two halves of the channels."""
    first, second = features.chunk(2, dim=1)
    return first * second


class LocalMean(nn.Module):
    """Mean of the square of pixels around each pixel, as far as it lies in the image.

    Parameters
    ----------
    reach : int
        Pixels of the square on either side.
    """

    def __init__(self, reach: int) -> None:
        super().__init__()
        self.reach = reach

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return the means, of the shape of the features."""
        side, rows, columns = 2 * self.reach + 1, (self.reach, 0), (0, self.reach)
        # Two passes of a row and a column are less work than a square.
        means = F.avg_pool2d(features, (side, 1), 1, rows, count_include_pad=False)
        return F.avg_pool2d(means, (1, side), 1, columns, count_include_pad=False)


def _mean(window: int) -> nn.Module:
    return LocalMean(window // 2) if window > 0 else nn.AdaptiveAvgPool2d(1)


def _times(factors: torch.Tensor, layer: nn.Conv2d, x: torch.Tensor) -> torch.Tensor:
    """Return what a layer makes of features, its channels times factors."""
    # Weights are fewer than features, and the product would leave bf16.
    bias: torch.Tensor = layer.bias  # type: ignore[assignment]
    return F.conv2d(x, layer.weight * factors[:, None, None, None], bias * factors)


class NAFBlock(nn.Module):
    """Depth-wise convolution and gate, then a gated perceptron, each on a residual path that begins at zero.

    Parameters
    ----------
    channels : int
        Width.
    window : int or None
        Side of the square whose mean scales the channels; 0: of the whole image, None: no scale.
    """

    def __init__(self, channels: int, window: int | None) -> None:
        super().__init__()
        self.norm1 = LayerNorm2d(channels, eps=1e-6)
        self.conv1 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv2 = nn.Conv2d(2 * channels, 2 * channels, 3, padding=1, groups=2 * channels)
        self.scale = (
            None if window is None else nn.Sequential(_mean(window), nn.Conv2d(channels, channels, 1))
        )
        self.conv3 = nn.Conv2d(channels, channels, 1)
        self.norm2 = LayerNorm2d(channels, eps=1e-6)
        self.conv4 = nn.Conv2d(channels, 2 * channels, 1)
        self.conv5 = nn.Conv2d(channels, channels, 1)
        self.beta = nn.Parameter(torch.zeros(channels))
        self.gamma = nn.Parameter(torch.zeros(channels))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape."""
        x = gate(self.conv2(self.conv1(self.norm1(features))))
        if self.scale is not None:
            x = x * self.scale(x)
        features = features + _times(self.beta, self.conv3, x)
        return features + _times(self.gamma, self.conv5, gate(self.conv4(self.norm2(features))))


class NAFNet(nn.Module):
    """U-Net of `NAFBlock`, its features added and not joined (Chen et al., ECCV 2022).

    It begins as the identity, which the published one does not.

    Parameters
    ----------
    width : int
        Channels at full resolution; each level below has twice as many.
    encoder, decoder : sequence of int
        Blocks of each level, in the order of the computation.
    middle : int
        Blocks at the lowest resolution.
    window : int or None
        Side in pixels of the image of the square whose mean scales the channels; 0: the whole image, None:
        no scale.
    """

    def __init__(
        self,
        width: int = 32,
        *,
        encoder: Sequence[int] = (1, 1),
        middle: int = 2,
        decoder: Sequence[int] = (1, 1),
        window: int | None = 0,
    ) -> None:
        super().__init__()
        self.blocks = (*encoder, middle, *decoder)
        self.period, self.window = 2 ** len(encoder), window
        widths = [width * 2**level for level in range(len(encoder) + 1)]

        def stage(blocks: int, level: int) -> nn.Sequential:
            # A window that rounds to nothing is one of a pixel, not of all.
            own = max(1, window >> level) if window else window
            return nn.Sequential(*(NAFBlock(widths[level], own) for _ in range(blocks)))

        self.intro = nn.Conv2d(1, width, 3, padding=1)
        self.encoders = nn.ModuleList(stage(n, level) for level, n in enumerate(encoder))
        self.downs = nn.ModuleList(nn.Conv2d(n, 2 * n, 2, 2) for n in widths[:-1])
        self.middle = stage(middle, len(encoder))
        self.ups = nn.ModuleList(nn.Conv2d(2 * n, 4 * n, 1, bias=False) for n in widths[-2::-1])
        self.decoders = nn.ModuleList(stage(n, len(encoder) - 1 - i) for i, n in enumerate(decoder))
        self.ending = nn.Conv2d(width, 1, 3, padding=1)
        nn.init.zeros_(self.ending.weight)
        nn.init.zeros_(self.ending.bias)  # type: ignore[arg-type]

    @property
    def reach(self) -> int:
        """How many pixels away the network sees, leaving out means of the whole image."""
        levels = len(self.encoders)
        sees = 2 + self.period - 1
        for index, blocks in enumerate(self.blocks):
            level = levels - abs(levels - index)
            radius = max(1, self.window >> level) // 2 if self.window else 0
            sees += blocks * (1 + radius) * 2**level
        return sees

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the restored image, shape (batch, 1, rows, columns) of any size."""
        rows, columns = image.shape[-2:]
        features = self.intro(pad_to_multiple(image, self.period))
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            features = encoder(features)
            skips.append(features)
            features = down(features)
        features = self.middle(features)
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            features = decoder(F.pixel_shuffle(up(features), 2) + skips.pop())
        return image + self.ending(features)[..., :rows, :columns]
