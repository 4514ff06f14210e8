"""The network of A2I-3DEM: a U of transformer blocks."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from a2ibench import ShiftedWindowAttention, pad_to_multiple, to_image, to_map


@dataclass(frozen=True)
class BlockOptions:
    """What all blocks of a network share.

    Parameters
    ----------
    window : int
        Side of the attention windows.
    head_width : int
        Channels of an attention head.
    expansion : float
        Hidden over outer width of the gated feed-forward network.
    local, gate : str
        Its form: see `GLEN`.
    shift : bool
        Whether every second block shifts its windows by half their side.
    attention_residual : bool
        Whether the attention is on a residual path.
    """

    window: int = 8
    head_width: int = 16
    expansion: float = 2.0
    local: str = "both"
    gate: str = "gelu"
    shift: bool = True
    attention_residual: bool = True


class GLEN(nn.Module):
    """Gated locally-enhanced feed-forward network: W3 (act(D1 W1 x) * D2 W2 x).

    W are linear per pixel, D depth-wise 3x3 convolutions: local context, and the element-wise product of two
    parallel paths of linear layers. The paper draws the form in its figure 3 and describes it in these
    words, which are those of the feed-forward network of Restormer (Zamir et al., CVPR 2022); so is the form.

    Parameters
    ----------
    channels : int
        Outer width.
    expansion : float
        Hidden over outer width, of each path.
    local : str
        ``"both"``, or ``"gate"`` to leave out D2.
    gate : str
        ``"gelu"``, or ``"none"`` to leave out the activation.
    """

    def __init__(self, channels: int, expansion: float, local: str, gate: str) -> None:
        super().__init__()
        hidden = round(channels * expansion)
        self.expand = nn.Linear(channels, 2 * hidden)
        local_width = 2 * hidden if local == "both" else hidden
        self.local = nn.Conv2d(local_width, local_width, 3, padding=1, groups=local_width)
        self.project = nn.Linear(hidden, channels)
        self.activation = nn.GELU() if gate == "gelu" else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a map of the same shape (batch, rows, columns, channels)."""
        # Both paths share one linear layer, and one convolution, which is faster than two of each.
        paths = self.expand(x)
        if self.local.in_channels == paths.shape[-1]:
            gate, value = to_map(self.local(to_image(paths))).chunk(2, -1)
        else:
            gate, value = paths.chunk(2, -1)
            gate = to_map(self.local(to_image(gate)))
        out: torch.Tensor = self.project(self.activation(gate) * value)
        return out


class Block(nn.Module):
    """Transformer block: X' = W-MSA(LN(X)) [+ X], X'' = GLEN(LN(X')) + X' (equation 2)."""

    def __init__(self, channels: int, shift: int, options: BlockOptions) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attention = ShiftedWindowAttention(
            channels, channels // options.head_width, options.window, shift
        )
        self.norm2 = nn.LayerNorm(channels)
        self.glen = GLEN(channels, options.expansion, options.local, options.gate)
        self.attention_residual = options.attention_residual

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return a map of the same shape (batch, rows, columns, channels)."""
        attended = self.attention(self.norm1(x))
        x = x + attended if self.attention_residual else attended
        return x + self.glen(self.norm2(x))


class Stage(nn.Module):
    """Some blocks of one level, in sequence, every second one with shifted windows.

    Parameters
    ----------
    channels : int
        Width.
    depth : int
        Number of blocks.
    options : BlockOptions
        Their shape.
    first : int
        Blocks of this level before these, so that shifts alternate across the U.
    """

    def __init__(self, channels: int, depth: int, options: BlockOptions, first: int = 0) -> None:
        super().__init__()
        half = options.window // 2 if options.shift else 0
        shifts = (half * (i % 2) for i in range(first, first + depth))
        self.blocks = nn.Sequential(*(Block(channels, s, options) for s in shifts))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return an image of the same shape (batch, channels, rows, columns)."""
        return to_image(self.blocks(to_map(image)))


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
