"""The blocks of nafnet against their description."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from a2ibench_nafnet.method import NAFNetMethod
from a2ibench_nafnet.network import LayerNorm2d, LocalMean, NAFBlock, gate


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def normalised(x: torch.Tensor, layer: nn.LayerNorm) -> torch.Tensor:
    centred = x - x.mean(1, keepdim=True)
    scaled = centred / (centred.square().mean(1, keepdim=True) + 1e-6).sqrt()
    return scaled * layer.weight[:, None, None] + layer.bias[:, None, None]


def mixed(x: torch.Tensor, layer: nn.Conv2d) -> torch.Tensor:
    assert layer.bias is not None
    return torch.einsum("bchw,oc->bohw", x, layer.weight[:, :, 0, 0]) + layer.bias[:, None, None]


def by_channel(x: torch.Tensor, layer: nn.Conv2d) -> torch.Tensor:
    assert layer.bias is not None
    around = F.pad(x, (1, 1, 1, 1))
    rows, columns = x.shape[2:]
    out = torch.zeros_like(x)
    for i in range(3):
        for j in range(3):
            part = around[:, :, i : i + rows, j : j + columns]
            out += part * layer.weight[:, 0, i, j][:, None, None]
    return out + layer.bias[:, None, None]


@pytest.mark.parametrize(
    ("scale", "parameters"), [("global", 398_561), ("local", 398_561), ("none", 355_105)]
)
def test_the_published_network_has_its_parameters(scale: str, parameters: int) -> None:
    network = NAFNetMethod(variant="published", channel_scale=scale).build("tiny")
    # The channel scales of two blocks at each of three widths.
    without = 398_561 - sum(2 * (c * c + c) for c in (32, 64, 128))
    assert count(network) == (without if scale == "none" else 398_561) == parameters


def test_the_papers_network_for_denoising_has_its_parameters() -> None:
    with torch.device("meta"):
        network = NAFNetMethod(variant="published-SIDD", channel_scale="global").build("tiny")
    # Two more input and output channels, those of colours.
    colours = 2 * 9 * 32 + 2 * (9 * 32 + 1)
    assert round((count(network) + colours) / 1e6, 2) == 29.16


def test_the_published_network_does_the_published_work() -> None:
    method = NAFNetMethod(variant="published")
    method._network = method.build("tiny")
    assert method.macs_per_voxel() / 2 == pytest.approx(48e3, rel=0.02)


def test_normalises_the_channels_of_each_pixel() -> None:
    layer, image = LayerNorm2d(5, eps=1e-6), torch.rand(2, 5, 3, 4)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    torch.testing.assert_close(layer(image), normalised(image, layer))


def test_a_gate_multiplies_the_halves_of_the_channels() -> None:
    features = torch.rand(2, 6, 3, 4)
    expected = [features[:, n] * features[:, n + 3] for n in range(3)]
    assert torch.equal(gate(features), torch.stack(expected, 1))


@pytest.mark.parametrize("reach", [0, 1, 3])
def test_the_local_mean_is_a_pooling_of_squares(reach: int) -> None:
    features = torch.rand(2, 3, 9, 7)
    expected = F.avg_pool2d(features, 2 * reach + 1, 1, reach, count_include_pad=False)
    torch.testing.assert_close(LocalMean(reach)(features), expected)


def test_a_local_mean_of_everything_is_the_global_mean() -> None:
    features = torch.rand(2, 3, 9, 7)
    expected = features.mean((2, 3), keepdim=True).expand_as(features)
    torch.testing.assert_close(LocalMean(9)(features), expected)


@pytest.mark.parametrize("window", [None, 0, 5])
def test_a_block_computes_what_its_layers_say(window: int | None) -> None:
    block, image = NAFBlock(4, window).double(), torch.rand(2, 4, 6, 7).double()
    for p in block.parameters():
        nn.init.normal_(p)
    x = gate(by_channel(mixed(normalised(image, block.norm1), block.conv1), block.conv2))
    if window is not None:
        assert block.scale is not None
        means = x.mean((2, 3), keepdim=True) if window == 0 else LocalMean(2)(x)
        x = x * mixed(means, block.scale[1])
    first = image + block.beta[:, None, None] * mixed(x, block.conv3)
    x = mixed(gate(mixed(normalised(first, block.norm2), block.conv4)), block.conv5)
    torch.testing.assert_close(block(image), first + block.gamma[:, None, None] * x)


def test_loss_is_the_negative_psnr() -> None:
    target = torch.rand(3, 1, 4, 4)
    errors = torch.tensor([0.1, 0.2, 0.4])[:, None, None, None]
    expected = -sum(-20 * math.log10(e) for e in (0.1, 0.2, 0.4)) / 3
    assert float(NAFNetMethod().loss(target + errors, target)) == pytest.approx(expected, rel=1e-4)
    assert float(NAFNetMethod(criterion="l1").loss(target + errors, target)) == pytest.approx(0.7 / 3)


def test_the_optimizer_is_the_settings() -> None:
    method = NAFNetMethod(learning_rate=3e-3, beta2=0.9, weight_decay=0.25)
    (group,) = method.optimizer(nn.Linear(1, 1).parameters()).param_groups
    assert (group["lr"], group["betas"], group["weight_decay"]) == (3e-3, (0.9, 0.9), 0.25)
