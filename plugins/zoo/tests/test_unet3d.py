from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

import a2ibench_unet3d
from a2ibench import MULTIPLY_ADDS, AxialGrid, Budget, Context, InputError, MethodSpec, Volume, interpolate
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench_unet3d.method import UNet3D, weights
from a2ibench_unet3d.network import (
    UNet3DNet,
    base_width,
    interpolated,
    level_widths,
    resized,
    sees,
    upsampling_steps,
    work,
)

CTX = Context(size="tiny", budget=Budget(steps=1), batch=1, patch=24, precision="fp32")
RATIOS = [2.0, 2.5, 3.0, 10 / 3, 4.0, 8.0]


def drawn(ratio: float, shape: tuple[int, int, int] = (8, 24, 28)) -> Volume:
    data = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return Volume(data, (10 * ratio, 10.0, 10.0), (0.0, 255.0), "v")


def random_network(ratio: float, width: float = 3) -> UNet3DNet:
    torch.manual_seed(0)
    steps = upsampling_steps(ratio)
    network = UNet3DNet(level_widths(width, steps), steps)
    nn.init.normal_(network.last.weight)
    return network


def fitted(ratio: float, shape: tuple[int, int, int] = (8, 24, 28)) -> tuple[UNet3D, Volume]:
    method, volume = UNet3D(), drawn(ratio, shape)
    method.fit(volume, CTX)
    nn.init.normal_(method._fitted().last.weight)
    return method, volume


def test_registers_a_method() -> None:
    methods: list[MethodSpec] = []
    a2ibench_unet3d.a2ibench_register_methods(methods.append)
    assert [(s.name, s.target) for s in methods] == [("unet3d", "a2ibench_unet3d.method:UNet3D")]


@pytest.mark.parametrize(
    ("ratio", "steps"),
    [
        (1.0, (1,)),
        (2.0, (2,)),
        (2.5, (1, 3)),
        (3.0, (1, 3)),
        (10 / 3, (2, 2)),
        (4.0, (2, 2)),
        (5.0, (1, 5)),
        (8.0, (2, 4)),
        (12.0, (3, 4)),
    ],
)
def test_steps_back_up_make_the_ratio_or_the_next_whole_number(ratio: float, steps: tuple[int, ...]) -> None:
    assert upsampling_steps(ratio) == steps
    assert math.prod(steps) == math.ceil(ratio)


def test_at_ratio_4_the_published_network_is_that_of_the_paper() -> None:
    method = UNet3D(variant="published")
    network = method.build("small", 4.0)
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv3d) and m is not network.last]
    assert [m.in_channels for m in convolutions] == [
        *(1, 32, 32, 32, 64, 64, 64, 128, 128),
        *(64, 32, 32, 128, 64, 64),
    ]
    assert [m.stride for m in network.up] == [(2, 2, 2), (2, 2, 2)]
    assert [m.stride for m in network.across] == [(4, 1, 1), (2, 1, 1)]


@pytest.mark.parametrize("ratio", [2.0, 3.0, 4.0])
def test_has_the_parameters_that_its_shape_tells(ratio: float) -> None:
    a, b, c = 5, 10, 20

    def level(features: int, width: int) -> int:
        return 27 * features * width + 2 * 27 * width**2 + 3 * width

    def up(features: int, width: int, stride: int) -> int:
        return stride * features * width + width

    wanted = level(1, a) + level(a, b) + level(2 * a, a) + a + 1
    if ratio == 2:
        wanted += up(b, a, 8) + up(a, a, 2)
    else:
        wanted += level(b, c) + level(2 * b, b)
        # At ratio 3 the coarse step leaves z as it is, so nothing is upsampled on its way across.
        steps = up(c, b, 8) + up(b, b, 2) + up(b, a, 8) + up(a, a, 4)
        wanted += steps if ratio == 4 else up(c, b, 4) + up(b, a, 12) + up(a, a, 3)
    network = random_network(ratio, a)
    assert sum(p.numel() for p in network.parameters()) == wanted


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_work_is_what_is_counted(ratio: float) -> None:
    grid, network = AxialGrid(6, ratio), random_network(ratio)
    widths = level_widths(3, network.steps)
    block = torch.rand(1, 1, 6, 8, 8)
    with FlopCounterMode(display=False) as interpolation:
        interpolated(block, grid)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(block, grid)
    counted = (counter.get_total_flops() - interpolation.get_total_flops()) / 2 / (grid.n_out * 64)
    assert counted == pytest.approx(work(widths, network.steps, ratio))


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("size", MULTIPLY_ADDS)
def test_sizes_do_the_work_of_the_methods_they_are_compared_with(size: str, ratio: float) -> None:
    method = UNet3D()
    method._size, method._ratio = size, ratio
    least = 0.9 if size == "tiny" else 0.975
    assert least < method.macs_per_voxel() / MULTIPLY_ADDS[size] < 1.025
    assert base_width(MULTIPLY_ADDS[size], ratio) <= method._widths()[0] + 1


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("shape", [(3, 9, 14), (1, 4, 5), (2, 1, 1)])
def test_keeps_any_size_and_starts_as_the_interpolation(ratio: float, shape: tuple[int, int, int]) -> None:
    grid, block = AxialGrid(shape[0], ratio), torch.rand(2, 1, *shape)
    network = random_network(ratio)
    assert network(block, grid).shape == (2, 1, grid.n_out, *shape[1:])
    nn.init.zeros_(network.last.weight)
    wanted = np.stack([interpolate(one[0].numpy(), grid) for one in block])
    np.testing.assert_allclose(network(block, grid).detach()[:, 0], wanted, atol=1e-5)


def test_gradients_reach_every_parameter() -> None:
    network = random_network(10 / 3)
    network(torch.rand(2, 1, 6, 12, 12), AxialGrid(6, 10 / 3)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize(("ratio", "finer"), [(10 / 3, 4), (2.5, 3), (3.0, 3)])
def test_features_are_resized_to_where_the_slices_lie(ratio: float, finer: int) -> None:
    grid = AxialGrid(6, ratio).block(5, 9, 1)
    # Features that tell their place: resizing puts each slice at its own.
    fine = (torch.arange(finer * grid.n_in) + 0.5) / finer - 0.5
    places = resized(fine[None, None, :, None, None], grid, finer)[0, 0, :, 0, 0]
    np.testing.assert_allclose(places, grid.positions, atol=1e-6)


@pytest.mark.parametrize("ratio", [3.0, 10 / 3])
def test_resizing_is_linear_interpolation(ratio: float) -> None:
    grid, finer = AxialGrid(5, ratio), math.ceil(ratio)
    line = np.random.default_rng(0).random(finer * 5)
    found = resized(torch.from_numpy(line)[None, None, :, None, None], grid, finer)[0, 0, :, 0, 0]
    wanted = ndimage.map_coordinates(line, [(grid.positions + 0.5) * finer - 0.5], order=1, mode="nearest")
    np.testing.assert_allclose(found, wanted, atol=1e-9)


@pytest.mark.parametrize("ratio", [2.0, 3.0, 10 / 3, 8.0])
def test_sees_no_further_than_its_halo(ratio: float) -> None:
    network = random_network(ratio).double()
    slices, lateral = sees(network.steps, ratio)
    slices = math.ceil(slices)
    for axis, reach, most in ((2, slices, slices + 3), (3, lateral, lateral + 9)):
        shape = [1, 1, 4, 4, 4]
        shape[axis] = 2 * most
        block = torch.rand(*shape, dtype=torch.float64)
        changed = block.clone()
        changed.narrow(axis, 0, most).uniform_(5, 6)
        grid = AxialGrid(shape[2], ratio)
        with torch.inference_mode():
            differs = (network(block, grid) - network(changed, grid)).abs()
        along = differs.amax([a for a in range(5) if a != axis]) > 1e-12
        first = math.ceil((most + reach) * ratio) if axis == 2 else most + reach
        assert along[: math.floor(most * (ratio if axis == 2 else 1))].any()
        assert not along[first:].any()
        # And the halo is not far larger than that.
        assert along[: first - math.ceil(3 * ratio if axis == 2 else 9)][-1 - math.ceil(ratio) * 3 :].any()


@pytest.mark.parametrize(("ratio", "shape", "most"), [(2.0, (40, 8, 9), 4500), (10 / 3, (4, 9, 90), 9000)])
def test_blocks_are_parts_of_the_whole(ratio: float, shape: tuple[int, int, int], most: int) -> None:
    method, _ = fitted(ratio)
    volume = drawn(ratio, shape)
    whole, blocks = (reconstruct_volume(method, volume, CTX, max_voxels=n) for n in (1 << 30, most))
    assert np.abs(whole - interpolate(volume.data / 255, AxialGrid(shape[0], ratio))).max() > 0.1
    np.testing.assert_allclose(blocks, whole, atol=1e-4)


def test_errors_count_most_where_cubic_interpolation_errs_most() -> None:
    cubic, target = torch.tensor([0.0, 0.5, 1.0]), torch.tensor([0.0, 0.6, 0.8])
    torch.testing.assert_close(weights(cubic, target), torch.tensor([0.5, 0.625, 1.0]))
    assert torch.equal(weights(target, target), torch.full((3,), 0.5))


def test_a_step_holds_about_as_many_voxels_as_that_of_a_network_on_slices() -> None:
    for ratio in RATIOS:
        method = UNet3D()
        method.fit(drawn(ratio, (16, 64, 64)), replace(CTX, batch=1, patch=48))
        voxels = math.prod(method._sides)
        assert 1 / 3 < voxels / 48**2 / 4 < 3
        assert method.configuration()["block"] == "x".join(map(str, method._sides))


def test_a_checkpoint_restores_everything(tmp_path: Path) -> None:
    method, volume = fitted(10 / 3)
    method.save(tmp_path)
    loaded = UNet3D(learning_rate=0.5)
    loaded.load(tmp_path)
    grid = AxialGrid(len(volume.data), 10 / 3)
    assert np.array_equal(loaded.reconstruct(volume, grid, CTX), method.reconstruct(volume, grid, CTX))
    assert loaded.configuration() == method.configuration()
    assert (loaded.halo, loaded.parameters()) == (method.halo, method.parameters())


def test_a_ratio_that_the_network_is_not_made_for_is_refused() -> None:
    method, volume = fitted(3.0)
    with pytest.raises(InputError, match="trained at ratio 3, asked for 4"):
        method.reconstruct(volume, AxialGrid(8, 4.0), CTX)
    with pytest.raises(InputError, match="not trained"):
        UNet3D().reconstruct(volume, AxialGrid(8, 3.0), CTX)


def test_a_step_back_up_is_a_product_and_a_shuffle() -> None:
    layer = random_network(3.0).up[0]
    x = torch.rand(1, layer.in_channels, 2, 3, 4)
    wanted = torch.einsum("bczyx,cnijk->bnziyjxk", x, layer.weight).flatten(6).flatten(4, 5).flatten(2, 3)
    torch.testing.assert_close(layer(x), wanted + layer.bias[:, None, None, None])
