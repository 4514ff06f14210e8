"""Networks see tissue: no hot voxels, no padding; and they return what is asked of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from a2ibench import AxialDegradation, Budget, Context, PluginError, Simulation, SliceNetwork, Volume
from a2ibench.data.intensity_range import levelled
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.sampling import PatchSampler, training_grid
from a2ibench.protocol.simulate import simulate
from a2ibench.reconstruction.sampling import training_volume

CTX = Context(budget=Budget(steps=4), batch=4, patch=24)
NM = (45.0, 15.0, 15.0)


def tissue(shape=(12, 48, 60)):
    values = gaussian_filter(np.random.default_rng(0).normal(size=shape), (0.5, 1, 1))
    return np.clip(values / values.std() * 25 + 120, 0, 255).astype(np.float32)


class Small(SliceNetwork):
    def build(self, size):
        return nn.Conv2d(1, 1, 3, padding=1)


RETURNS = {
    "two channels": (
        lambda image: image.expand(-1, 2, -1, -1),
        r"shape \(4, 2, 24, 24\); return \(4, 1, 24, 24\)",
    ),
    "no channel": (lambda image: image[:, 0], r"shape \(4, 24, 24\); return \(4, 1, 24, 24\)"),
    "one pixel": (lambda image: image.mean((2, 3), keepdim=True), r"shape \(4, 1, 1, 1\)"),
    "padded": (lambda image: nn.functional.pad(image, (0, 8, 0, 8)), r"shape \(4, 1, 32, 32\)"),
    "complex": (lambda image: image.to(torch.complex64), "torch.complex64; return floating-point"),
    "whole numbers": (lambda image: image.long(), "torch.int64; return floating-point"),
    "a tuple": (lambda image: (image, image), "tuple; return a tensor"),
    "nothing": (lambda image: None, "NoneType; return a tensor"),
}


@pytest.mark.parametrize("returned", RETURNS)
def test_a_network_that_returns_something_else_is_told_so(returned) -> None:
    change, message = RETURNS[returned]

    class Odd(Small):
        def forward(self, network, degraded):
            return change(network(degraded.image))

    volume = Volume(tissue(), NM, (0, 255), "v")
    with pytest.raises(PluginError, match=f"^Odd.forward returned {message}"):
        Odd().fit(volume, CTX)


def test_what_returns_another_shape_only_later_is_told_so_too() -> None:
    class Fickle(Small):
        def forward(self, network, degraded):
            image = network(degraded.image)
            return image if network.training else image[:, :, :, 1:]

    volume, method = Volume(tissue(), NM, (0, 255), "v"), Fickle()
    method.keep_mean = False
    method.fit(volume, CTX)
    with pytest.raises(PluginError, match=r"^Fickle.forward returned shape .*; return "):
        method.reconstruct(volume, training_grid(volume, 36), CTX)


LOSSES = {
    "not reduced": (lambda p, t: (p - t).abs(), "shape .*; return one number"),
    "a float": (lambda p, t: 0.5, "float; return a tensor"),
    "complex": (lambda p, t: (p - t).mean() * 1j, "torch.complex64; return"),
}


@pytest.mark.parametrize("kind", LOSSES)
def test_a_loss_is_one_real_number(kind) -> None:
    change, message = LOSSES[kind]

    class Odd(Small):
        def loss(self, prediction, target):
            return change(prediction, target)

    with pytest.raises(PluginError, match=f"^Odd.loss returned {message}"):
        Odd().fit(Volume(tissue(), NM, (0, 255), "v"), CTX)


@pytest.mark.parametrize("level", [1e4, -1e4, 65535.0])
def test_a_hot_voxel_changes_only_its_surroundings(level) -> None:
    results = []
    for hot in (False, True):
        data = tissue()
        if hot:
            data[6, 20, 20] = level
        volume = levelled(Volume(data, NM, (float(data.min()), float(data.max())), "v"))
        method = Small()
        method.fit(volume, CTX)
        lo, hi = volume.intensity
        results.append(reconstruct_volume(method, volume, CTX) * (hi - lo) + lo)
    far = np.ones(results[0].shape, bool)
    far[10:30, 10:31, 10:31] = False
    assert np.abs(results[1] - results[0])[far].max() < 1
    peak = results[1][6 * 3 + 1, 20, 20]
    assert abs(peak - level) < 0.1 * abs(level)


def test_a_checkpoint_keeps_the_contrast_it_was_trained_with(tmp_path) -> None:
    volume = levelled(Volume(tissue(), NM, (0, 5000), "v"))
    method, again = Small(), Small()
    method.fit(volume, CTX)
    method.save(tmp_path)
    again.load(tmp_path)
    bare = replace(volume, contrast=None)
    wanted = reconstruct_volume(method, volume, CTX)
    np.testing.assert_allclose(reconstruct_volume(again, volume, CTX), wanted, atol=1e-6)
    np.testing.assert_allclose(reconstruct_volume(again, bare, CTX), wanted, atol=1e-6)


def sampler(volume, **options):
    grid = training_grid(volume, 12)
    return PatchSampler(volume, AxialDegradation(), grid, batch=64, device="cpu", seed=3, **options)


def test_patches_lie_beside_the_padding() -> None:
    data = tissue().astype(np.uint8).clip(1)
    data[:, :, :30] = 0
    data[4] = 0
    patches = sampler(levelled(Volume(data, NM, (0, 255), "v"))).patches()
    assert patches.min() > 0
    data[:] = 0
    data[:, 20:26, 20:26] = tissue()[:, :6, :6]
    # No place is free of it: those with the most tissue are taken.
    patches = sampler(Volume(data, NM, (0, 255), "v", None, (0.0,))).patches()
    assert ((patches > 0).sum((1, 2, 3)) >= 30).all()


def test_without_padding_patches_are_those_of_any_volume() -> None:
    volume = Volume(tissue().astype(np.uint8), NM, (0, 255), "v")
    assert torch.equal(sampler(volume).patches(), sampler(levelled(volume)).patches())


def test_patches_end_where_the_contrast_does() -> None:
    data = tissue()
    data[:, ::7, ::7] = 9e3
    patches = sampler(Volume(data, NM, (0, 9e3), "v", (60.0, 180.0), ())).patches()
    assert (patches.min(), patches.max()) == (0, 1)


def test_a_training_sample_is_cut_where_tissue_is(monkeypatch) -> None:
    monkeypatch.setattr("a2ibench.reconstruction.sampling._SIDE", 24)
    data = np.zeros((64, 120, 160), np.uint8)
    data[:, :, :60] = 99
    like = Volume(data, NM, (0, 255), "v", (0, 255), (0.0,))
    sample = training_volume(data, like, seed=0, progress=lambda *_, **__: None, most=4 * 16 * 24 * 24)
    assert np.mean(sample.data > 0) > 0.9


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
@pytest.mark.parametrize("level", [65535.0, -30000.0])
@pytest.mark.parametrize("sigma", [0.005, 0.02])
def test_a_hot_voxel_does_not_inflate_the_noise_of_a_simulated_input(dtype, level, sigma) -> None:
    data = (tissue((36, 96, 120)) * 16).astype(dtype)
    limits = np.finfo(dtype) if dtype == "float32" else np.iinfo(dtype)
    hot = data.copy()
    hot[20, 20, 20] = np.clip(level, limits.min, limits.max)
    noise = []
    for voxels in (data, hot):
        whole = (float(voxels.min()), float(voxels.max()))
        volume = Volume(voxels, (15.0, 15.0, 15.0), whole, "v")
        plain, _ = simulate(volume, Simulation(3.0))
        noisy, _ = simulate(volume, Simulation(3.0, "slab-average", {"gaussian": sigma}))
        noise.append(noisy.data.astype(float) - plain.data)
    mask = np.ones(noise[0].shape, bool)
    mask[6, 20, 20] = False
    lo, hi = levelled(Volume(data, NM, (0, 4095), "v")).contrast
    assert noise[0][mask].std() == pytest.approx(sigma * (hi - lo), rel=0.02)
    assert noise[1][mask].std() == pytest.approx(noise[0][mask].std(), rel=0.02)
    assert np.abs(noise[1] - noise[0])[mask].max() < 0.05 * np.abs(noise[0]).max() + 1


def test_a_simulated_input_is_not_clipped() -> None:
    data = (tissue((36, 48, 60)) * 16).astype(np.uint16)
    plain, _ = simulate(Volume(data, (15.0, 15.0, 15.0), (500.0, 2000.0), "v"), Simulation(3.0))
    assert plain.data.max() > 2000
    assert plain.contrast is None
