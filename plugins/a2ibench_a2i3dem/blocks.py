"""The transformer block of A2I-3DEM and sequences of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from a2ibench import ShiftedWindowAttention, to_image, to_map


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
