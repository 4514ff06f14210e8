"""Fusion of the two plane families by Fourier burst accumulation."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from a2ibench import AxialGrid, Budget, Context, InputError, SliceNetwork, Volume
from a2ibench.contracts import silent
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.fourier_burst import HOP, MARGIN, WINDOW, _fused, fuse_by_bursts
from a2ibench.protocol.planes import restore

OPTIONS = {"device": "cpu", "reach": 0, "align": 1, "progress": silent}


def drawn(shape: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(sum(shape))
    return torch.rand(shape, generator=draw), torch.rand(shape, generator=draw)


def whole(volume: torch.Tensor) -> tuple[slice, slice]:
    return slice(0, volume.shape[1]), slice(0, volume.shape[2])


def by_numpy(pair: np.ndarray, window: np.ndarray, power: float) -> np.ndarray:
    greys = (pair * window).sum((1, 2), keepdims=True) / window.sum()
    first, second = np.fft.fft2((pair - greys) * window)
    if math.isinf(power):
        fused = np.where(np.abs(first) >= np.abs(second), first, second)
    else:
        weights = np.abs(first) ** power, np.abs(second) ** power
        fused = (weights[0] * first + weights[1] * second) / (weights[0] + weights[1])
    return (np.fft.ifft2(fused).real + greys.mean() * window) * window


@pytest.mark.parametrize("power", [1.0, 11.0, math.inf])
def test_a_window_is_what_a_direct_transform_gives(power: float) -> None:
    pair = torch.rand(2, 1, WINDOW, WINDOW, generator=torch.Generator().manual_seed(1), dtype=torch.double)
    taper = np.sin(np.pi * (np.arange(WINDOW) + 0.5) / WINDOW)
    window = np.outer(taper, taper)
    expected = by_numpy(pair[:, 0].numpy(), window, power)
    np.testing.assert_allclose(_fused(pair, torch.from_numpy(window), power)[0], expected, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 30, 41), (1, 5, 16), (1, 1, 1)])
def test_without_a_power_it_is_the_mean_and_loses_nothing(shape: tuple[int, int, int]) -> None:
    xz, yz = drawn(shape)
    torch.testing.assert_close(fuse_by_bursts(xz.clone(), yz, whole(xz), 0), (xz + yz) / 2)
    torch.testing.assert_close(fuse_by_bursts(xz.clone(), xz, whole(xz)), xz)


def test_a_wave_that_one_family_has_is_kept_and_neither_grey_is_preferred() -> None:
    wave = 0.1 * torch.cos(torch.arange(64) * 2 * torch.pi / 4).expand(1, 64, 64)
    for xz, yz in ((0.4 + wave, torch.full((1, 64, 64), 0.6)), (torch.full((1, 64, 64), 0.4), 0.6 + wave)):
        fused = fuse_by_bursts(xz.clone(), yz, whole(xz))
        assert (fused - 0.5 - wave).abs()[:, 8:-8, 8:-8].max() < 0.01


def test_a_part_that_begins_with_a_window_is_the_same_part_of_the_whole() -> None:
    xz, yz = drawn((2, 72, 61))
    everything = fuse_by_bursts(xz.clone(), yz, whole(xz))
    y, x = slice(2 * HOP, 72), slice(HOP, 53)
    kept = slice(MARGIN, 72 - y.start), slice(MARGIN + 2, 53 - MARGIN - x.start)
    part = fuse_by_bursts(xz[:, y, x].clone(), yz[:, y, x], kept)
    expected = everything[:, y, x][:, *kept]
    torch.testing.assert_close(part[:, *kept], expected)
    part[:, *kept] = 0
    assert not part.any()


def test_planes_are_restored_as_far_as_the_windows_reach() -> None:
    data, _ = drawn((4, 64, 48))

    def run(images: torch.Tensor) -> torch.Tensor:
        return images * torch.linspace(0, 1, images.shape[-1])

    kept = (slice(20, 33), slice(0, 9))
    fused = restore(run, data, ("xz", "yz"), kept=kept, fusion="fourier-burst", **OPTIONS)
    xz, yz = (restore(run, data, (family,), **OPTIONS) for family in ("xz", "yz"))
    torch.testing.assert_close(fused, fuse_by_bursts(xz, yz, kept))


def test_a_fusion_of_another_name_is_refused() -> None:
    with pytest.raises(InputError, match=r"fusion: got 'burst'; choose one of .*fourier-burst"):
        restore(lambda images: images, torch.zeros(2, 4, 4), ("xz", "yz"), fusion="burst", **OPTIONS)


class Windowed(SliceNetwork):
    fusion = "fourier-burst"
    reach = 1

    def build(self, size: str) -> nn.Module:
        self.align = 3
        return nn.Conv2d(1, 1, 3, padding=1)


def test_block_by_block_equals_the_whole_whatever_the_period_of_the_network(tmp_path: Path) -> None:
    data = np.random.default_rng(0).integers(0, 256, (6, 90, 20), np.uint8)
    volume = Volume(data, (30.0, 10.0, 10.0), (0.0, 255.0), "cells")
    ctx = Context(size="tiny", precision="fp32", budget=Budget(steps=2), batch=2, patch=16)
    method, loaded = Windowed(), Windowed()
    method.fit(volume, ctx)
    method.save(tmp_path)
    loaded.load(tmp_path)
    assert method.align == loaded.align == 3 * HOP
    at_once = reconstruct_volume(method, volume, ctx)
    for one in (method, loaded):
        in_blocks = reconstruct_volume(one, volume, ctx, max_voxels=28_000)
        np.testing.assert_allclose(in_blocks, at_once, atol=1e-5)
    mean = Windowed(fusion="mean")
    mean.load(tmp_path)
    assert np.abs(mean.reconstruct(volume, AxialGrid(6, 3.0), ctx) - at_once).max() > 1e-3
