from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import uniform_filter
from torch import nn

import a2ibench_smore
from a2ibench import MULTIPLY_ADDS, AxialGrid, Budget, Context, InputError, MethodSpec, Volume
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench_smore.method import SMORE
from a2ibench_smore.network import ChannelAttention, SMORENet, local_mean

CTX = Context(size="tiny", budget=Budget(steps=2), batch=2, patch=32, precision="fp32")


def drawn(ratio: float, shape: tuple[int, int, int] = (8, 24, 30)) -> Volume:
    data = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return Volume(data, (10 * ratio, 10.0, 10.0), (0.0, 255.0), "v")


def randomised(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return network


def test_registers_a_method() -> None:
    methods: list[MethodSpec] = []
    a2ibench_smore.a2ibench_register_methods(methods.append)
    assert [(s.name, s.target) for s in methods] == [("smore", "a2ibench_smore.method:SMORE")]


def test_published_networks_have_the_parameters_that_their_shapes_tell() -> None:
    def parameters(network: str) -> int:
        return sum(p.numel() for p in SMORE(variant="published", network=network).build("tiny").parameters())

    convolution, ends = 9 * 64**2 + 64, (9 * 64 + 64) + (9 * 64 + 1)
    attention = (64 * 4 + 4) + (4 * 64 + 64)
    rcan = 2 * (8 * (2 * convolution + attention) + convolution) + convolution + ends
    assert parameters("rcan") == rcan == 1_302_977
    assert parameters("edsr") == (2 * 16 + 1) * convolution + ends == 1_219_841


@pytest.mark.parametrize("window", [1, 5, 9])
@pytest.mark.parametrize("shape", [(12, 17), (3, 4), (1, 1)])
def test_local_means_are_those_of_what_a_window_holds(window: int, shape: tuple[int, int]) -> None:
    image = torch.rand(2, 3, *shape, generator=torch.Generator().manual_seed(window))
    held = uniform_filter(np.ones(shape), window, mode="constant")
    sums = uniform_filter(image.double().numpy(), (1, 1, window, window), mode="constant")
    np.testing.assert_allclose(local_mean(image, window).numpy(), sums / held, atol=1e-6)


def test_attention_scales_channels_as_published_where_the_window_holds_the_image() -> None:
    attention = randomised(ChannelAttention(8, window=21))
    features = torch.rand(2, 8, 10, 11)
    first, second = (
        (layer.weight[:, :, 0, 0], layer.bias) for layer in (attention.squeeze, attention.excite)
    )
    with torch.inference_mode():
        hidden = torch.relu(features.mean((2, 3)) @ first[0].T + first[1])
        scale = 1 / (1 + torch.exp(-(hidden @ second[0].T + second[1])))
        torch.testing.assert_close(attention(features), features * scale[:, :, None, None])


@pytest.mark.parametrize("network", ["rcan", "edsr"])
@pytest.mark.parametrize("size", MULTIPLY_ADDS)
def test_sizes_do_the_work_of_the_methods_it_is_compared_with(network: str, size: str) -> None:
    method = SMORE(network=network)
    method._network = method.build(size)
    assert method.macs_per_voxel() == pytest.approx(MULTIPLY_ADDS[size], rel=0.025)


@pytest.mark.parametrize("network", ["rcan", "edsr"])
@pytest.mark.parametrize("shape", [(17, 31), (1, 5)])
def test_keeps_any_size_and_starts_as_the_identity(network: str, shape: tuple[int, int]) -> None:
    image = torch.rand(2, 1, *shape)
    for size in ("tiny", "small", "full"):
        with torch.inference_mode():
            assert torch.equal(SMORE(network=network).build(size)(image), image)


@pytest.mark.parametrize("groups", [0, 2])
def test_gradients_reach_every_parameter(groups: int) -> None:
    network = randomised(SMORENet(8, groups, 2, window=5))
    network(torch.rand(2, 1, 12, 13)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize(("groups", "blocks", "window"), [(2, 1, 9), (2, 3, 9), (2, 2, 0), (0, 4, 0)])
def test_sees_as_far_as_its_reach_says(groups: int, blocks: int, window: int) -> None:
    network = randomised(SMORENet(6, groups, blocks, window)).double()
    for layer in network.modules():
        if isinstance(layer, ChannelAttention):
            nn.init.ones_(layer.squeeze.bias)  # so that no ReLU hides what is seen
    side = network.reach + 2
    image = torch.rand(1, 1, 3, 2 * side + 1, dtype=torch.double, requires_grad=True)
    network(image)[..., side].sum().backward()
    assert image.grad is not None
    seen = np.flatnonzero(image.grad.abs().amax((0, 1, 2)).numpy())
    assert (seen.min(), seen.max()) == (side - network.reach, side + network.reach)


@pytest.mark.parametrize("size", MULTIPLY_ADDS)
def test_the_halo_covers_what_the_network_sees(size: str) -> None:
    method = SMORE()
    network = method.build(size)
    assert method.halo[1] >= network.reach
    assert math.floor(method.halo[0] * method._ratio) >= network.reach


@pytest.mark.parametrize("settings", [{}, {"fusion": "fourier-burst"}])
def test_blocks_are_parts_of_the_whole_and_a_checkpoint_gives_the_same(
    settings: dict[str, str], tmp_path: Path
) -> None:
    volume = drawn(10 / 3, (6, 10, 130))
    method, loaded = SMORE(**settings), SMORE()
    method.fit(volume, CTX)
    randomised(method._fitted())
    whole, blocks = (reconstruct_volume(method, volume, CTX, max_voxels=n) for n in (1 << 30, 22_500))
    np.testing.assert_allclose(blocks, whole, atol=1e-5)
    method.save(tmp_path)
    loaded.load(tmp_path)
    grid = AxialGrid(6, 10 / 3)
    assert np.array_equal(loaded.reconstruct(volume, grid, CTX), whole)
    assert (loaded.halo, loaded.align) == (method.halo, method.align)


def test_a_window_without_a_centre_is_refused() -> None:
    with pytest.raises(InputError, match=r"smore.window: got 8; give an odd number"):
        SMORE(window=8).build("tiny")
