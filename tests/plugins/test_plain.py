from __future__ import annotations

import pytest
import torch
from torch import nn

import a2ibench_plain
from a2ibench import InputError, MethodSpec
from a2ibench_plain.method import SIZES, Plain, PlainNet


def randomised(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return network


def test_registers_a_method() -> None:
    methods: list[MethodSpec] = []
    a2ibench_plain.a2ibench_register_methods(methods.append)
    assert [(s.name, s.target) for s in methods] == [("plain", "a2ibench_plain.method:Plain")]


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("shape", [(47, 101), (9, 33), (1, 5)])
def test_keeps_any_size(stride: int, shape: tuple[int, int]) -> None:
    network = Plain(stride=stride).build("tiny")
    assert network(torch.rand(2, 1, *shape)).shape == (2, 1, *shape)


@pytest.mark.parametrize("size", SIZES)
def test_starts_as_the_identity(size: str) -> None:
    image = torch.rand(2, 1, 24, 24)
    assert torch.equal(Plain().build(size)(image), image)


@pytest.mark.parametrize("size", SIZES)
def test_has_the_parameters_that_its_shape_tells(size: str) -> None:
    c, n, squares = SIZES[size]["channels"], SIZES[size]["blocks"], 4
    head, block, tail = 9 * squares * c + c, 2 * (9 * c * c + c), 9 * c * squares + squares
    assert sum(p.numel() for p in Plain().build(size).parameters()) == head + n * block + tail


def test_gradients_reach_every_parameter() -> None:
    network = randomised(PlainNet(8, 2))
    network(torch.rand(2, 1, 12, 13)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("size", SIZES)
def test_sees_no_further_than_its_reach(size: str) -> None:
    method, network = Plain(), randomised(Plain().build(size))
    image = torch.rand(1, 1, 8, 160)
    changed = image.clone()
    changed[..., :80] = torch.rand(1, 1, 8, 80)
    with torch.inference_mode():
        differs = (network(image) - network(changed)).abs().amax((0, 1, 2)) > 0
    assert differs[:80].any()
    assert not differs[80 + method.reach :].any()


def test_settings_replace_the_sizes_values() -> None:
    assert Plain(channels=7, blocks=3).build("full").head.out_channels == 7
    assert len(Plain(channels=7, blocks=3).build("full").body) == 3
    with pytest.raises(InputError, match="stride: got 0"):
        Plain(stride=0)
