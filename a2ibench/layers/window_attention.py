"""Self-attention within shifted windows of a feature map, computed in the way that suits the device."""

from __future__ import annotations

import torch
from timm.models.swin_transformer import WindowAttention
from torch.nn import functional as F

_FAST_MULTIPLE = 8


def window_attention(
    qkv: torch.Tensor, bias: torch.Tensor, kinds: torch.Tensor, heads: int, scale: float
) -> torch.Tensor:
    """Return softmax(scale * q k + bias) v of every head of every window.

    Parameters
    ----------
    qkv : torch.Tensor, shape (windows, tokens, 3 * heads * width)
        Queries, keys and values.
    bias : torch.Tensor, shape (kinds, heads, tokens, tokens)
        What is added to the logits of each kind of window.
    kinds : torch.Tensor of int64, shape (n,)
        The kind of n consecutive windows, those of one image; the same for every image.
    heads : int
        Number of heads.
    scale : float
        Factor of the products of queries and keys.

    Returns
    -------
    torch.Tensor, shape (windows, tokens, heads * width)
        In the dtype of `qkv`.
    """
    # On CPUs the fused kernel works on one window at a time, with products too small to be fast.
    attend = _fused if qkv.is_cuda else _plain
    return attend(qkv, bias, kinds, heads, scale)


def _fused(
    qkv: torch.Tensor, bias: torch.Tensor, kinds: torch.Tensor, heads: int, scale: float
) -> torch.Tensor:
    windows, tokens = qkv.shape[:2]
    q, k, v = _split(qkv, heads)
    width = q.shape[-1]
    if width % _FAST_MULTIPLE:
        # Zeros change no product, and without them GPUs fall back to a kernel that stores all logits.
        q, k, v = (F.pad(t, (0, -width % _FAST_MULTIPLE)) for t in (q, k, v))
    # Windows of one image become heads, so that one bias serves all images of the batch.
    each = _each(bias, kinds, q.dtype)
    group = (-1, len(each) * heads, tokens, q.shape[-1])
    attended = F.scaled_dot_product_attention(
        q.reshape(group),
        k.reshape(group),
        v.reshape(group),
        attn_mask=each.reshape(1, -1, tokens, tokens),
        scale=scale,
    )
    return attended.reshape(windows, heads, tokens, -1)[..., :width].transpose(1, 2).flatten(2)


def _plain(
    qkv: torch.Tensor, bias: torch.Tensor, kinds: torch.Tensor, heads: int, scale: float
) -> torch.Tensor:
    q, k, v = _split(qkv, heads)
    each = _each(bias, kinds, qkv.dtype)
    logits = (q * scale) @ k.transpose(-2, -1)
    logits = (logits.view(-1, *each.shape) + each).view(logits.shape)
    return (logits.softmax(-1) @ v).transpose(1, 2).flatten(2)


def _split(qkv: torch.Tensor, heads: int) -> tuple[torch.Tensor, ...]:
    """Return queries, keys and values, each (windows, heads, tokens, width)."""
    return qkv.view(*qkv.shape[:2], 3, heads, -1).permute(2, 0, 3, 1, 4).unbind(0)


def _each(bias: torch.Tensor, kinds: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Return the bias of every window of an image in the precision of the products."""
    bias = bias.to(dtype)
    return bias if len(bias) == 1 else bias.index_select(0, kinds)


FORBIDDEN = -100.0


def pad_to_multiple(image: torch.Tensor, multiple: int) -> torch.Tensor:
    """Extend (batch, channel, rows, columns) below and to the right to multiples, by reflection if it can."""
    for axis, padding in ((3, (0, 1, 0, 0)), (2, (0, 0, 0, 1))):
        extra = -image.shape[axis] % multiple
        if extra:
            mode = "reflect" if extra < image.shape[axis] else "replicate"
            image = F.pad(image, [extra * p for p in padding], mode)
    return image


def to_map(image: torch.Tensor) -> torch.Tensor:
    """Return (batch, rows, columns, channels) of an image (batch, channels, rows, columns)."""
    return image.permute(0, 2, 3, 1).contiguous()


def to_image(tokens: torch.Tensor) -> torch.Tensor:
    """Undo `to_map`, without a copy: the result is in channels-last memory order."""
    return tokens.permute(0, 3, 1, 2)


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
