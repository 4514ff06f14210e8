"""The network of A2I-3DEM."""

from __future__ import annotations

import torch
from torch import nn

from a2ibench import pad_to_multiple
from a2ibench_a2i3dem.blocks import BlockOptions, Stage


class A2INet(nn.Module):
    """U-shape of transformer blocks (Khateri et al., II-B), output of the input's size.

    Level k of K has 2^(k-1) C channels at 2^-(k-1) of the size; the last is the bottleneck.

    Parameters
    ----------
    channels : int
        Width C of the low-level features.
    levels : int
        Number K of levels, the bottleneck included.
    depth : int
        Blocks of every encoder, decoder and the bottleneck.
    options : BlockOptions
        Shape of the blocks.
    convolutions : int
        3x3 convolutions that extract low-level features, and as many that project features to the image.
    residual : bool
        Whether the network predicts a correction of its input.
    """

    def __init__(
        self,
        channels: int,
        levels: int,
        depth: int,
        options: BlockOptions,
        *,
        convolutions: int = 2,
        residual: bool = True,
    ) -> None:
        super().__init__()
        self.period = options.window * 2 ** (levels - 1)
        self.residual = residual
        inner = [_convolution(channels, channels) for _ in range(convolutions - 1)]
        outer = [_convolution(channels, channels) for _ in range(convolutions - 1)]
        self.features = _chain(_convolution(1, channels), *inner)
        widths = [channels * 2**k for k in range(levels)]
        self.encoders = nn.ModuleList(Stage(w, depth, options) for w in widths[:-1])
        self.reduce = nn.ModuleList(nn.Conv2d(w, 2 * w, 4, stride=2, padding=1) for w in widths[:-1])
        self.bottleneck = Stage(widths[-1], depth, options)
        self.enlarge = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths[:-1])
        self.join = nn.ModuleList(nn.Conv2d(2 * w, w, 1) for w in widths[:-1])
        self.decoders = nn.ModuleList(Stage(w, depth, options, first=depth) for w in widths[:-1])
        last = _convolution(channels, 1)
        self.project = _chain(*outer, last)
        if residual:
            # Training starts from the interpolated image itself.
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the restored images, shape (batch, 1, rows, columns) as given."""
        rows, columns = image.shape[2:]
        low = self.features(pad_to_multiple(image, self.period))
        x, skips = low, []
        for encode, reduce in zip(self.encoders, self.reduce, strict=True):
            x = encode(x)
            skips.append(x)
            x = reduce(x)
        x = self.bottleneck(x)
        for k in reversed(range(len(skips))):
            x = self.join[k](torch.cat([self.enlarge[k](x), skips[k]], 1))
            x = self.decoders[k](x)
        out: torch.Tensor = self.project(x + low)[..., :rows, :columns]
        return image + out if self.residual else out


def _convolution(channels_in: int, channels_out: int) -> nn.Conv2d:
    return nn.Conv2d(channels_in, channels_out, 3, padding=1)


def _chain(*convolutions: nn.Conv2d) -> nn.Sequential:
    layers: list[nn.Module] = []
    for convolution in convolutions:
        layers += [convolution, nn.GELU()]
    return nn.Sequential(*layers[:-1])
