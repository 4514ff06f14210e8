from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import a2ibench_plain
from a2ibench import AxialGrid, Budget, Context, InputError, MethodSpec, Volume
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench_plain.method import SIZES, Plain, PlainNet, _shuffled, _unshuffled

CTX = Context(size="tiny", budget=Budget(steps=2), batch=2, patch=32, precision="fp32")
TALL = 8.0


def drawn(ratio: float, shape: tuple[int, int, int] = (8, 24, 40)) -> Volume:
    data = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return Volume(data, (10 * ratio, 10.0, 10.0), (0.0, 255.0), "v")


def randomised(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return network


def fitted(method: Plain) -> PlainNet:
    network = method._fitted()
    assert isinstance(network, PlainNet)
    return network


def test_registers_a_method() -> None:
    methods: list[MethodSpec] = []
    a2ibench_plain.a2ibench_register_methods(methods.append)
    assert [(s.name, s.target) for s in methods] == [("plain", "a2ibench_plain.method:Plain")]


@pytest.mark.parametrize("strides", [(1, 0), (2, 0), (3, 3), (2, 4), (2, 1)])
@pytest.mark.parametrize("shape", [(47, 101), (9, 33), (1, 5)])
def test_keeps_any_size(strides: tuple[int, int], shape: tuple[int, int]) -> None:
    network = Plain(stride=strides[0], axial_stride=strides[1]).build("tiny")
    assert network(torch.rand(2, 1, *shape)).shape == (2, 1, *shape)


@pytest.mark.parametrize(("high", "wide"), [(2, 2), (4, 2), (1, 3)])
def test_rectangles_become_channels_and_come_back(high: int, wide: int) -> None:
    image = torch.rand(2, 1, 4 * high, 5 * wide)
    taken = _unshuffled(image, high, wide)
    assert torch.equal(taken, F.unfold(image, (high, wide), stride=(high, wide)).unflatten(2, (4, 5)))
    assert torch.equal(_shuffled(taken, high, wide), image)


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


@pytest.mark.parametrize("size", SIZES)
def test_tall_rectangles_take_more_blocks_for_the_same_work(size: str) -> None:
    square, tall = Plain().build(size), Plain(axial_stride=4).build(size)
    assert (len(tall.body), tall.strides) == (2 * len(square.body), (4, 2))
    assert len(Plain(axial_stride=4, blocks=3).build(size).body) == 3


@pytest.mark.parametrize("ratio", [2.0, 10 / 3, TALL, 10.0])
@pytest.mark.parametrize("rows", [0, 2, 4])
def test_rectangles_reconstruct_at_any_ratio(ratio: float, rows: int) -> None:
    volume, method = drawn(ratio), Plain(axial_stride=rows)
    method.fit(volume, CTX)
    assert fitted(method).strides == (rows or (4 if ratio >= 6 else 2), 2)
    grid = AxialGrid(len(volume.data), ratio)
    assert method.reconstruct(volume, grid, CTX).shape == (grid.n_out, *volume.shape[1:])


@pytest.mark.parametrize("size", SIZES)
def test_tall_rectangles_see_no_further_than_the_halo(size: str) -> None:
    method = Plain(axial_stride=4)
    method.fit(drawn(TALL), replace(CTX, size=size))
    network = randomised(method.build(size))
    slices, lateral = method.halo
    for axis, reach in ((3, lateral), (2, math.floor(slices * TALL))):
        image = torch.rand(1, 1, 8, 8).repeat_interleave(40, axis)
        changed = image.clone()
        changed.narrow(axis, 0, 160).copy_(torch.rand_like(changed.narrow(axis, 0, 160)))
        with torch.inference_mode():
            differs = (network(image) - network(changed)).abs().amax((0, 1, 5 - axis)) > 0
        assert differs[:160].any()
        assert not differs[160 + reach :].any()


def test_blocks_of_tall_rectangles_are_parts_of_the_whole() -> None:
    volume, method = drawn(TALL, (36, 16, 24)), Plain(axial_stride=4)
    method.fit(volume, CTX)
    randomised(method._fitted())
    whole, blocks = (reconstruct_volume(method, volume, CTX, max_voxels=n) for n in (1 << 30, 32_500))
    np.testing.assert_allclose(blocks, whole, atol=1e-5)


@pytest.mark.parametrize("stored", [{}, {"axial_stride": 0}])
def test_a_checkpoint_without_the_rows_has_squares(stored: dict[str, int], tmp_path: Path) -> None:
    volume, old = drawn(TALL), Plain(axial_stride=2)
    old.fit(volume, CTX)
    old.save(tmp_path)
    state = json.loads((tmp_path / "method.json").read_text())
    del state["settings"]["axial_stride"]
    state["settings"] |= stored
    (tmp_path / "method.json").write_text(json.dumps(state))
    grid, loaded = AxialGrid(len(volume.data), TALL), Plain(axial_stride=4)
    loaded.load(tmp_path)
    assert np.array_equal(loaded.reconstruct(volume, grid, CTX), old.reconstruct(volume, grid, CTX))
    assert loaded.halo == old.halo


@pytest.mark.parametrize("given", [{}, {"axial_stride": 4}])
def test_a_checkpoint_keeps_tall_rectangles(given: dict[str, int], tmp_path: Path) -> None:
    volume, method, loaded = drawn(TALL), Plain(**given), Plain()
    method.fit(volume, CTX)
    method.save(tmp_path)
    loaded.load(tmp_path)
    assert (fitted(loaded).strides, loaded.halo) == ((4, 2), method.halo)


def test_rectangles_are_tall_by_default_at_high_ratios_only() -> None:
    method = Plain()
    for ratio, rows in ((8.0, 4), (3.0, 2)):
        method.fit(drawn(ratio), CTX)
        assert (fitted(method).strides, method.configuration()["axial_stride"]) == ((rows, 2), rows)
    wide = Plain(stride=8)
    wide.fit(drawn(8.0), CTX)
    assert fitted(wide).strides == (8, 8)


def test_settings_replace_the_sizes_values() -> None:
    assert Plain(channels=7, blocks=3).build("full").head.out_channels == 7
    assert len(Plain(channels=7, blocks=3).build("full").body) == 3
    with pytest.raises(InputError, match="stride: got 0"):
        Plain(stride=0)
