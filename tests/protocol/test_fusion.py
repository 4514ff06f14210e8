"""Fusion of the two plane families."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve1d
from torch import nn

from a2ibench import AxialGrid, Budget, Context, SliceNetwork, Volume
from a2ibench.contracts import silent
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.planes import fuse_by_frequency, restore

LOW = np.array([0.25, 0.5, 0.25])


def drawn(shape: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(sum(shape))
    return torch.rand(shape, generator=draw), torch.rand(shape, generator=draw)


def whole(volume: torch.Tensor) -> tuple[slice, slice]:
    return slice(0, volume.shape[1]), slice(0, volume.shape[2])


@pytest.mark.parametrize("shape", [(3, 9, 7), (1, 2, 5), (2, 1, 1)])
def test_it_is_the_mean_and_what_each_family_sees_best(shape: tuple[int, int, int]) -> None:
    xz, yz = drawn(shape)
    difference = (xz - yz).double().numpy()
    low_y, low_x = (convolve1d(difference, LOW, axis, mode="nearest") for axis in (1, 2))
    # L_y (1 - L_x) D - L_x (1 - L_y) D, whose second terms are the same.
    for lean in (0.0, 0.75, 1.0):
        expected = (xz + yz).double().numpy() / 2 + lean * (low_y - low_x) / 2
        np.testing.assert_allclose(fuse_by_frequency(xz.clone(), yz, whole(xz), lean), expected, atol=1e-6)


def test_waves_along_an_axis_come_from_the_family_that_extends_along_it() -> None:
    n = 64
    wave = torch.cos(torch.arange(n) * torch.pi * 0.9)
    along_x, along_y = wave.expand(1, n, n), wave[:, None].expand(1, n, n)
    inner = (slice(8, n - 8), slice(8, n - 8))
    nothing = torch.zeros(1, n, n)
    for wave_of, (xz, yz) in {"xz": (along_x, nothing), "yz": (nothing, along_y)}.items():
        fused = fuse_by_frequency(xz.clone(), yz, whole(xz), lean=1)[:, *inner]
        assert (fused - (xz + yz)[:, *inner]).abs().max() < 0.05, wave_of
    for xz, yz in ((along_y, nothing), (nothing, along_x)):
        assert fuse_by_frequency(xz.clone(), yz, whole(xz), lean=1)[:, *inner].abs().max() < 0.05


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
