"""Fusion of the two plane families."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, gaussian_filter
from torch import nn

from a2ibench import AxialGrid, Budget, Context, SliceNetwork, Volume
from a2ibench.contracts import silent
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.frequency_fusion import EXCESS, WEIGHTS, estimated_weights, fuse_by_frequency
from a2ibench.protocol.planes import restore

# 1 - cos(2 pi j k) for distances j of 1 and 2.
HIGH = np.array([-0.5, 1, -0.5]), np.array([-0.5, 0, 1, 0, -0.5])


def drawn(shape: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(sum(shape))
    return torch.rand(shape, generator=draw), torch.rand(shape, generator=draw)


def whole(volume: torch.Tensor) -> tuple[slice, slice]:
    return slice(0, volume.shape[1]), slice(0, volume.shape[2])


@pytest.mark.parametrize("shape", [(3, 9, 7), (1, 2, 5), (2, 1, 1)])
@pytest.mark.parametrize("weights", [(), (0.375,), (0.5, 0.0), (0.4, -0.2)])
def test_it_is_the_mean_and_what_each_family_sees_best(
    shape: tuple[int, int, int], weights: tuple[float, ...]
) -> None:
    xz, yz = drawn(shape)
    expected = (xz + yz).double().numpy() / 2
    half = (xz - yz).double().numpy() / 2
    for weight, kernel in zip(weights, HIGH, strict=False):
        high_y, high_x = (convolve1d(half, kernel, axis, mode="nearest") for axis in (1, 2))
        expected -= weight * (high_y - high_x)
    np.testing.assert_allclose(fuse_by_frequency(xz.clone(), yz, whole(xz), weights), expected, atol=1e-6)


def test_waves_along_an_axis_come_from_the_family_that_extends_along_it() -> None:
    n = 64
    wave = torch.cos(torch.arange(n) * torch.pi * 0.9)
    along_x, along_y = wave.expand(1, n, n), wave[:, None].expand(1, n, n)
    inner = (slice(8, n - 8), slice(8, n - 8))
    nothing = torch.zeros(1, n, n)
    for wave_of, (xz, yz) in {"xz": (along_x, nothing), "yz": (nothing, along_y)}.items():
        fused = fuse_by_frequency(xz.clone(), yz, whole(xz), (0.5,))[:, *inner]
        assert (fused - (xz + yz)[:, *inner]).abs().max() < 0.05, wave_of
    for xz, yz in ((along_y, nothing), (nothing, along_x)):
        assert fuse_by_frequency(xz.clone(), yz, whole(xz), (0.5,))[:, *inner].abs().max() < 0.05


def test_where_the_families_agree_nothing_changes() -> None:
    same, _ = drawn((2, 6, 5))
    torch.testing.assert_close(fuse_by_frequency(same.clone(), same.clone(), whole(same)), same)


def test_a_part_is_the_same_part_of_the_whole_and_the_rest_is_nothing() -> None:
    xz, yz = drawn((2, 12, 10))
    everything = fuse_by_frequency(xz.clone(), yz, whole(xz))
    kept = (slice(3, 12), slice(0, 6))
    part = fuse_by_frequency(xz.clone(), yz, kept)
    torch.testing.assert_close(part[:, *kept], everything[:, *kept])
    part[:, *kept] = 0
    assert not part.any()


@pytest.mark.parametrize("kept", [None, (slice(5, 9), slice(0, 7)), (slice(0, 16), slice(13, 14))])
def test_planes_are_restored_as_far_as_the_fusion_reads(kept: tuple[slice, slice] | None) -> None:
    data, _ = drawn((6, 16, 14))

    def run(images: torch.Tensor) -> torch.Tensor:
        return images + torch.linspace(0, 1, images.shape[-1])  # another result in each family

    options = {"device": "cpu", "reach": 0, "align": 1, "progress": silent}
    fused = restore(run, data, ("xz", "yz"), kept=kept, fusion="frequency", **options)
    xz, yz = (restore(run, data, (family,), **options) for family in ("xz", "yz"))
    expected = fuse_by_frequency(xz, yz, kept or whole(data))
    torch.testing.assert_close(fused, expected)


def test_one_family_has_nothing_to_fuse() -> None:
    data, _ = drawn((4, 5, 6))
    options = {"device": "cpu", "reach": 0, "align": 1, "progress": silent}
    one = restore(lambda images: images * 2, data, ("xz",), fusion="frequency", **options)
    torch.testing.assert_close(one, data * 2)


def along(axis: int, share: float, seed: int, sections: int = 24) -> NDArray[np.float64]:
    """Return white noise of which a share of the power is left where it waves fast along an axis."""
    noise = np.random.default_rng(seed).normal(size=(sections, 96, 80))
    length = noise.shape[axis]
    slow = np.abs(np.fft.rfftfreq(length)) < 0.1
    gains = np.where(slow, 1, share**0.5).reshape([-1 if each == axis else 1 for each in range(3)])
    return np.fft.irfft(np.fft.rfft(noise, axis=axis) * gains, length, axis)


def ratios(sections: NDArray[np.float64]) -> list[float]:
    """Return the power near the axes over that near the diagonals, in the bands of the estimate."""
    waves = np.fft.fft2(sections * np.outer(np.hanning(sections.shape[1]), np.hanning(sections.shape[2])))
    y, x = np.meshgrid(*(np.fft.fftfreq(n) for n in sections.shape[1:]), indexing="ij")
    folded = np.degrees(np.arctan2(np.minimum(np.abs(y), np.abs(x)), np.maximum(np.abs(y), np.abs(x))))
    found = []
    for low, high in ((0.2, 0.3), (0.3, 0.45)):
        band = (np.hypot(y, x) >= low) & (np.hypot(y, x) < high)
        axes, diagonals = (np.abs(waves[:, band & near]) ** 2 for near in (folded < 11.25, folded > 33.75))
        found.append(float(axes.mean() / diagonals.mean()))
    return found


@pytest.mark.parametrize("share", [0.01, 0.1])
def test_the_weave_of_noise_is_taken_away(share: float) -> None:
    structure = 0.65 * along(0, 1.0, 3)
    xz, yz, slices = structure + along(2, share, 0), structure + along(1, share, 1), along(0, 1.0, 2)
    weights = estimated_weights(xz, yz, slices)
    woven, fused = (
        fuse_by_frequency(torch.from_numpy(xz.copy()), torch.from_numpy(yz), whole(xz), each).numpy()
        for each in ((), weights)
    )
    assert min(ratios(woven)) > 1.2 * EXCESS
    np.testing.assert_allclose(np.divide(ratios(fused), ratios(slices)), EXCESS, rtol=0.01)


def test_axes_that_are_strong_in_the_slices_stay_strong() -> None:
    xz, yz = along(2, 0.2, 0), along(1, 0.2, 1)
    response = [
        sum(w * (1 - np.cos(2 * np.pi * j * k)) for j, w in enumerate(weights, 1))
        for weights, k in ((estimated_weights(xz, yz, (xz + yz) / 2), k) for k in (0.25, 0.375))
    ]
    np.testing.assert_allclose(response, 0, atol=0.1)


@given(seed=st.integers(0, 1000), share=st.floats(0.001, 4.0), strength=st.floats(0.1, 10))
@settings(max_examples=25, deadline=None)
def test_no_family_gets_more_than_all_of_the_weight_in_a_band(
    seed: int, share: float, strength: float
) -> None:
    xz, yz = along(2, share, seed, 4), strength * along(1, share, seed + 1, 4)
    weights = estimated_weights(xz, yz, along(0, 1.0, seed + 2, 4))
    for frequency in (0.25, 0.375):
        response = sum(w * (1 - np.cos(2 * np.pi * j * frequency)) for j, w in enumerate(weights, 1))
        assert -0.01 <= response <= 1.01


def test_without_anything_to_learn_from_the_weights_are_the_usual() -> None:
    xz, yz, slices = along(2, 0.1, 0), along(1, 0.1, 1), along(0, 1.0, 2)
    small = (slice(None), slice(0, 31), slice(None))
    assert estimated_weights(xz[small], yz[small], slices[small]) == WEIGHTS
    assert estimated_weights(xz, yz, np.ones_like(slices)) == WEIGHTS
    assert estimated_weights(0 * xz, 0 * yz, slices) == WEIGHTS
    assert estimated_weights(xz, xz, slices) == pytest.approx((*WEIGHTS, 0), abs=1e-3)


class Small(SliceNetwork):
    reach, align = 4, 1

    def build(self, size: str) -> nn.Module:
        return nn.Conv2d(1, 1, 3, padding=1)


def test_block_by_block_equals_the_whole_and_a_checkpoint_takes_either(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 256, (10, 40, 36), np.uint8)
    volume = Volume(data, (30.0, 10.0, 10.0), (0.0, 255.0), "cells")
    budget = Budget(steps=2)
    ctx = Context(seed=0, device="cpu", precision="fp32", size="tiny", budget=budget, batch=2, patch=16)
    method = Small(fusion="frequency")
    method.fit(volume, ctx)
    at_once = reconstruct_volume(method, volume, ctx)
    in_blocks = reconstruct_volume(method, volume, ctx, max_voxels=12_000)
    np.testing.assert_allclose(in_blocks, at_once, atol=1e-5)
    method.save(tmp_path)
    mean, same = Small(fusion="mean"), Small()
    for loaded in (mean, same):
        loaded.load(tmp_path)
    grid = AxialGrid(10, 3.0)
    np.testing.assert_array_equal(same.reconstruct(volume, grid, ctx), at_once)
    assert np.abs(mean.reconstruct(volume, grid, ctx) - at_once).max() > 1e-3


@pytest.mark.parametrize(
    ("sigma", "noise", "noisy"),
    [(0.0, "estimated", False), (30.0, "estimated", True), (30.0, "none", False)],
)
def test_weights_are_the_volume_s_own_where_it_is_noisy_and_stay_with_the_network(
    sigma: float, noise: str, noisy: bool, tmp_path: Path
) -> None:
    smooth = gaussian_filter(np.random.default_rng(0).normal(size=(12, 48, 48)), 3)
    grey = 128 + 300 * smooth + np.random.default_rng(1).normal(0, sigma, smooth.shape)
    volume = Volume(np.clip(np.rint(grey), 0, 255).astype(np.uint8), (30.0, 10.0, 10.0), (0.0, 255.0))
    ctx = Context(device="cpu", precision="fp32", size="tiny", budget=Budget(steps=2), batch=2, patch=16)
    method = Small(noise=noise)
    method.fit(volume, ctx)
    method.save(tmp_path)
    state = json.loads((tmp_path / "method.json").read_text(encoding="utf-8"))
    assert (tuple(state["fusion_weights"]) != WEIGHTS) is noisy
    loaded, older = Small(), Small()
    loaded.load(tmp_path)
    del state["fusion_weights"]
    (tmp_path / "method.json").write_text(json.dumps(state), encoding="utf-8")
    older.load(tmp_path)
    fitted, again, usual = (reconstruct_volume(each, volume, ctx) for each in (method, loaded, older))
    assert loaded.halo[1] == Small.reach + (2 if noisy else 1)
    np.testing.assert_array_equal(again, fitted)
    assert np.array_equal(usual, fitted) is not noisy
