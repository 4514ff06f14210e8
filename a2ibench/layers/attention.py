"""Biased attention within many small windows: one result, computed in the way that suits the device."""

from __future__ import annotations

import torch
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
