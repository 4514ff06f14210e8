from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import a2ibench_zssr
from a2ibench import (
    AxialGrid,
    Budget,
    Context,
    Degraded,
    InputError,
    MethodSpec,
    Volume,
    interpolation_matrix,
)
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench_zssr.back_projection import back_projected, operator, slices_reached
from a2ibench_zssr.method import MIRRORS, SIZES, ZSSR, median
from a2ibench_zssr.network import ZSSRNet

CTX = Context(size="tiny", budget=Budget(steps=2), batch=2, patch=32, precision="fp32")


def drawn(ratio: float, shape: tuple[int, int, int] = (8, 24, 30)) -> Volume:
    data = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    return Volume(data, (10 * ratio, 10.0, 10.0), (0.0, 255.0), "v")


def randomised(network: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in network.parameters():
            p.add_(0.05 * torch.randn(p.shape, generator=generator))
    return network


def trained(volume: Volume, **settings: bool | float | str) -> ZSSR:
    method = ZSSR(**settings)
    method.fit(volume, CTX)
    randomised(method._fitted())
    return method


def test_registers_a_method() -> None:
    methods: list[MethodSpec] = []
    a2ibench_zssr.a2ibench_register_methods(methods.append)
    assert [(s.name, s.target) for s in methods] == [("zssr", "a2ibench_zssr.method:ZSSR")]


def test_the_published_network_has_eight_convolutions_of_64_channels() -> None:
    network = ZSSR(variant="published").build("tiny")
    ends, between = 2 * 9 * 64 + 64 + 1, 6 * (9 * 64**2 + 64)
    assert sum(p.numel() for p in network.parameters()) == ends + between == 222_785
    assert sum(isinstance(layer, nn.Conv2d) for layer in network.modules()) == 8


@pytest.mark.parametrize("shape", [(47, 31), (9, 33), (1, 5)])
def test_keeps_any_size_and_starts_as_the_identity(shape: tuple[int, int]) -> None:
    image = torch.rand(2, 1, *shape)
    for size in SIZES:
        with torch.inference_mode():
            assert torch.equal(ZSSR().build(size if size != "published" else "full")(image), image)


def test_gradients_reach_every_parameter() -> None:
    network = randomised(ZSSRNet(8, 4))
    network(torch.rand(2, 1, 12, 13)).square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


@pytest.mark.parametrize("size", ["tiny", "small", "full"])
def test_sees_no_further_than_its_reach(size: str) -> None:
    method, network = ZSSR(), randomised(ZSSR().build(size))
    image = torch.rand(1, 1, 4, 40)
    changed = image.clone()
    changed[..., :20] = torch.rand(1, 1, 4, 20)
    with torch.inference_mode():
        differs = (network(image) - network(changed)).abs().amax((0, 1, 2)) > 0
    assert differs[20:].any()
    assert not differs[20 + method.reach :].any()


@pytest.mark.parametrize("count", [1, 3, 4])
def test_the_median_is_numpys(count: int) -> None:
    results = torch.rand(count, 2, 1, 5, 4, generator=torch.Generator().manual_seed(count))
    np.testing.assert_allclose(median(results).numpy(), np.median(results.numpy(), axis=0), rtol=1e-6)


def test_the_ensemble_is_the_median_of_mirrored_forms_and_has_their_symmetries() -> None:
    method, network = ZSSR(ensemble=True), randomised(ZSSRNet(8, 3)).eval()
    image = torch.rand(1, 1, 9, 14)

    def restored(images: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return method.forward(network, Degraded(images, {}))

    with torch.inference_mode():
        forms = [network(image.flip(axes)).flip(axes).numpy() for axes in MIRRORS]
    np.testing.assert_allclose(restored(image).numpy(), np.median(forms, axis=0), atol=1e-6)
    for axes in MIRRORS:
        torch.testing.assert_close(restored(image.flip(axes)).flip(axes), restored(image))
    network.train()
    torch.testing.assert_close(restored(image), torch.from_numpy(forms[0]))


def test_the_ensemble_counts_as_four_times_the_work() -> None:
    method, alone = trained(drawn(3.0), ensemble=True), trained(drawn(3.0))
    assert method.macs_per_voxel() == 4 * alone.macs_per_voxel()


@pytest.mark.parametrize("degradation", ["slab-average", "gaussian:fwhm=1.2"])
def test_back_projection_is_the_matrix_formula(degradation: str) -> None:
    grid = AxialGrid(7, 10 / 3)
    generator = np.random.default_rng(0)
    result = generator.random((grid.n_out, 3, 2), np.float32)
    slices = generator.random((grid.n_in, 3, 2), np.float32)
    down, up = operator(degradation, grid).astype(float), interpolation_matrix(grid)
    # (I - U D)^n y + the sum of (I - U D)^k U z, k below n.
    step, start = np.eye(grid.n_out) - up @ down, result.reshape(grid.n_out, -1).astype(float)
    powers = [np.linalg.matrix_power(step, k) for k in range(4)]
    expected = powers[3] @ start + sum(powers[:3]) @ up @ slices.reshape(grid.n_in, -1)
    got = back_projected(result, slices, grid, degradation, 3)
    np.testing.assert_allclose(got.reshape(grid.n_out, -1), expected, atol=1e-5)


def test_back_projection_ends_where_the_result_explains_the_input() -> None:
    grid = AxialGrid(6, 3.0)
    slices = np.random.default_rng(0).random((6, 4, 4), np.float32)
    result = back_projected(np.zeros((18, 4, 4), np.float32), slices, grid, "slab-average", 60)
    degraded = np.tensordot(operator("slab-average", grid), result, 1)
    np.testing.assert_allclose(degraded, result.reshape(6, 3, 4, 4).mean(1), atol=1e-5)
    np.testing.assert_allclose(degraded, slices, atol=1e-3)


@pytest.mark.parametrize("degradation", ["slab-average", "gaussian:fwhm=1.5"])
def test_a_blocks_operator_is_part_of_the_wholes(degradation: str) -> None:
    whole, ratio, halo = AxialGrid(40, 10 / 3), 10 / 3, 4
    block = whole.block(40, 20, halo).covering()
    part = operator(degradation, block)[halo:-halo]
    rows = slice(block.first_in + halo, block.first_in + block.n_in - halo)
    columns = slice(block.first_out, block.first_out + block.n_out)
    np.testing.assert_allclose(part, operator(degradation, whole)[rows, columns], atol=2e-4)
    assert 2 < slices_reached("slab-average", ratio) <= 3 < slices_reached("gaussian:fwhm=1.5", ratio)


def test_a_degradation_without_a_matrix_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("a2ibench_zssr.back_projection.build_degradation", lambda name: object())
    with pytest.raises(InputError, match=r"zssr.back_projections: odd has no operator .*; give 0"):
        operator("odd", AxialGrid(4, 3.0))


@pytest.mark.parametrize("ratio", [3.0, 10 / 3])
@pytest.mark.parametrize("settings", [{"back_projections": 2}, {"ensemble": True}])
def test_blocks_are_parts_of_the_whole(ratio: float, settings: dict[str, int]) -> None:
    volume = drawn(ratio, (30, 8, 9))
    method = trained(volume, **settings)
    whole, blocks = (reconstruct_volume(method, volume, CTX, max_voxels=n) for n in (1 << 30, 6000))
    np.testing.assert_allclose(blocks, whole, atol=1e-4)


def test_back_projection_changes_the_result_towards_the_input() -> None:
    volume = drawn(3.0)
    grid, alone = AxialGrid(8, 3.0), trained(volume)
    projected = trained(volume, back_projections=2)
    projected._network = alone._network
    slices = volume.data / 255
    missing = [
        np.abs(one.reconstruct(volume, grid, CTX).reshape(8, 3, 24, 30).mean(1) - slices).mean()
        for one in (alone, projected)
    ]
    assert missing[1] < 0.5 * missing[0]
    result, apart = projected.reconstruct_with_disagreement(volume, grid, CTX)
    np.testing.assert_array_equal(result, projected.reconstruct(volume, grid, CTX))
    assert apart.shape == result.shape
    assert apart.any()


def test_a_checkpoint_gives_the_same_and_leaves_what_concerns_reconstruction(tmp_path: Path) -> None:
    volume = drawn(3.0)
    grid, method = AxialGrid(8, 3.0), trained(volume, variant="published")
    method.save(tmp_path)
    loaded, projected = ZSSR(), ZSSR(back_projections=1)
    for one in (loaded, projected):
        one.load(tmp_path)
    expected = method.reconstruct(volume, grid, CTX)
    assert np.array_equal(loaded.reconstruct(volume, grid, CTX), expected)
    assert np.abs(projected.reconstruct(volume, grid, CTX) - expected).max() > 1e-3
