from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import a2ibench_swinir
from a2ibench import AxialGrid, Budget, Context, InputError, Volume
from a2ibench_swinir.method import SwinIR
from a2ibench_swinir.network import SwinIRNet

Shapes = dict[str, tuple[int, ...]]


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def randomised(network: nn.Module, scale: float = 0.1) -> nn.Module:
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(scale * torch.randn(p.shape, generator=generator))
    return network


def published_shapes(width: int, layers: int, blocks: int, heads: int) -> Shapes:
    """Names and shapes in the published checkpoints, from their description."""

    def affine(name: str, *shape: int) -> Shapes:
        return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}

    shapes = affine("conv_first", width, 1, 3, 3) | affine("patch_embed.norm", width)
    for n in range(layers):
        for m in range(blocks):
            block = f"layers.{n}.residual_group.blocks.{m}"
            shapes |= affine(f"{block}.norm1", width) | affine(f"{block}.norm2", width)
            shapes[f"{block}.attn.relative_position_bias_table"] = (15 * 15, heads)
            shapes |= affine(f"{block}.attn.qkv", 3 * width, width)
            shapes |= affine(f"{block}.attn.proj", width, width)
            shapes |= affine(f"{block}.mlp.fc1", 2 * width, width)
            shapes |= affine(f"{block}.mlp.fc2", width, 2 * width)
        shapes |= affine(f"layers.{n}.conv", width, width, 3, 3)
    shapes |= affine("norm", width) | affine("conv_after_body", width, width, 3, 3)
    return shapes | affine("conv_last", 1, width, 3, 3)


def published_state(shapes: Shapes) -> dict[str, torch.Tensor]:
    state = {name: torch.randn(shape) for name, shape in shapes.items()}
    for name in list(state):
        if name.endswith("relative_position_bias_table"):
            state[name.replace("bias_table", "index")] = torch.zeros(64, 64, dtype=torch.long)
        if "blocks.1.norm1.weight" in name:
            state[name.replace("norm1.weight", "attn_mask")] = torch.zeros(4, 64, 64)
    return state


@pytest.mark.parametrize(
    ("size", "parameters", "arguments"),
    [("published", 11_497_681, (180, 6, 6, 6)), ("full", 903_121, (60, 4, 6, 6))],
)
def test_parameters_have_the_published_names_and_shapes(
    size: str, parameters: int, arguments: tuple[int, int, int, int]
) -> None:
    network = SwinIR(variant=size).build("tiny")
    assert count(network) == parameters
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert shapes == published_shapes(*arguments)


def test_size_is_the_contexts_unless_a_variant_is_set() -> None:
    assert count(SwinIR().build("full")) == 903_121
    assert count(SwinIR(variant="tiny").build("small")) == count(SwinIR().build("tiny"))


def test_published_weights_are_taken_over() -> None:
    network = SwinIRNet(16, (2, 2), 2)
    state = published_state(published_shapes(16, 2, 2, 2))
    network.load_published(state)
    own = network.state_dict()
    assert all(torch.equal(own[name], state[name]) for name in own)
    assert any(name.endswith("attn_mask") for name in state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"norm.weight": None}, r"norm\.weight holds nothing"),
        ({"upsample.0.weight": torch.zeros(2)}, r"upsample\.0\.weight holds \(2,\)"),
        ({"conv_first.weight": torch.zeros(16, 3, 3, 3)}, r"conv_first\.weight holds \(16, 3, 3, 3\)"),
    ],
)
def test_weights_of_another_network_are_refused(change: dict[str, torch.Tensor | None], message: str) -> None:
    state = published_state(published_shapes(16, 1, 2, 2)) | change
    network = SwinIRNet(16, (2,), 2)
    with pytest.raises(InputError, match=message):
        network.load_published({name: value for name, value in state.items() if value is not None})


def test_published_file_starts_the_training_but_not_a_reload(tmp_path: Path, volume: Volume) -> None:
    file = tmp_path / "published.safetensors"
    save_file(published_state(published_shapes(16, 1, 2, 2)), file)
    method = SwinIR(weights=str(file), contrast=0)
    started = method.build("tiny").state_dict()
    assert torch.equal(started["conv_last.bias"], method.build("tiny").state_dict()["conv_last.bias"])
    assert started["conv_last.bias"].abs() > 0
    method.fit(volume, Context(size="tiny", budget=Budget(steps=1), batch=1, patch=16))
    method.save(tmp_path / "checkpoint")
    file.unlink()
    SwinIR().load(tmp_path / "checkpoint")
    with pytest.raises(InputError, match=r"swinir\.weights: .*published\.safetensors: cannot be read"):
        method.build("tiny")


def test_published_weights_need_intensities_as_they_were_trained_on(tmp_path: Path) -> None:
    save_file(published_state(published_shapes(16, 1, 2, 2)), tmp_path / "published.safetensors")
    with pytest.raises(InputError, match=r"contrast is 4; add --set swinir\.contrast=0"):
        SwinIR(weights=str(tmp_path / "published.safetensors")).build("tiny")


@pytest.mark.parametrize("size", ["tiny", "small"])
@pytest.mark.parametrize("shape", [(47, 101), (9, 33), (1, 5)])
def test_keeps_any_size(size: str, shape: tuple[int, int]) -> None:
    with torch.inference_mode():
        assert SwinIR().build(size)(torch.rand(2, 1, *shape)).shape == (2, 1, *shape)


def test_starts_from_the_interpolated_image() -> None:
    image = torch.rand(1, 1, 20, 20)
    assert torch.equal(SwinIR().build("tiny")(image), image)


def test_gradients_reach_every_parameter() -> None:
    network = randomised(SwinIR().build("tiny"))
    network(torch.rand(2, 1, 17, 24)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_moves_with_its_input_by_whole_windows_only() -> None:
    network = randomised(SwinIR().build("tiny")).eval()
    image = torch.rand(1, 1, 88, 88)
    centre = slice(32, 48)
    with torch.inference_mode():
        out = network(image)[0, 0]
        moved = {n: network(image[..., n:, n:])[0, 0, centre, centre] for n in (8, 3)}
    torch.testing.assert_close(moved[8], out[40:56, 40:56], atol=1e-4, rtol=1e-4)
    assert (moved[3] - out[35:51, 35:51]).abs().max() > 1e-2


def test_bf16_stays_close_to_fp32() -> None:
    network = randomised(SwinIR().build("tiny"), 0.02)
    image = torch.rand(2, 1, 24, 24)
    for grad in (True, False):
        with torch.set_grad_enabled(grad):
            exact = network(image) - image
            with torch.autocast("cpu", torch.bfloat16):
                rough = network(image) - image
        assert ((rough - exact).norm() / exact.norm()).item() < 0.05


def test_loss_is_charbonnier() -> None:
    prediction, target = torch.rand(2, 1, 4, 4), torch.rand(2, 1, 4, 4)
    found = SwinIR(charbonnier=0.01).loss(prediction, target)
    assert float(found) == pytest.approx(
        float(np.sqrt((prediction - target).numpy().astype(np.float64) ** 2 + 0.01).mean()), rel=1e-5
    )
    torch.testing.assert_close(
        SwinIR(charbonnier=0).loss(prediction, target), (prediction - target).abs().mean()
    )


@pytest.fixture
def volume() -> Volume:
    rng = np.random.default_rng(0)
    return Volume(rng.integers(0, 256, (7, 26, 21), dtype=np.uint8), (30.0, 10.0, 10.0), (0.0, 255.0))


def test_trains_reconstructs_and_reloads(tmp_path: Path, volume: Volume) -> None:
    ctx = Context(size="tiny", precision="fp32", budget=Budget(steps=3), batch=2, patch=18)
    grid = AxialGrid(7, volume.ratio)
    method = SwinIR(window=4)
    method.fit(volume, ctx)
    assert method.align == 4
    out = method.reconstruct(volume, grid, ctx)
    assert out.shape == (21, 26, 21)
    method.save(tmp_path)
    again = SwinIR()
    again.load(tmp_path)
    assert again.configuration()["window"] == again.align == 4
    np.testing.assert_array_equal(again.reconstruct(volume, grid, ctx), out)
    method.fit(volume, ctx)


def test_registers_without_heavy_imports() -> None:
    specs: list[object] = []
    a2ibench_swinir.a2ibench_register_methods(specs.append)
    assert [(s.name, s.target) for s in specs] == [("swinir", f"{SwinIR.__module__}:SwinIR")]
    code = "import sys, a2ibench_swinir; sys.exit('torch' in sys.modules or 'timm' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
