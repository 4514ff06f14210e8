from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import a2ibench_a2i3dem
from a2ibench import AxialGrid, Budget, Context, InputError, Volume
from a2ibench_a2i3dem.method import A2I3DEM, SIZES
from a2ibench_a2i3dem.network import GLEN, A2INet, Block, BlockOptions


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def randomised(network: nn.Module, scale: float = 0.1) -> nn.Module:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(scale * torch.randn(p.shape, generator=generator))
    return network


@pytest.fixture
def volume() -> Volume:
    rng = np.random.default_rng(0)
    return Volume(rng.integers(0, 256, (7, 26, 21), dtype=np.uint8), (30.0, 10.0, 10.0), (0.0, 255.0))


@pytest.mark.parametrize("size", SIZES)
def test_levels_double_channels_and_halve_sides(size: str) -> None:
    network = A2I3DEM().build(size)
    width, levels = SIZES[size]["channels"], SIZES[size]["levels"]
    seen: list[tuple[int, ...]] = []
    stages = [*network.encoders, network.bottleneck, *reversed(network.decoders)]
    for stage in stages:
        stage.register_forward_hook(lambda _m, _i, out: seen.append(tuple(out.shape[1:])))
    side = network.period
    with torch.inference_mode():
        network(torch.rand(1, 1, side, 2 * side))
    down = [(width * 2**k, side // 2**k, 2 * side // 2**k) for k in range(levels)]
    assert seen == down + down[-2::-1]


def test_low_level_features_are_added_before_the_projection() -> None:
    network = randomised(A2I3DEM().build("tiny"))
    kept: dict[str, torch.Tensor] = {}
    network.features.register_forward_hook(lambda _m, _i, out: kept.update(low=out))
    network.decoders[0].register_forward_hook(lambda _m, _i, out: kept.update(decoded=out))
    network.project.register_forward_hook(lambda _m, i, out: kept.update(projected=i[0], image=out))
    image = torch.rand(1, 1, 16, 16)
    out = network(image)
    torch.testing.assert_close(kept["projected"], kept["low"] + kept["decoded"])
    torch.testing.assert_close(out, image + kept["image"])


def test_residual_network_starts_from_the_interpolated_image() -> None:
    image = torch.rand(1, 1, 20, 20)
    assert torch.equal(A2I3DEM().build("tiny")(image), image)
    assert not torch.allclose(A2I3DEM(residual=False).build("tiny")(image), image, atol=0.05)


@pytest.mark.parametrize("size", ["tiny", "small"])
@pytest.mark.parametrize("shape", [(47, 101), (9, 33), (1, 5)])
def test_keeps_any_size(size: str, shape: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert A2I3DEM().build(size)(torch.rand(2, 1, *shape)).shape == (2, 1, *shape)


@pytest.mark.parametrize(
    "settings",
    [{}, {"local": "gate"}, {"gate": "none"}, {"attention_residual": False}, {"depth": 2, "residual": False}],
)
def test_gradients_reach_every_parameter(settings: dict[str, bool | int | str]) -> None:
    network = randomised(A2I3DEM(**settings).build("tiny"))
    network(torch.rand(2, 1, 17, 24)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_moves_with_its_input_by_whole_periods_only() -> None:
    network = randomised(A2I3DEM().build("tiny"), 0.05)
    period = network.period
    assert period == 8
    image = torch.rand(1, 1, 104, 104)
    centre = slice(40, 56)
    with torch.inference_mode():
        out = network(image)[0, 0]
        moved = {n: network(image[..., n:, n:])[0, 0, centre, centre] for n in (period, 4)}
    torch.testing.assert_close(moved[period], out[48:64, 48:64], atol=1e-4, rtol=1e-4)
    assert (moved[4] - out[44:60, 44:60]).abs().max() > 1e-3


def test_shifts_alternate_across_the_levels() -> None:
    def shifts(method: A2I3DEM) -> list[int]:
        network = method.build("small")
        stages = [network.encoders[0], network.decoders[0]]
        return [block.attention.shift for stage in stages for block in stage.blocks]

    assert shifts(A2I3DEM(depth=1, window=8)) == [0, 4]
    assert shifts(A2I3DEM(depth=2, window=8)) == [0, 4, 0, 4]
    assert shifts(A2I3DEM(depth=2, window=8, shift=False)) == [0, 0, 0, 0]


def depthwise(x: torch.Tensor, layer: nn.Conv2d) -> torch.Tensor:
    padded = F.pad(x, (0, 0, 1, 1, 1, 1))
    rows, columns = x.shape[1:3]
    out = layer.bias.expand_as(x).clone()
    for i in range(3):
        for j in range(3):
            out = out + padded[:, i : i + rows, j : j + columns] * layer.weight[:, 0, i, j]
    return out


@pytest.mark.parametrize("local", ["both", "gate"])
@pytest.mark.parametrize("gate", ["gelu", "none"])
def test_glen_is_a_gated_product_of_local_paths(local: str, gate: str) -> None:
    glen = randomised(GLEN(6, 1.5, local, gate))
    x = torch.randn(2, 5, 7, 6)
    paths = x @ glen.expand.weight.T + glen.expand.bias
    if local == "both":
        first, second = depthwise(paths, glen.local).chunk(2, -1)
    else:
        first, second = paths.chunk(2, -1)
        first = depthwise(first, glen.local)
    if gate == "gelu":
        first = first * 0.5 * (1 + torch.erf(first / 2**0.5))
    expected = (first * second) @ glen.project.weight.T + glen.project.bias
    torch.testing.assert_close(glen(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("attention_residual", [True, False])
def test_block_is_equation_2(attention_residual: bool) -> None:
    options = BlockOptions(window=4, head_width=4, attention_residual=attention_residual)
    block = randomised(Block(8, 2, options))
    x = torch.randn(1, 8, 8, 8)

    def norm(y: torch.Tensor, layer: nn.LayerNorm) -> torch.Tensor:
        centred = y - y.mean(-1, keepdim=True)
        return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * layer.weight + layer.bias

    middle = block.attention(norm(x, block.norm1)) + (x if attention_residual else 0)
    expected = block.glen(norm(middle, block.norm2)) + middle
    torch.testing.assert_close(block(x), expected, atol=1e-4, rtol=1e-4)


def test_bf16_stays_close_to_fp32() -> None:
    network = randomised(A2I3DEM().build("tiny"), 0.02)
    image = torch.rand(2, 1, 24, 24)
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            exact = network(image) - image
            with torch.autocast("cpu", torch.bfloat16):
                rough = network(image) - image
        assert ((rough - exact).norm() / exact.norm()).item() < 0.05


def test_settings_replace_the_sizes_values() -> None:
    method = A2I3DEM(channels=24, levels=2, depth=2, window=4, head_width=8, expansion=2, convolutions=2)
    options = BlockOptions(window=4, head_width=8)
    assert count(method.build("full")) == count(A2INet(24, 2, 2, options))
    assert method.align == 8


def test_heads_that_do_not_divide_the_channels_are_refused() -> None:
    with pytest.raises(InputError, match="head_width: got 5; give a divisor of the 16 channels"):
        A2I3DEM(head_width=5).build("tiny")


def test_trains_reconstructs_and_reloads(tmp_path: Path, volume: Volume) -> None:
    ctx = Context(size="tiny", precision="fp32", budget=Budget(steps=3), batch=2, patch=18)
    grid = AxialGrid(7, volume.ratio)
    method = A2I3DEM(levels=3)
    method.fit(volume, ctx)
    assert method.configuration()["pdl"] == "pdl-filters"
    out = method.reconstruct(volume, grid, ctx)
    assert out.shape == (21, 26, 21)
    method.save(tmp_path)
    again = A2I3DEM()
    again.load(tmp_path)
    assert again.align == method.align == 16
    np.testing.assert_array_equal(again.reconstruct(volume, grid, ctx), out)
    method.fit(volume, ctx)


def test_registers_without_heavy_imports() -> None:
    specs: list[object] = []
    a2ibench_a2i3dem.a2ibench_register_methods(specs.append)
    assert [(s.name, s.target) for s in specs] == [("a2i-3dem", f"{A2I3DEM.__module__}:A2I3DEM")]
    code = "import sys, a2ibench_a2i3dem; sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
