"""The shared protocol around a network."""

from __future__ import annotations

import logging
import math
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from a2ibench import (
    AxialGrid,
    Budget,
    Context,
    InputError,
    PluginError,
    SliceNetwork,
    UnknownNameError,
    Volume,
)
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.resample import interpolate, interpolation_matrix

CTX = Context(budget=Budget(steps=4), batch=4, patch=24, precision="fp32")


class Identity(SliceNetwork):
    def build(self, size: str) -> nn.Module:
        return nn.Conv2d(1, 1, 1)

    def forward(self, network, degraded):
        return degraded.image + 0 * network(degraded.image)


class Convolutions(SliceNetwork):
    reach = 4

    def build(self, size: str) -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.GELU(), nn.Conv2d(8, 1, 5, padding=2))


class AxisReader(Identity):
    contrast = 0.0
    keep_mean = False

    def forward(self, network, degraded):
        rows = torch.arange(degraded.image.shape[-2]).float()[:, None]
        return rows.expand_as(degraded.image) + 0 * network(degraded.image)


def _volume(shape=(9, 40, 33), ratio: float = 3.0) -> Volume:
    data = np.random.default_rng(0).integers(0, 255, shape, np.uint8)
    return Volume(data, (15 * ratio, 15, 15), (0, 255))


@pytest.mark.parametrize("planes", ["xz", "yz", "both"])
@pytest.mark.parametrize("ratio", [2.0, 10 / 3])
def test_an_identity_network_gives_cubic_interpolation(planes: str, ratio: float) -> None:
    volume = _volume(ratio=ratio)
    method = Identity(planes=planes)
    method.fit(volume, CTX)
    result = reconstruct_volume(method, volume, CTX)
    wanted = interpolate(volume.data, AxialGrid(9, ratio)) / 255
    np.testing.assert_allclose(result, wanted, atol=1e-6)


@pytest.mark.parametrize("planes", ["xz", "yz", "both"])
def test_rows_of_the_network_are_the_axial_direction(planes: str) -> None:
    volume = _volume()
    method = AxisReader(planes=planes)
    method.fit(volume, CTX)
    result = reconstruct_volume(method, volume, CTX)
    np.testing.assert_allclose(result, np.broadcast_to(np.arange(27.0)[:, None, None], result.shape))


@pytest.mark.parametrize("ratio", [3.0, 10 / 3])
def test_blocks_equal_the_whole_where_the_halo_covers_the_receptive_field(ratio: float) -> None:
    volume = _volume(ratio=ratio)
    method = Convolutions()
    method.fit(volume, CTX)
    whole = reconstruct_volume(method, volume, CTX)
    blocks = reconstruct_volume(method, volume, CTX, max_voxels=12_000)
    np.testing.assert_allclose(blocks, whole, atol=1e-5)


def test_the_same_seed_gives_the_same_result_and_a_checkpoint_keeps_it(tmp_path) -> None:
    volume = _volume()
    results = []
    for seed in (1, 1, 2):
        method = Convolutions()
        ctx = Context(seed=seed, budget=CTX.budget, batch=4, patch=24, precision="fp32")
        method.fit(volume, ctx)
        results.append(reconstruct_volume(method, volume, CTX))
    np.testing.assert_array_equal(results[0], results[1])
    assert np.abs(results[0] - results[2]).max() > 1e-4
    method.save(tmp_path / "checkpoint")
    loaded = Convolutions(slope=-0.75)
    loaded.load(tmp_path / "checkpoint")
    assert loaded.slope == -0.5
    np.testing.assert_array_equal(reconstruct_volume(loaded, volume, CTX), results[2])
    with pytest.raises(InputError, match="not of Identity"):
        Identity().load(tmp_path / "checkpoint")
    (tmp_path / "checkpoint" / "weights.safetensors").write_bytes(b"damaged")
    with pytest.raises(InputError, match="no readable checkpoint"):
        Convolutions().load(tmp_path / "checkpoint")


def test_a_small_volume_shrinks_the_patch_and_says_so(caplog) -> None:
    method = Convolutions()
    with caplog.at_level(logging.WARNING, logger="a2ibench"):
        method.fit(_volume((4, 14, 20)), CTX)
    assert "patch shrunk from 24 to 12" in caplog.text
    assert method.configuration()["patch"] == 12


def test_the_input_is_left_as_it_was() -> None:
    volume = _volume()
    before = volume.data.copy()
    method = Convolutions()
    method.fit(volume, CTX)
    reconstruct_volume(method, volume, CTX)
    np.testing.assert_array_equal(volume.data, before)


def test_macs_are_counted_for_both_plane_families() -> None:
    method = Convolutions()
    method.fit(_volume(), CTX)
    assert method.macs_per_voxel() == 2 * (25 * 8 + 25 * 8)
    assert method.parameters() == 25 * 8 + 8 + 25 * 8 + 1


def test_the_precision_is_told_as_it_was_resolved(monkeypatch) -> None:
    monkeypatch.setattr("a2ibench.protocol.training.cpu_has_bf16", lambda: True)
    auto = replace(CTX, precision="auto")
    assert Convolutions().precision_used(auto) == "bf16"
    assert Convolutions(bf16_on_cpu=False).precision_used(auto) == "fp32"
    assert Convolutions().precision_used(CTX) == "fp32"


@pytest.mark.parametrize(
    ("size", "given", "used"),
    [("full", {}, 1e-3), ("small", {}, 4e-3), ("full", {"learning_rate": 4e-3}, 4e-3)],
)
def test_a_default_learning_rate_counts_less_in_full(size, given, used) -> None:
    class Quick(Convolutions):
        learning_rate = 4e-3

    method = Quick(**given)
    method.fit(_volume(), replace(CTX, size=size, budget=Budget(steps=1)))
    assert method.configuration()["learning_rate"] == used


class Uneven(SliceNetwork):
    """Shifts what it sees: what is left after averaging mirror images is symmetric."""

    contrast = 0.0
    planes = "xz"
    keep_mean = False

    def build(self, size: str) -> nn.Module:
        return nn.Conv2d(1, 1, 1)

    def forward(self, network, degraded):
        return degraded.image.roll((1, 2), (2, 3)) + 0 * network(degraded.image)


def test_flips_average_the_mirrored_planes() -> None:
    volume = _volume()
    method = Uneven(flips=True)
    method.fit(volume, CTX)
    found = reconstruct_volume(method, volume, CTX)
    seen = interpolate(volume.data, AxialGrid(9, 3.0)) / 255
    wanted = sum(np.roll(seen, (dz, dx), (0, 2)) for dz in (1, -1) for dx in (2, -2)) / 4
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    plain = Uneven()
    plain.fit(volume, CTX)
    assert method.macs_per_voxel() == 4 * plain.macs_per_voxel()


@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_compiled_network_gives_the_same(tmp_path, monkeypatch, backend) -> None:
    if backend == "inductor" and shutil.which("c++") is None:
        pytest.skip("torch.compile needs a C++ compiler")
    compiled_by, original = [], nn.Module.compile

    def compile_network(network):
        compiled_by.append(backend)
        original(network, backend=backend)

    monkeypatch.setattr(nn.Module, "compile", compile_network)
    volume = _volume()
    results = []
    for compiled in (False, True):
        method = Convolutions(compile=compiled)
        method.fit(volume, CTX)
        results.append(reconstruct_volume(method, volume, CTX))
        method.macs_per_voxel()
    np.testing.assert_allclose(results[1], results[0], atol=1e-4)
    method.save(tmp_path)
    again = Convolutions()
    again.load(tmp_path)
    assert again.compile
    assert compiled_by == [backend] * 2
    np.testing.assert_allclose(reconstruct_volume(again, volume, CTX), results[1], atol=1e-6)


def test_the_degradation_takes_options() -> None:
    clean, noisy = Identity(degradation="gaussian"), Identity(degradation="gaussian:fwhm=2,gaussian=0.05")
    volume = _volume()
    for method in (clean, noisy):
        method.fit(volume, CTX)
    with pytest.raises(UnknownNameError, match="did you mean 'fwhm'"):
        Identity(degradation="gaussian:fwhn=2").fit(volume, CTX)


def test_an_untrained_method_says_so() -> None:
    with pytest.raises(InputError, match="call fit or load first"):
        Convolutions().reconstruct(_volume(), AxialGrid(9, 3.0), CTX)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_training_and_reconstruction_run_on_the_gpu() -> None:
    volume = _volume()
    method = Convolutions()
    ctx = Context(device="cuda", budget=Budget(steps=4), batch=4, patch=24)
    method.fit(volume, ctx)
    assert np.isfinite(reconstruct_volume(method, volume, ctx)).all()


def test_the_configuration_holds_the_settings_of_the_degradation() -> None:
    resolved = Convolutions(degradation="slab-average:gaussian=0.01").configuration()
    assert resolved["degradation"] == "slab-average:gaussian=0.01"
    assert resolved["degradation.gaussian"] == 0.01
    assert resolved["degradation.poisson"] == 0


def test_a_checkpoint_is_applied_to_the_planes_that_are_asked_for(tmp_path) -> None:
    volume = _volume()
    method = Convolutions(fusion="mean")
    method.fit(volume, CTX)
    method.save(tmp_path / "checkpoint")
    single = {}
    for planes in ("xz", "yz"):
        loaded = Convolutions(planes=planes)
        loaded.load(tmp_path / "checkpoint")
        single[planes] = reconstruct_volume(loaded, volume, CTX)
    both = reconstruct_volume(method, volume, CTX)
    np.testing.assert_allclose((single["xz"] + single["yz"]) / 2, both, atol=1e-5)
    assert np.abs(single["xz"] - both).max() > 1e-4


class OnSlices(SliceNetwork):
    """Interpolates the acquired slices, and adds what a convolution makes of them."""

    sees_slices = True
    reach = 2

    def build(self, size: str) -> nn.Module:
        return nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, network, degraded):
        # Linear between slices, from what the positions say.
        features = degraded.image + network(degraded.image)
        rows, at = features.shape[2], degraded.positions.clamp(0, features.shape[2] - 1)
        left = at.floor().long().clamp(max=rows - 2)
        part = (at - left).to(features)[:, None]
        return features[:, :, left] * (1 - part) + features[:, :, left + 1] * part


def _silent(method: SliceNetwork) -> SliceNetwork:
    with torch.no_grad():
        for parameter in method._fitted().parameters():
            parameter.zero_()
    method._mean_added = [0.0] * 3
    return method


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("planes", ["xz", "both"])
@pytest.mark.parametrize("ratio", [2.0, 10 / 3])
def test_a_network_on_slices_makes_the_rows_of_the_grid(ratio: float, planes: str, flips: bool) -> None:
    volume = _volume(ratio=ratio)
    method = OnSlices(planes=planes, flips=flips)
    method.fit(volume, CTX)
    positions = AxialGrid(9, ratio).positions.clip(0, 8)
    values = volume.data.reshape(9, -1) / 255
    wanted = np.array([np.interp(positions, np.arange(9), column) for column in values.T])
    result = reconstruct_volume(_silent(method), volume, CTX)
    np.testing.assert_allclose(result, wanted.T.reshape(result.shape), atol=1e-6)


@pytest.mark.parametrize("ratio", [3.0, 10 / 3])
def test_blocks_of_a_network_on_slices_are_parts_of_the_whole(ratio: float) -> None:
    volume = _volume((30, 24, 26), ratio)
    method = OnSlices(flips=True)
    method.fit(volume, CTX)
    assert method.ratio == pytest.approx(ratio)
    whole = reconstruct_volume(method, volume, CTX)
    blocks = reconstruct_volume(method, volume, CTX, max_voxels=12_000)
    np.testing.assert_allclose(blocks, whole, atol=1e-5)


def test_a_network_on_slices_learns_its_mean_and_tells_its_disagreement(tmp_path) -> None:
    volume, grid = _volume(), AxialGrid(9, 3.0)
    method, single = OnSlices(fusion="mean"), {}
    method.fit(volume, CTX)
    method.save(tmp_path)
    fused, apart = method.reconstruct_with_disagreement(volume, grid, CTX)
    for planes in ("xz", "yz"):
        loaded = OnSlices(planes=planes)
        loaded.load(tmp_path)
        single[planes] = loaded.reconstruct(volume, grid, CTX)
    np.testing.assert_allclose(apart, np.abs(single["xz"] - single["yz"]), atol=1e-5)
    np.testing.assert_array_equal(fused, method.reconstruct(volume, grid, CTX))
    inner = slice(6, 21)
    wanted = interpolate(volume.data, grid)[inner].mean() / 255
    assert fused[inner].mean() == pytest.approx(wanted, abs=2e-3)


class Interpolating(OnSlices):
    """Interpolates the acquired slices, in single precision whatever the network runs in."""

    def forward(self, network, degraded):
        matrix = torch.from_numpy(interpolation_matrix(AxialGrid(degraded.image.shape[2], 3.0))).float()
        with torch.autocast("cpu", enabled=False):
            return matrix @ degraded.image.float() + 0 * network(degraded.image.float()).mean()


def test_a_network_on_slices_that_adds_nothing_adds_no_mean_in_bf16_either() -> None:
    method = Interpolating()
    method.fit(_volume(ratio=3.0), replace(CTX, precision="bf16"))
    np.testing.assert_allclose(method._mean_added, 0, atol=1e-6)


def test_the_work_of_a_network_on_slices_is_that_of_its_output_voxels() -> None:
    method = OnSlices()
    method.fit(_volume(ratio=3.0), CTX)
    assert method.macs_per_voxel() == pytest.approx(2 * 9 / 3)
    # The volume is all noise, so that its plane families are fused with two weights.
    assert method.halo == (2 + math.ceil(8 / 3) + 2, 2 + 2)


class WrongRows(OnSlices):
    def forward(self, network, degraded):
        return degraded.image + network(degraded.image)


def test_a_network_on_slices_that_makes_other_rows_is_refused() -> None:
    with pytest.raises(PluginError, match=r"shape \(4, 1, 8, 24\); return \(4, 1, 24, 24\), a row for each"):
        WrongRows().fit(_volume(), CTX)
