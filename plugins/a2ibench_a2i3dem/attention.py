"""Self-attention within shifted windows of a feature map."""

from __future__ import annotations

import torch
from timm.models.swin_transformer import WindowAttention
from torch.nn import functional as F

FORBIDDEN = -100.0
_FAST_MULTIPLE = 8


def partition(x: torch.Tensor, side: int) -> torch.Tensor:
    """Cut a map (batch, rows, columns, channels) into windows (windows, side * side, channels)."""
    batch, rows, columns, channels = x.shape
    x = x.view(batch, rows // side, side, columns // side, side, channels)
    return x.transpose(2, 3).reshape(-1, side * side, channels)


def merge(windows: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Undo `partition`."""
    side = round(windows.shape[1] ** 0.5)
    x = windows.view(-1, rows // side, columns // side, side, side, windows.shape[2])
    return x.transpose(2, 3).reshape(-1, rows, columns, windows.shape[2])


def shift_masks(side: int, shift: int) -> torch.Tensor:
    """Return what is added to the logits of the four kinds of window of a cyclically shifted map.

    Only windows in the last row or column hold pixels from two sides of the image, which must not see
    each other, so four masks serve images of any size.

    Returns
    -------
    torch.Tensor, shape (4, side * side, side * side)
        Kinds: 0 inside, 1 last column, 2 last row, 3 corner.
    """
    wrapped = torch.arange(side) >= side - shift
    apart = wrapped[:, None] != wrapped
    rows = apart.repeat_interleave(side, 0).repeat_interleave(side, 1)
    columns = apart.repeat(side, side)
    kinds = torch.stack([torch.zeros_like(rows), columns, rows, rows | columns])
    return FORBIDDEN * kinds.float()


def window_kinds(rows: int, columns: int, device: torch.device) -> torch.Tensor:
    """Return the kind (see `shift_masks`) of each of rows x columns windows, shape (rows * columns,)."""
    kinds = torch.zeros(rows, columns, dtype=torch.long, device=device)
    kinds[-1] += 2
    kinds[:, -1] += 1
    return kinds.flatten()


class ShiftedWindowAttention(WindowAttention):
    """Multi-head self-attention within windows, with relative position bias (Liu et al., ICCV 2021).

    timm's module with the masks built in, the bias added in the precision of the products, and the fused
    kernel wherever it is the faster one: it is slower than plain products only in training on a CPU.

    Parameters
    ----------
    channels, heads : int
        Width, and number of heads that share it.
    side : int
        Side of a window.
    shift : int
        Cyclic shift of the windows; 0 for none.
    """

    def __init__(self, channels: int, heads: int, side: int, shift: int) -> None:
        super().__init__(channels, heads, window_size=side)
        self.side, self.shift = side, shift
        if shift:
            self.register_buffer("masks", shift_masks(side, shift), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the attended map, shape (batch, rows, columns, channels); sides are multiples of `side`."""
        rows, columns = x.shape[1:3]
        if self.shift:
            x = x.roll((-self.shift, -self.shift), (1, 2))
        windows = partition(x, self.side)
        qkv = self.qkv(windows).view(*windows.shape[:2], 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        bias = self.bias(rows // self.side, columns // self.side).to(q.dtype)
        fused = q.is_cuda or not torch.is_grad_enabled()
        attended = self._fused(q, k, v, bias) if fused else self._plain(q, k, v, bias)
        x = merge(self.proj(attended.transpose(1, 2).flatten(2)), rows, columns)
        return x.roll((self.shift, self.shift), (1, 2)) if self.shift else x

    def bias(self, rows: int, columns: int) -> torch.Tensor:
        """Return what is added to the logits, shape (1 or windows, heads, side * side, side * side)."""
        area = self.side * self.side
        table = self.relative_position_bias_table[self.relative_position_index.flatten()]
        bias: torch.Tensor = table.view(area, area, self.num_heads).permute(2, 0, 1)[None]
        if not self.shift:
            return bias
        kinds = window_kinds(rows, columns, bias.device)
        return (bias + self.masks[:, None]).index_select(0, kinds)

    def _plain(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        logits = (q * self.scale) @ k.transpose(-2, -1)
        logits = (logits.view(-1, *bias.shape) + bias).view(logits.shape)
        return logits.softmax(-1) @ v

    def _fused(self, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        width = q.shape[-1]
        if width % _FAST_MULTIPLE:
            # Zeros change no product, and without them GPUs fall back to a kernel that stores all logits.
            q, k, v = (F.pad(t, (0, -width % _FAST_MULTIPLE)) for t in (q, k, v))
        # Windows of one image become heads, so that one bias serves all images of the batch.
        group = (-1, bias.shape[0] * bias.shape[1], q.shape[2], q.shape[3])
        attended = F.scaled_dot_product_attention(
            q.reshape(group),
            k.reshape(group),
            v.reshape(group),
            attn_mask=bias.reshape(1, *group[1:3], -1),
            scale=self.scale,
        )
        return attended.reshape(q.shape)[..., :width]
