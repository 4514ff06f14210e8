"""The blocks of uformer against their description."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from a2ibench_uformer.method import Uformer
from a2ibench_uformer.network import LeWinBlock
from a2ibench_uformer.sight import sight


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("variant", "channels", "modulators", "millions"),
    # The paper counts T and S without modulators, which the published code gives to all.
    [
        ("published-T", 16, False, 5.23),
        ("published-S", 32, False, 20.63),
        ("published", 32, True, 50.88),
    ],
)
def test_published_networks_have_the_published_parameters(
    variant: str, channels: int, modulators: bool, millions: float
) -> None:
    method = Uformer(variant=variant, modulators=modulators)
    with torch.device("meta"):
        network = method.build("tiny")
    # Two more input and output channels, those of colours.
    colours = 2 * 9 * channels + 2 * (9 * 2 * channels + 1)
    assert round((count(network) + colours) / 1e6, 2) == millions


def textbook(block: LeWinBlock, x: torch.Tensor, heads: int) -> torch.Tensor:
    """Attend pixel by pixel to the other pixels of the same window."""
    rows, columns, channels = x.shape
    side, shift, width = block.window, block.shift, channels // heads
    attention = block.attention
    out = torch.zeros_like(x)

    def window(i: int, j: int) -> tuple[int, int]:
        return (i - shift) // side, (j - shift) // side

    def place(i: int, j: int) -> tuple[int, int]:
        return (i - shift) % side, (j - shift) % side

    modulator = torch.zeros(side, side, channels) if block.modulator is None else block.modulator
    pixels = list(product(range(rows), range(columns)))
    qkv = {p: attention.qkv(x[p] + modulator[place(*p)]).view(3, heads, width) for p in pixels}
    for p in pixels:
        others = [q for q in pixels if window(*q) == window(*p)]
        steps = [tuple(a - b for a, b in zip(place(*p), place(*q), strict=True)) for q in others]
        for head in range(heads):
            logits = torch.stack([qkv[p][0, head] @ qkv[q][1, head] for q in others]) / width**0.5
            table = attention.relative_position_bias_table.view(2 * side - 1, 2 * side - 1, heads)
            logits = logits + torch.stack([table[a + side - 1, b + side - 1, head] for a, b in steps])
            values = torch.stack([qkv[q][2, head] for q in others])
            out[p][head * width : (head + 1) * width] = logits.softmax(0) @ values
    return attention.proj(out)


@pytest.mark.parametrize("shift", [0, 2])
@pytest.mark.parametrize("modulated", [False, True])
def test_attention_is_that_of_a_loop_over_pixels(shift: int, modulated: bool) -> None:
    block = LeWinBlock(4, 2, 4, shift, 2.0, modulated=modulated).double()
    for p in block.parameters():
        nn.init.normal_(p, std=0.5)
    x = torch.rand(1, 8, 12, 4).double()
    with torch.inference_mode():
        torch.testing.assert_close(block._attended(x)[0], textbook(block, x[0], 2))


def test_the_perceptron_has_a_convolution_for_each_channel() -> None:
    perceptron = LeWinBlock(3, 1, 4, 0, 2.0, modulated=False).perceptron
    x = torch.rand(2, 5, 6, 3)
    hidden = F.gelu(perceptron.linear1(x)).permute(0, 3, 1, 2)
    layer = perceptron.depthwise
    assert layer.bias is not None
    each = [
        F.conv2d(hidden[:, n : n + 1], layer.weight[n : n + 1], layer.bias[n : n + 1], padding=1)
        for n in range(hidden.shape[1])
    ]
    expected = perceptron.linear2(F.gelu(torch.cat(each, 1)).permute(0, 2, 3, 1))
    torch.testing.assert_close(perceptron(x), expected)


@pytest.mark.parametrize(
    ("depths", "expected"),
    [
        # A pixel of a pair, the pair's own neighbour in the strided convolution, and two convolutions.
        ((0, 0, 0), 4),
        # A window of 8 from its last pixel is 7, and three convolutions are one each.
        ((1,), 10),
        # The pixel beside a shifted window is in the middle of another, 3 from its end: 7 + 3, and four
        # convolutions.
        ((2,), 14),
    ],
)
def test_sight_of_the_smallest_networks(depths: tuple[int, ...], expected: int) -> None:
    assert sight(depths, 8) == expected


def test_loss_is_charbonnier() -> None:
    prediction, target = torch.rand(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    expected = ((prediction - target).double().square() + 0.01).sqrt().mean()
    assert float(Uformer(charbonnier=0.01).loss(prediction, target)) == pytest.approx(
        float(expected), rel=1e-5
    )


def test_the_optimizer_is_the_settings() -> None:
    method = Uformer(learning_rate=3e-3, beta2=0.9, weight_decay=0.25)
    (group,) = method.optimizer(nn.Linear(1, 1).parameters()).param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (3e-3, (0.9, 0.9), 0.25)


def test_published_networks_keep_any_size() -> None:
    with torch.device("meta"):
        assert Uformer(variant="published-T").build("tiny")(torch.rand(1, 1, 50, 33)).shape == (1, 1, 50, 33)
