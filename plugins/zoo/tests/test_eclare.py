"""The network of ECLARE on the acquired slices, and the method around it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import a2ibench_eclare
from a2ibench import (
    MULTIPLY_ADDS,
    AxialGrid,
    Budget,
    Context,
    InputError,
    MethodSpec,
    Volume,
    interpolation_matrix,
)
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench_eclare.method import PUBLISHED, SIZES, Eclare, width
from a2ibench_eclare.network import EclareNet, sampled, shuffled, work

CTX = Context(size="tiny", budget=Budget(steps=2), batch=2, patch=24, precision="fp32")
RATIOS = [3.0, 10 / 3, 8.0]


def drawn(ratio: float, shape: tuple[int, int, int] = (8, 26, 40)) -> Volume:
    data = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return Volume(data, (10 * ratio, 10.0, 10.0), (0.0, 255.0), "v")


def at(n_in: int, ratio: float) -> torch.Tensor:
    return torch.from_numpy(AxialGrid(n_in, ratio).positions)


def built(size: str, ratio: float, **settings: int | str) -> EclareNet:
    method = Eclare(**settings)
    method._ratio = ratio
    return method.build(size)


def randomised(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return network


def expected_parameters(c: int, n: int, factor: int) -> int:
    wide, narrow = 4 * c, int(0.8 * c)
    block = (c * wide + wide) + (wide * narrow + narrow) + (9 * narrow * c + c)
    return (9 * c + c) + n * block + (9 * c * factor + factor)


def test_registers_a_method() -> None:
    methods: list[MethodSpec] = []
    a2ibench_eclare.a2ibench_register_methods(methods.append)
    assert [(s.name, s.target) for s in methods] == [("eclare", "a2ibench_eclare.method:Eclare")]


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("size", SIZES)
def test_has_the_parameters_that_its_shape_tells(size: str, ratio: float) -> None:
    shape = SIZES[size]
    wanted = expected_parameters(shape["channels"], shape["blocks"], math.ceil(ratio))
    assert sum(p.numel() for p in built(size, ratio).parameters()) == wanted


def test_the_published_network_has_15_million_parameters_at_ratio_4() -> None:
    count = sum(p.numel() for p in built("tiny", 4.0, variant="published").parameters())
    assert count == expected_parameters(*PUBLISHED.values(), 4) == 15_092_420


@pytest.mark.parametrize("ratio", [1.5, *RATIOS])
@pytest.mark.parametrize("size", SIZES)
def test_is_as_wide_as_the_work_of_the_methods_it_is_compared_with_allows(size: str, ratio: float) -> None:
    n, most = SIZES[size]["blocks"], MULTIPLY_ADDS[size]
    c = width(most, n, ratio)
    method = Eclare(channels=c)
    method._ratio = ratio
    method._network = method.build(size)
    pixel = n * (4 * c * c + 4 * c * int(0.8 * c) + 9 * int(0.8 * c) * c) + 9 * c * (1 + math.ceil(ratio))
    grid = AxialGrid(round(288 / ratio), ratio)
    assert method.macs_per_voxel() == pytest.approx(2 * pixel * grid.n_in / grid.n_out)
    assert 2 * pixel / ratio <= most < 2 * work(c + 1, n, math.ceil(ratio)) / ratio


@pytest.mark.parametrize("size", SIZES)
def test_the_width_that_old_checkpoints_have_is_that_of_ratio_3(size: str) -> None:
    assert width(MULTIPLY_ADDS[size], SIZES[size]["blocks"], 3.0) == SIZES[size]["channels"]


def test_is_trained_in_the_width_of_the_ratio() -> None:
    method = Eclare()
    method.fit(drawn(8.0), CTX)
    assert method.configuration()["channels"] == method._fitted().head.out_channels == 42
    method.fit(drawn(3.0), CTX)
    assert method._fitted().head.out_channels == 26
    given = Eclare(channels=8)
    given.fit(drawn(8.0), CTX)
    assert given._fitted().head.out_channels == 8


def test_a_checkpoint_without_a_width_has_that_of_ratio_3(tmp_path: Path) -> None:
    volume, method = drawn(8.0), Eclare(channels=26)
    method.fit(volume, CTX)
    method.save(tmp_path)
    state = json.loads((tmp_path / "method.json").read_text())
    state["settings"]["channels"] = 0
    (tmp_path / "method.json").write_text(json.dumps(state))
    loaded, grid = Eclare(), AxialGrid(8, 8.0)
    loaded.load(tmp_path)
    assert np.array_equal(loaded.reconstruct(volume, grid, CTX), method.reconstruct(volume, grid, CTX))


def test_the_shuffle_makes_rows_of_channels() -> None:
    features = torch.rand(2, 4, 5, 7)
    rows = shuffled(features)
    assert rows.shape == (2, 1, 20, 7)
    for row in range(20):
        assert torch.equal(rows[:, 0, row], features[:, row % 4, row // 4])
    square = F.pixel_shuffle(features.repeat_interleave(4, 1), 4)[..., ::4]
    assert torch.equal(rows, square)


@pytest.mark.parametrize("ratio", [2.0, *RATIOS])
def test_rows_are_interpolated_as_the_protocol_interpolates_them(ratio: float) -> None:
    grid, image = AxialGrid(9, ratio), torch.rand(2, 1, 9, 5, dtype=torch.float64)
    wanted = torch.from_numpy(interpolation_matrix(grid)) @ image
    torch.testing.assert_close(sampled(image, at(9, ratio), -0.5), wanted)


@pytest.mark.parametrize("ratio", [2.0, *RATIOS])
@pytest.mark.parametrize("rows", [1, 2, 9])
def test_makes_planes_of_any_size_and_starts_as_the_interpolation(rows: int, ratio: float) -> None:
    image, positions = torch.rand(2, 1, rows, 13), at(rows, ratio)
    made = built("tiny", ratio)(image, positions)
    assert made.shape == (2, 1, round(rows * ratio), 13)
    torch.testing.assert_close(made, sampled(image, positions, -0.5))


@pytest.mark.parametrize("ratio", [2.0, *RATIOS])
def test_a_ramp_is_not_shifted(ratio: float) -> None:
    ramp = torch.arange(12.0, dtype=torch.float64)[None, None, :, None].expand(1, 1, 12, 6)
    network, positions = built("tiny", ratio).double(), at(12, ratio)
    inner = (positions > 1) & (positions < 10)
    torch.testing.assert_close(network(ramp, positions)[0, 0, inner, 0], positions[inner])


@pytest.mark.parametrize("ratio", [2, 3, 8])
def test_a_known_correction_lands_where_it_belongs(ratio: int) -> None:
    network, offsets = built("tiny", ratio), torch.randn(ratio)
    with torch.no_grad():
        network.tail.bias.copy_(offsets)
    added = network(torch.zeros(1, 1, 12, 6), at(12, ratio))[0, 0, :, 0]
    torch.testing.assert_close(added, offsets.repeat(12))


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_correction_that_is_a_ramp_over_slices_is_kept(ratio: float) -> None:
    network, factor = built("tiny", ratio).double(), math.ceil(ratio)
    slices = torch.arange(12.0, dtype=torch.float64)[:, None]
    # The shuffled row j of a slice lies at (j + 1/2) / factor - 1/2 of it.
    fine = slices + (torch.arange(factor) + 0.5) / factor - 0.5
    network.tail.register_forward_hook(lambda *_: fine.T[None, :, :, None].expand(1, factor, 12, 6))
    positions = at(12, ratio)
    added = network(torch.zeros(1, 1, 12, 6, dtype=torch.float64), positions)[0, 0, :, 0]
    inner = (positions > 0.5) & (positions < 10.5)
    torch.testing.assert_close(added[inner], positions[inner], atol=1e-5, rtol=0)


def test_gradients_reach_every_parameter() -> None:
    network = randomised(EclareNet(8, 2, 4))
    network(torch.rand(2, 1, 6, 13), at(6, 10 / 3)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("size", ["tiny", "small"])
def test_sees_no_further_than_the_halo(size: str) -> None:
    method = Eclare()
    method._ratio = 3.0
    network = randomised(method.build(size))
    slices, lateral = method.halo
    for axis, reach in ((3, lateral), (2, 3 * slices)):
        image = torch.rand(1, 1, 8, 8).repeat_interleave(6, axis)
        changed = image.clone()
        changed.narrow(axis, 0, 24).copy_(torch.rand_like(changed.narrow(axis, 0, 24)))
        positions = at(image.shape[2], 3.0)
        with torch.inference_mode():
            differs = (network(image, positions) - network(changed, positions)).abs().amax((0, 1, 5 - axis))
        assert (differs[: 24 * (3 if axis == 2 else 1)] > 0).any()
        assert not (differs[24 * (3 if axis == 2 else 1) + reach :] > 0).any()


@pytest.mark.parametrize("ratio", [3.0, 10 / 3])
def test_blocks_are_parts_of_the_whole(ratio: float) -> None:
    volume, method = drawn(ratio, (30, 24, 26)), Eclare(channels=8, blocks=2)
    method.fit(volume, CTX)
    randomised(method._fitted())
    whole, blocks = (reconstruct_volume(method, volume, CTX, max_voxels=n) for n in (1 << 30, 28_000))
    assert np.abs(whole).max() > 0
    np.testing.assert_allclose(blocks, whole, atol=2e-5)


def test_a_checkpoint_keeps_the_network_and_its_ratio(tmp_path: Path) -> None:
    volume, method = drawn(10 / 3), Eclare(channels=8, blocks=3)
    method.fit(volume, CTX)
    method.save(tmp_path)
    loaded, grid = Eclare(), AxialGrid(8, 10 / 3)
    loaded.load(tmp_path)
    assert (loaded.ratio, loaded.halo) == (method.ratio, method.halo)
    assert loaded._fitted().factor == 4
    assert np.array_equal(loaded.reconstruct(volume, grid, CTX), method.reconstruct(volume, grid, CTX))


def test_settings_replace_the_sizes_values() -> None:
    assert len(built("full", 3.0, channels=6, blocks=3).body) == 3
    with pytest.raises(InputError, match="channels: got 1"):
        built("tiny", 3.0, channels=1)
