from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from a2ibench import ShiftedWindowAttention, pad_to_multiple, to_image, to_map
from a2ibench.layers import window_attention as ways
from a2ibench.layers.window_attention import merge, partition, shift_masks


def randomised(network: nn.Module, scale: float) -> nn.Module:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(scale * torch.randn(p.shape, generator=generator))
    return network


def test_windows_are_put_back_where_they_were() -> None:
    x = torch.rand(2, 12, 20, 3)
    windows = partition(x, 4)
    assert windows.shape == (30, 16, 3)
    assert torch.equal(windows[1].view(4, 4, 3), x[0, :4, 4:8])
    assert torch.equal(merge(windows, 12, 20), x)


def explicit_attention(attention: ShiftedWindowAttention, x: torch.Tensor) -> torch.Tensor:
    """Softmax over the pixels of one's own region, pixel by pixel.

    Regions are the cells of a lattice with spacing `side` that is moved by `shift`, cut off by the border of
    the image: what a cyclic shift joins from two sides stays apart.
    """
    side, shift, heads = attention.side, attention.shift, attention.num_heads
    _, rows, columns, channels = x.shape
    qkv = nn.functional.linear(x, attention.qkv.weight, attention.qkv.bias)
    q, k, v = qkv.view(len(x), rows * columns, 3, heads, channels // heads).unbind(2)
    r, c = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    r, c = r.flatten(), c.flatten()
    region = torch.stack(
        [(r - shift).div(side, rounding_mode="floor"), (c - shift).div(side, rounding_mode="floor")]
    )
    out = torch.zeros_like(q)
    for i in range(rows * columns):
        seen = (region == region[:, i : i + 1]).all(0).nonzero()[:, 0]
        offset = (r[i] - r[seen] + side - 1) * (2 * side - 1) + c[i] - c[seen] + side - 1
        logits = torch.einsum("bhd,bjhd->bjh", q[:, i], k[:, seen]) / (channels // heads) ** 0.5
        weights = (logits + attention.relative_position_bias_table[offset]).softmax(1)
        out[:, i] = torch.einsum("bjh,bjhd->bhd", weights, v[:, seen])
    return attention.proj(out.reshape(x.shape))


@pytest.mark.parametrize("shift", [0, 2, 1])
@pytest.mark.parametrize("rows_columns", [(12, 8), (4, 8), (4, 4)])
@pytest.mark.parametrize("training", [True, False])
def test_attention_is_softmax_over_ones_own_region(
    shift: int, rows_columns: tuple[int, int], training: bool
) -> None:
    attention = randomised(ShiftedWindowAttention(12, 2, side=4, shift=shift), 0.5)
    x = torch.randn(2, *rows_columns, 12)
    with torch.set_grad_enabled(training):
        found = attention(x)
    torch.testing.assert_close(found, explicit_attention(attention, x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("channels", "heads", "shift"), [(12, 2, 2), (16, 1, 0), (20, 2, 1)])
def test_the_way_for_gpus_gives_the_same(channels: int, heads: int, shift: int) -> None:
    attention = randomised(ShiftedWindowAttention(channels, heads, 4, shift), 0.5)
    qkv = torch.randn(2 * 6, 16, 3 * channels, requires_grad=True)
    kinds = attention._kinds(2, 3, qkv.device)
    results = []
    for way in (ways._plain, ways._fused):
        out = way(qkv, attention.bias(), kinds, heads, attention.scale)
        results.append((out, *torch.autograd.grad(out.square().sum(), [qkv, *attention.parameters()][:2])))
    for plain, fused in zip(*results, strict=True):
        torch.testing.assert_close(fused, plain, atol=1e-5, rtol=1e-4)


def test_masks_part_what_a_cyclic_shift_joins() -> None:
    masks = shift_masks(4, 1)
    assert masks.shape == (4, 16, 16)
    assert not masks[0].any()
    # The last column of a window in the last column comes from the other side of the image.
    last = torch.arange(16) % 4 == 3
    assert ((masks[1] != 0) == (last[:, None] != last)).all()
    assert ((masks[3] != 0) == ((masks[1] != 0) | (masks[2] != 0))).all()


@given(st.integers(1, 19), st.integers(1, 19), st.integers(1, 8))
def test_padding_reaches_the_next_multiple_and_keeps_images(rows: int, columns: int, multiple: int) -> None:
    image = torch.rand(1, 2, rows, columns)
    padded = pad_to_multiple(image, multiple)
    assert torch.equal(padded[..., :rows, :columns], image)
    for before, after in zip((rows, columns), padded.shape[2:], strict=True):
        assert after % multiple == 0
        assert after - before < multiple


def test_maps_and_images_are_one_another_undone() -> None:
    image = torch.rand(2, 3, 4, 5)
    assert torch.equal(to_image(to_map(image)), image)
    assert to_image(to_map(image)).is_contiguous(memory_format=torch.channels_last)
