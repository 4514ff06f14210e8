"""What care-isotropic, nafnet and uformer have in common: networks that restore slices of any size."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from a2ibench import AxialGrid, Budget, Context, SliceNetwork, Volume
from a2ibench.protocol.blocks import block_size, reconstruct_volume
from a2ibench_care_isotropic.method import CAREIsotropic
from a2ibench_nafnet.method import NAFNetMethod
from a2ibench_uformer.method import Uformer

CTX = Context(size="tiny", budget=Budget(steps=1), batch=1, patch=16, precision="fp32")
METHODS: dict[str, Callable[..., SliceNetwork]] = {
    "care-isotropic": CAREIsotropic,
    "nafnet": NAFNetMethod,
    "nafnet-local": partial(NAFNetMethod, channel_scale="local", window=8),
    "uformer": Uformer,
}

each = pytest.mark.parametrize("name", METHODS)
either_size = pytest.mark.parametrize("size", ["tiny", "small"])


def randomised(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return network


def drawn(shape: tuple[int, int, int], ratio: float = 2.0) -> Volume:
    data = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return Volume(data, (10 * ratio, 10.0, 10.0), (0.0, 255.0), "v")


def fitted(name: str, volume: Volume) -> SliceNetwork:
    method = METHODS[name]()
    method.fit(volume, CTX)
    randomised(method._fitted())
    return method


@each
@either_size
@pytest.mark.parametrize("shape", [(47, 61), (9, 33), (1, 5)])
def test_keeps_any_size(name: str, size: str, shape: tuple[int, int]) -> None:
    network = METHODS[name]().build(size)
    with torch.inference_mode():
        assert network(torch.rand(2, 1, *shape)).shape == (2, 1, *shape)


@each
@either_size
def test_starts_as_the_identity(name: str, size: str) -> None:
    image = torch.rand(1, 1, 9, 10)
    with torch.inference_mode():
        assert torch.equal(METHODS[name]().build(size)(image), image)


@each
def test_gradients_reach_every_parameter(name: str) -> None:
    network = randomised(METHODS[name]().build("tiny"))
    network(torch.rand(2, 1, 24, 25)).square().mean().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


@each
@either_size
def test_sees_about_as_far_as_its_reach_and_no_further(name: str, size: str) -> None:
    method = METHODS[name]()
    network = randomised(method.build(size)).double()
    generator = torch.Generator().manual_seed(1)
    # In double precision faint influences are seen; what crosses every window by its corner is fainter still.
    start = method.align * (1 + method.reach // method.align)
    image = torch.rand(1, 1, 4, start + method.align + method.reach + 20, generator=generator).double()
    furthest = 0
    with torch.inference_mode():
        plain = network(image)
        for phase in range(0, method.align, max(1, method.align // 8)):
            changed = image.clone()
            changed[..., start + phase] += 5
            columns = (network(changed) - plain).abs().amax((0, 1, 2)).nonzero()
            furthest = max(furthest, int((columns - start - phase).abs().max()))
    assert 0.8 * method.reach <= furthest <= method.reach


@each
def test_a_given_reach_is_no_less_than_what_the_network_sees(name: str) -> None:
    sees = METHODS[name]()
    sees.build("tiny")
    for given in (1, 500):
        method = METHODS[name](reach=given)
        method.build("tiny")
        assert method.reach == max(given, sees.reach)


@each
def test_blocks_are_parts_of_the_whole(name: str) -> None:
    volume = drawn((6, 8, 200))
    method = fitted(name, volume)
    grid, limit = AxialGrid(6, 2.0), 12 * 8 * 170
    size = block_size(grid, (8, 200), method.halo, align=method.align, max_voxels=limit)
    assert size[2] <= 100
    whole, blocks = (reconstruct_volume(method, volume, CTX, max_voxels=n) for n in (1 << 30, limit))
    np.testing.assert_allclose(blocks, whole, atol=1e-5)


@each
def test_a_checkpoint_reconstructs_what_it_did(name: str, tmp_path: Path) -> None:
    volume = drawn((8, 16, 20))
    method = fitted(name, volume)
    method.save(tmp_path)
    loaded = METHODS[name]()
    loaded.load(tmp_path)
    grid = AxialGrid(8, 2.0)
    np.testing.assert_array_equal(
        loaded.reconstruct(volume, grid, CTX), method.reconstruct(volume, grid, CTX)
    )
    assert (loaded.halo, loaded.align) == (method.halo, method.align)


@each
def test_bf16_stays_close_to_fp32(name: str) -> None:
    network = METHODS[name]().build("tiny")
    nn.init.normal_(next(p for n, p in network.named_parameters() if n in ("last.weight", "ending.weight")))
    image = torch.rand(2, 1, 24, 24)
    with torch.inference_mode():
        exact = network(image) - image
        with torch.autocast("cpu", torch.bfloat16):
            rough = network(image) - image
    assert ((rough - exact).norm() / exact.norm()).item() < 0.05
