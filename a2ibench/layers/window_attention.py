"""Self-attention within shifted windows of a feature map."""

from __future__ import annotations

import torch
from timm.models.swin_transformer import WindowAttention

from a2ibench.layers.attention import window_attention
from a2ibench.layers.windows import merge, partition, shift_masks, window_kinds


class ShiftedWindowAttention(WindowAttention):
    """Multi-head self-attention within windows, with relative position bias (Liu et al., ICCV 2021).

    Parameters and their names are those of timm's module, which are those of the published checkpoints.

    Parameters
    ----------
    channels, heads : int
        Width, and number of heads that share it.
    side : int
        Side of a window.
    shift : int
        Cyclic shift of the windows; 0 for none.
    """

    masks: torch.Tensor
    relative_position_index: torch.Tensor

    def __init__(self, channels: int, heads: int, side: int, shift: int) -> None:
        super().__init__(channels, heads, window_size=side)
        self.side, self.shift = side, shift
        masks = shift_masks(side, shift) if shift else torch.zeros(1, side**2, side**2)
        self.register_buffer("masks", masks, persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        """Return the attended map, shape (batch, rows, columns, channels); sides are multiples of `side`."""
        rows, columns = x.shape[1:3]
        if self.shift:
            x = x.roll((-self.shift, -self.shift), (1, 2))
        qkv = self.qkv(partition(x, self.side))
        kinds = self._kinds(rows // self.side, columns // self.side, x.device)
        attended = window_attention(qkv, self.bias(), kinds, self.num_heads, self.scale)
        x = merge(self.proj(attended), rows, columns)
        return x.roll((self.shift, self.shift), (1, 2)) if self.shift else x

    def bias(self) -> torch.Tensor:
        """Return what is added to the logits of each kind of window, (kinds, heads, side^2, side^2)."""
        area = self.side * self.side
        table = self.relative_position_bias_table[self.relative_position_index.flatten()]
        bias: torch.Tensor = table.view(area, area, self.num_heads).permute(2, 0, 1)
        return bias + self.masks[:, None]

    def _kinds(self, rows: int, columns: int, device: torch.device) -> torch.Tensor:
        if self.shift:
            return window_kinds(rows, columns, device)
        return torch.zeros(1, dtype=torch.long, device=device)
