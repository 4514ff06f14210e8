"""What methods without a base class are offered: samplers, training loop, restoration, checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

import a2ibench
from a2ibench import AxialDegradation, AxialGrid, BlockSampler, Budget, Context, PatchSampler, Volume
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.resample import interpolate, interpolation_matrix
from a2ibench.protocol.training import Schedule
from a2ibench.registry import host
from a2ibench.testing.volumes import scene

CTX = Context(budget=Budget(steps=6), batch=4, patch=24, precision="fp32")
RATIOS = (3.0, 10 / 3)
DRAWN = {"batch": 16, "device": "cpu", "seed": 3}


def _volume(ratio: float, shape: tuple[int, int, int] = (9, 40, 33)) -> Volume:
    data = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    return Volume(data, (15 * ratio, 15, 15), (0, 255))


def _hot(ratio: float) -> Volume:
    """A volume whose contrast leaves single voxels out."""
    data = np.random.default_rng(0).integers(500, 900, (9, 40, 33), np.uint16)
    data[4, 20, 16] = 4000
    return Volume(data, (15 * ratio, 15, 15), (0, 4095), contrast=(500, 900))


class Bare:
    """The least that `reconstruct_volume` asks for."""

    halo = (3, 4)

    def __init__(self, reconstruct: object) -> None:
        self.reconstruct = reconstruct


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("volume", [_volume, _hot])
@pytest.mark.parametrize("way", ["planes", "coarse", "block", "coarse block"])
@pytest.mark.parametrize("most", [1 << 30, 12_000])
def test_what_changes_nothing_gives_the_interpolation(
    way: str, volume: object, ratio: float, most: int
) -> None:
    def upsampled(images: torch.Tensor, rows: AxialGrid) -> torch.Tensor:
        matrix = torch.from_numpy(interpolation_matrix(rows)).to(images)
        return torch.tensordot(images, matrix, ([2], [1])).movedim(-1, 2)

    def reconstruct(part: Volume, grid: AxialGrid, ctx: Context) -> np.ndarray:
        if way == "planes":
            return a2ibench.restore_planes(lambda images: images, part, grid, ctx, reach=2)
        if way == "coarse":
            return a2ibench.upsample_planes(upsampled, part, grid, ctx, reach=2)
        if way == "coarse block":
            return a2ibench.upsample_block(upsampled, part, grid, ctx)
        return a2ibench.restore_block(lambda block: block, part, grid, ctx)

    given = volume(ratio)
    result = reconstruct_volume(Bare(reconstruct), given, CTX, max_voxels=most)
    lo, hi = given.intensity
    wanted = (interpolate(given.data, AxialGrid(9, ratio)) - lo) / (hi - lo)
    np.testing.assert_allclose(result, wanted, atol=2e-6)


@pytest.mark.parametrize("sigma", [0.0, 30.0])
def test_planes_are_restored_as_a_slice_network_restores_them(sigma: float) -> None:
    draw, smooth = np.random.default_rng(0), gaussian_filter(_volume(10 / 3).data.astype(float), 2)
    data = np.rint(smooth + draw.normal(0, sigma, smooth.shape)).clip(0, 255).astype(np.uint8)
    volume = replace(_volume(10 / 3), data=data)
    method = host().build("method", "plain", keep_mean=False, contrast=0.0)
    method.fit(volume, CTX)
    theirs = reconstruct_volume(method, volume, CTX)

    def restored(part: Volume, grid: AxialGrid, ctx: Context, planes: str = "both") -> np.ndarray:
        options = {"reach": method.reach, "align": method.align, "planes": planes, "weights": weights}
        return a2ibench.restore_planes(method._network, part, grid, ctx, **options)

    weights = None
    weights = a2ibench.fusion_weights(restored, volume, CTX)
    assert len(weights) == (2 if sigma else 1)
    np.testing.assert_array_equal(restored(volume, AxialGrid(9, 10 / 3), CTX), theirs)


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_coarse_pairs_are_pairs_without_their_interpolation(noise: float) -> None:
    volume, grid = _volume(3.0), a2ibench.training_grid(_volume(3.0), 24)
    one, other = (PatchSampler(volume, AxialDegradation(), grid, noise=noise, **DRAWN) for _ in range(2))
    (coarse, target), (fine, same) = one.coarse_pairs(), other.pairs()
    assert torch.equal(target, same)
    assert coarse.image.shape == (16, 1, 8, 24)
    matrix = torch.from_numpy(interpolation_matrix(grid)).float()
    torch.testing.assert_close(matrix @ coarse.image, fine.image)
    if not noise:
        torch.testing.assert_close(coarse.image, target.reshape(16, 1, 8, 3, 24).mean(3))


def test_blocks_are_cut_from_the_interpolated_volume() -> None:
    volume, grid = _volume(3.0, (7, 20, 18)), AxialGrid(4, 3.0)
    # Voxels that tell where they were: the interpolation is linear in what it is given.
    z, y, x = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in volume.shape), indexing="ij")
    places = [Volume(axis.copy(), volume.voxel_size, (0.0, 1.0)) for axis in (z, y, x)]
    sampler = {"slices": 3, **DRAWN}
    blocks = BlockSampler(volume, AxialDegradation(), grid, **sampler).patches()
    at = [BlockSampler(one, AxialDegradation(), grid, **sampler).patches() for one in places]
    assert blocks.shape == (16, 1, 12, 12, 9)
    whole = interpolate(volume.data, AxialGrid(7, 3.0)) / 255
    heights = interpolate(z, AxialGrid(7, 3.0))[:, 0, 0]
    # A block begins where an input slice does; cubic interpolation of a ramp is straight but for the ends.
    starts = [int(np.argmin(np.abs(heights - float(one)))) for one in at[0][:, 0, 0, 0, 1]]
    for n, start in enumerate(starts):
        assert (start - 1) % 3 == 0
        rows, columns = (at[axis][n, 0, :, :, 0].round().long().numpy() for axis in (1, 2))
        wanted = whole[start - 1 : start + 8, rows, columns].transpose(1, 2, 0)
        np.testing.assert_allclose(blocks[n, 0].numpy(), wanted, atol=1e-5)
    assert len(set(starts)) > 2


def test_blocks_are_degraded_along_their_first_axis() -> None:
    volume, grid = _volume(3.0), AxialGrid(4, 3.0)
    one, other = (BlockSampler(volume, AxialDegradation(), grid, slices=2, **DRAWN) for _ in range(2))
    (coarse, target), (fine, _) = one.coarse_pairs(), other.pairs()
    assert (coarse.image.shape, target.shape) == ((16, 1, 4, 12, 6), (16, 1, 12, 12, 6))
    torch.testing.assert_close(coarse.image, target.reshape(16, 1, 4, 3, 12, 6).mean(3))
    wanted = np.einsum("oi,bcixy->bcoxy", interpolation_matrix(grid), coarse.image.double().numpy())
    np.testing.assert_allclose(fine.image.numpy(), wanted, atol=1e-5)


def test_a_volume_thinner_than_a_block_gives_what_it_has() -> None:
    sampler = BlockSampler(
        _volume(3.0, (2, 20, 18)), AxialDegradation(), AxialGrid(4, 3.0), slices=9, **DRAWN
    )
    assert sampler.patches().shape == (16, 1, 12, 12, 6)


@pytest.mark.parametrize("pays", [False, True])
def test_where_bf16_pays_on_a_processor_it_is_used(pays: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("a2ibench.protocol.training.cpu_has_bf16", lambda: True)
    used, volume, grid = list[bool](), _volume(3.0), AxialGrid(9, 3.0)
    ctx = replace(CTX, precision="auto", budget=Budget(steps=1))
    network = nn.Linear(1, 1)

    def noting(images: torch.Tensor, rows: AxialGrid | None = None) -> torch.Tensor:
        used.append(torch.is_autocast_enabled("cpu"))
        return (
            images if rows is None else images.new_zeros((*images.shape[:2], rows.n_out, *images.shape[3:]))
        )

    def loss() -> torch.Tensor:
        return noting(network(torch.ones(1))).sum()

    a2ibench.train_network(network, torch.optim.SGD(network.parameters(), 0.1), loss, ctx, bf16_on_cpu=pays)
    for restore in (a2ibench.restore_block, a2ibench.upsample_block):
        restore(noting, volume, grid, ctx, bf16_on_cpu=pays)
    for restore in (a2ibench.restore_planes, a2ibench.upsample_planes):
        restore(noting, volume, grid, ctx, reach=0, bf16_on_cpu=pays)
    assert set(used) == {pays}
    assert a2ibench.precision_of(ctx, bf16_on_cpu=pays) == ("bf16" if pays else "fp32")


def test_the_training_loop_learns_and_leaves_its_curve(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, x = nn.Linear(3, 1), torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3
    ctx = Context(budget=Budget(steps=300), workdir=tmp_path, precision="fp32")
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    assert a2ibench.train_network(network, optimizer, lambda: (network(x) - y).abs().mean(), ctx) == 300
    torch.testing.assert_close(network.weight, torch.tensor([[1.0, -2.0, 0.5]]), atol=0.02, rtol=0)
    rows = (tmp_path / "train.csv").read_text().splitlines()
    assert len(rows) == 301
    assert float(rows[151].split(",")[2]) == pytest.approx(0.05 * Schedule().factor(150 / 300), rel=1e-4)


@pytest.mark.parametrize(
    ("text", "options"),
    [("gaussian", {"fwhm": 2.0, "gaussian": 0.01}), ("gaussian:fwhm=2.0,gaussian=0.5", {"gaussian": 0.01})],
)
def test_a_degradation_is_built_by_its_name(text: str, options: dict[str, float]) -> None:
    model = a2ibench.build_degradation(text, **options)
    assert model.configuration() == {"fwhm": 2.0, "gaussian": 0.01, "poisson": 0.0}
    assert model(torch.rand(1, 1, 9, 4), AxialGrid(3, 3.0), torch.Generator()).image.shape == (1, 1, 3, 4)


def test_an_unknown_degradation_is_named() -> None:
    with pytest.raises(a2ibench.UnknownNameError, match="gausian"):
        a2ibench.build_degradation("gausian")
    with pytest.raises(a2ibench.UnknownNameError, match="fwmh"):
        a2ibench.build_degradation("gaussian", fwmh=1.0)


def test_a_checkpoint_comes_back(tmp_path: Path) -> None:
    network = nn.Conv2d(1, 2, 3)
    a2ibench.save_checkpoint(tmp_path, "Mine", network.state_dict(), {"size": "tiny"})
    weights, state = a2ibench.load_checkpoint(tmp_path, "Mine")
    assert state["size"] == "tiny"
    assert all(torch.equal(weights[name], value) for name, value in network.state_dict().items())


def test_the_scene_of_the_checks_is_what_the_samplers_take() -> None:
    volume, _ = scene(8.0, (4, 40, 40))
    sampler = BlockSampler(volume, AxialDegradation(), a2ibench.training_grid(volume, 16), **DRAWN)
    assert sampler.pairs()[0].image.shape == (16, 1, 16, 16, 32)
