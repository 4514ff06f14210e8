from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

import a2ibench_niiv
from a2ibench import MULTIPLY_ADDS, AxialGrid, Budget, Context, InputError, MethodSpec, Volume, interpolate
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench_niiv.method import BLOCKS, NIIV
from a2ibench_niiv.network import Decoder, NIIVNet, Shape, between, encoded, shape_of

CTX = Context(size="tiny", budget=Budget(steps=1), batch=2, patch=24, precision="fp32")
RATIOS = [2.0, 2.5, 3.0, 10 / 3, 4.0, 8.0]
SMALL = Shape(4, 1, 6, 3)


def drawn(ratio: float, shape: tuple[int, int, int] = (8, 24, 28)) -> Volume:
    data = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return Volume(data, (10 * ratio, 10.0, 10.0), (0.0, 255.0), "v")


def randomised(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.1 * torch.randn(p.shape, generator=generator))
    return network


def network_of(shape: Shape = SMALL, **settings: bool) -> nn.Module:
    torch.manual_seed(0)
    return randomised(NIIVNet(shape, **settings))


def fitted(ratio: float, shape: tuple[int, int, int] = (8, 24, 28)) -> tuple[NIIV, Volume]:
    method, volume = NIIV(), drawn(ratio, shape)
    method.fit(volume, CTX)
    return method, volume


def test_registers_a_method() -> None:
    methods: list[MethodSpec] = []
    a2ibench_niiv.a2ibench_register_methods(methods.append)
    assert [(s.name, s.target) for s in methods] == [("niiv", "a2ibench_niiv.method:NIIV")]


@pytest.mark.parametrize("shape", [SMALL, Shape(8, 3, 5, 5)])
def test_has_the_parameters_that_its_shape_tells(shape: Shape) -> None:
    n, h = shape.features, shape.hidden
    encoder = 9 * n + n + (2 * shape.blocks + 1) * (9 * n**2 + n)
    attention = 3 * n**2 + 10 * n
    entrance = (n * h + h) + n * h + h + (5 * h + h)
    perceptron = (shape.layers - 1) * (h**2 + h) + h + 1
    network = NIIVNet(shape)
    assert sum(p.numel() for p in network.parameters()) == encoder + attention + entrance + perceptron


def test_the_published_network_has_16_blocks_and_a_perceptron_of_5_layers() -> None:
    network = NIIV(variant="published").build("small", 3.0)
    assert len(network.encoder.body) == 17
    assert network.encoder.head.out_channels == 64
    assert [layer.out_features for layer in network.decoder.layers] == [256] * 4


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_work_is_what_is_counted_and_the_attention(ratio: float) -> None:
    # As many rows and columns as make what is repeated around them little.
    grid, images = AxialGrid(48, ratio), torch.rand(1, 1, 48, 96)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network_of()(images, grid)
    with FlopCounterMode(display=False) as interpolation:
        torch.rand(grid.n_out, 48) @ images
    counted = (counter.get_total_flops() - interpolation.get_total_flops()) / 2 / (grid.n_out * 96)
    # The products of the attention are not counted, as they are no matrix products.
    assert counted + 9 * 2 * SMALL.features == pytest.approx(SMALL.work(ratio), rel=0.02)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("size", MULTIPLY_ADDS)
def test_sizes_do_the_work_of_the_methods_they_are_compared_with(size: str, ratio: float) -> None:
    method = NIIV()
    method._shape, method._ratio = shape_of(BLOCKS[size], 1.02 * MULTIPLY_ADDS[size] / 2, ratio), ratio
    assert 0.975 < method.macs_per_voxel() / MULTIPLY_ADDS[size] < 1.025


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 2), (9, 33)])
@pytest.mark.parametrize("ratio", [2.5, 3.0])
def test_keeps_any_size_and_starts_as_the_interpolation(ratio: float, shape: tuple[int, int]) -> None:
    images, grid = torch.rand(2, 1, *shape), AxialGrid(shape[0], ratio)
    network = network_of()
    assert network(images, grid).shape == (2, 1, grid.n_out, shape[1])
    wanted = interpolate(images[:, 0].movedim(1, 0).numpy(), grid)
    np.testing.assert_allclose(NIIVNet(SMALL)(images, grid).detach()[:, 0].movedim(1, 0), wanted, atol=1e-6)


@pytest.mark.parametrize("cubic", [True, False])
@pytest.mark.parametrize("ratio", [2.5, 3.0, 4.0, 16 / 3])
def test_a_ramp_stays_where_it_is_at_every_ratio(cubic: bool, ratio: float) -> None:
    network = NIIVNet(SMALL, cubic=cubic)
    ramp = (0.1 * torch.arange(9.0))[None, None, :, None].expand(1, 1, 9, 5)
    for grid in (AxialGrid(9, ratio), AxialGrid(60, ratio).block(40, 11, 2)):
        part = ramp[:, :, : grid.n_in]
        found = network(part, grid)[0, 0, :, 2].detach()
        inner = (grid.positions >= 1) & (grid.positions <= grid.n_in - 2)
        assert inner.sum() > 6
        np.testing.assert_allclose(found[inner], 0.1 * grid.positions[inner], atol=1e-6)


def test_rows_are_interpolated_linearly_and_go_on_at_the_ends() -> None:
    rows = np.random.default_rng(0).random(6)
    heights = np.linspace(-0.5, 5.5, 23)
    found = between(torch.from_numpy(rows)[None, :, None, None], torch.from_numpy(heights))[0, :, 0, 0]
    np.testing.assert_allclose(found, np.interp(heights, np.arange(6), rows))


def test_heights_are_told_in_two_octaves() -> None:
    x = torch.tensor([-0.5, 0.0, 0.3])
    wanted = [x, *(f(k * math.pi * x) for k in (1, 2) for f in (torch.sin, torch.cos))]
    torch.testing.assert_close(encoded(x), torch.stack(wanted, 1))


def test_attention_is_that_of_the_textbook() -> None:
    torch.manual_seed(0)
    decoder, n = Decoder(SMALL), SMALL.features
    features, asked = torch.rand(2, 5, 6, n), torch.rand(2, 7, 6, n)
    rows, offset = torch.tensor([0, 0, 1, 2, 3, 4, 4]), torch.linspace(-0.4, 0.4, 7)
    found = decoder.attended(asked, features, rows, offset)
    for k, (row, height) in enumerate(zip(rows.tolist(), offset, strict=True)):
        for column in range(6):
            keys, values = [], []
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    one = features[:, min(max(row + dy, 0), 4), min(max(column + dx, 0), 5)]
                    place = torch.cat([encoded((height - dy)[None]), encoded(torch.tensor([-float(dx)]))], 1)
                    keys.append(decoder.key(one) + decoder.place(place))
                    values.append(decoder.answer(one))
            query = asked[:, k, column][:, None]
            wanted = F.scaled_dot_product_attention(
                query, torch.stack(keys, 1), torch.stack(values, 1), scale=1.0
            )
            torch.testing.assert_close(found[:, k, column], wanted[:, 0])


def test_gradients_reach_every_parameter() -> None:
    network = network_of()
    network(torch.rand(2, 1, 5, 8), AxialGrid(5, 10 / 3)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("blocks", [1, 2])
def test_sees_no_further_than_its_halo(blocks: int) -> None:
    method, shape = NIIV(planes="xz"), Shape(4, blocks, 6, 3)
    method._shape = shape
    network = randomised(NIIVNet(shape)).double()
    for axis, reach in ((2, method.halo[0]), (3, shape.reach)):
        sizes = [1, 1, 4, 4]
        sizes[axis] = 40
        images = torch.rand(*sizes, dtype=torch.float64)
        changed = images.clone()
        changed.narrow(axis, 0, 20).uniform_(5, 6)
        grid = AxialGrid(sizes[2], 3.0)
        with torch.inference_mode():
            differs = (network(images, grid) - network(changed, grid)).abs().amax((0, 1, 5 - axis)) > 1e-12
        scale = 3 if axis == 2 else 1
        assert differs[(20 + reach - 3) * scale :].any()
        assert not differs[(20 + reach) * scale :].any()


@pytest.mark.parametrize(("shape", "most"), [((40, 8, 9), 7500), ((4, 9, 80), 6000)])
def test_blocks_are_parts_of_the_whole(shape: tuple[int, int, int], most: int) -> None:
    method, _ = fitted(10 / 3)
    randomised(method._fitted())
    volume = drawn(10 / 3, shape)
    whole, blocks = (reconstruct_volume(method, volume, CTX, max_voxels=n) for n in (1 << 30, most))
    assert np.abs(whole - interpolate(volume.data / 255, AxialGrid(shape[0], 10 / 3))).max() > 0.01
    np.testing.assert_allclose(blocks, whole, atol=1e-5)


@pytest.mark.parametrize("ratio", [2.5, 4.0])
def test_one_training_serves_every_ratio(ratio: float) -> None:
    method, _ = fitted(3.0)
    nn.init.zeros_(method._fitted().decoder.last.weight)
    nn.init.zeros_(method._fitted().decoder.last.bias)
    volume, grid = drawn(ratio), AxialGrid(8, ratio)
    found = method.reconstruct(volume, grid, CTX)
    np.testing.assert_allclose(found, interpolate(volume.data / 255, grid), atol=1e-5)
    randomised(method._fitted())
    tall = drawn(ratio, (48, 8, 9))
    whole, blocks = (reconstruct_volume(method, tall, CTX, max_voxels=n) for n in (1 << 30, 8000))
    np.testing.assert_allclose(blocks, whole, atol=1e-5)


def test_what_is_decoded_is_told_where_it_lies() -> None:
    """Slices that two ratios share are the same at both: 1 of 3 and 4 of 9 sit on an acquired slice."""
    network, images = network_of(), torch.rand(1, 1, 6, 9)
    coarse, fine = (network(images, AxialGrid(6, ratio)) for ratio in (3.0, 9.0))
    torch.testing.assert_close(fine[:, :, 1::3], coarse)
    assert (fine[:, :, 3:12] - coarse[:, :, 1:4].repeat_interleave(3, 2)).abs().max() > 0.01


def test_a_checkpoint_restores_everything(tmp_path: Path) -> None:
    method, volume = fitted(10 / 3)
    method.save(tmp_path)
    loaded = NIIV(learning_rate=0.5, planes="xz")
    loaded.load(tmp_path)
    assert loaded.planes == "xz"
    loaded.planes = "both"
    grid = AxialGrid(len(volume.data), 10 / 3)
    assert np.array_equal(loaded.reconstruct(volume, grid, CTX), method.reconstruct(volume, grid, CTX))
    assert loaded.configuration() == method.configuration()
    assert (loaded.halo, loaded.parameters()) == (method.halo, method.parameters())
    assert loaded.macs_per_voxel() == method.macs_per_voxel()


def test_it_says_that_it_is_not_trained() -> None:
    with pytest.raises(InputError, match="niiv is not trained"):
        NIIV().reconstruct(drawn(3.0), AxialGrid(8, 3.0), CTX)
