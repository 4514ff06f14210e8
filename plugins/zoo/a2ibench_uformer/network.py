"""The network of Uformer: a U of windowed transformer blocks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from a2ibench import ShiftedWindowAttention, pad_to_multiple, to_image, to_map


class LocalPerceptron(nn.Module):
    """Two-layer perceptron with a depth-wise 3x3 convolution in the middle (LeFF).

    Parameters
    ----------
    channels, hidden : int
        Outer and inner width.
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(channels, hidden)
        self.depthwise = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)
        self.linear2 = nn.Linear(hidden, channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a map of the same shape (batch, rows, columns, channels)."""
        hidden = to_image(F.gelu(self.linear1(x)))
        restored: torch.Tensor = self.linear2(to_map(F.gelu(self.depthwise(hidden))))
        return restored


class LeWinBlock(nn.Module):
    """Attention within windows, then `LocalPerceptron`, each on a residual path.

    Parameters
    ----------
    channels, heads : int
        Width, and heads that share it.
    window, shift : int
        Side of the windows, and what they are shifted by.
    ratio : float
        Hidden over outer width of the perceptron.
    modulated : bool
        Whether a value for each place in a window and each channel is added to what is attended to.
    """

    def __init__(
        self, channels: int, heads: int, window: int, shift: int, ratio: float, *, modulated: bool
    ) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.modulator = nn.Parameter(torch.randn(window, window, channels)) if modulated else None
        self.norm1 = nn.LayerNorm(channels)
        self.attention = ShiftedWindowAttention(channels, heads, window, shift)
        self.norm2 = nn.LayerNorm(channels)
        self.perceptron = LocalPerceptron(channels, int(channels * ratio))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a map of the same shape (batch, rows, columns, channels), of any size."""
        x = x + self._attended(self.norm1(x))
        return x + self.perceptron(self.norm2(x))

    def _attended(self, x: torch.Tensor) -> torch.Tensor:
        rows, columns = x.shape[1:3]
        if rows % self.window or columns % self.window:
            x = to_map(pad_to_multiple(to_image(x), self.window))
        if self.modulator is not None:
            high, wide = (n // self.window for n in x.shape[1:3])
            places = self.modulator.roll((self.shift, self.shift), (0, 1)).to(x.dtype)
            x = x + places.repeat(high, wide, 1)
        attended: torch.Tensor = self.attention(x)[:, :rows, :columns]
        return attended


def _stage(
    blocks: int, channels: int, heads: int, window: int, ratio: float, *, modulated: bool
) -> nn.Module:
    return nn.Sequential(
        *(
            LeWinBlock(channels, heads, window, window // 2 * (i % 2), ratio, modulated=modulated)
            for i in range(blocks)
        )
    )


class UformerNet(nn.Module):
    """Predict a correction of an image by a U of `LeWinBlock` (Wang et al., CVPR 2022).

    It begins as the identity, which the published one does not.

    Parameters
    ----------
    channels : int
        Width at full resolution; each level below has twice as many, and decoders twice those of encoders.
    depths : sequence of int
        Blocks of the encoders, of the middle, and of the decoders, in the order of the computation.
    head : int
        Channels of an attention head.
    window : int
        Side of the attention windows.
    ratio : float
        Hidden over outer width of the perceptrons.
    modulators : bool
        Whether the blocks of decoders have modulators.
    """

    def __init__(
        self,
        channels: int,
        depths: Sequence[int],
        *,
        head: int,
        window: int = 8,
        ratio: float = 4.0,
        modulators: bool = True,
    ) -> None:
        super().__init__()
        levels = len(depths) // 2
        self.depths, self.window, self.levels = tuple(depths), window, levels
        widths = [channels * 2**level for level in range(levels + 1)]
        self.first = nn.Conv2d(1, channels, 3, padding=1)
        self.encoders = nn.ModuleList(
            _stage(blocks, width, width // head, window, ratio, modulated=False)
            for blocks, width in zip(depths, widths[:-1], strict=False)
        )
        self.downs = nn.ModuleList(nn.Conv2d(n, 2 * n, 4, 2, padding=1) for n in widths[:-1])
        self.middle = _stage(depths[levels], widths[-1], widths[-1] // head, window, ratio, modulated=False)
        # What comes from below is as wide as the middle, or as the decoder there, which is twice its encoder.
        below = [widths[-1], *(2 * n for n in widths[-2:0:-1])]
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(n_in, n, 2, 2) for n_in, n in zip(below, widths[-2::-1], strict=True)
        )
        self.decoders = nn.ModuleList(
            _stage(blocks, 2 * n, 2 * n // head, window, ratio, modulated=modulators)
            for blocks, n in zip(depths[levels + 1 :], widths[-2::-1], strict=True)
        )
        self.last = nn.Conv2d(2 * channels, 1, 3, padding=1)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the restored image, shape (batch, 1, rows, columns) of any size."""
        rows, columns = image.shape[-2:]
        features = F.leaky_relu(self.first(pad_to_multiple(image, 2**self.levels)))
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            features = to_image(encoder(to_map(features)))
            skips.append(features)
            features = down(features)
        features = to_image(self.middle(to_map(features)))
        for up, decoder in zip(self.ups, self.decoders, strict=True):
            features = to_image(decoder(to_map(torch.cat([up(features), skips.pop()], dim=1))))
        return image + self.last(features)[..., :rows, :columns]
