"""No method may shift, stretch or bend what it reconstructs."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.registration import phase_cross_correlation

from a2ibench import AxialGrid, Budget, Context, Method, Simulation, Volume
from a2ibench.protocol.blocks import block_size, reconstruct_volume
from a2ibench.protocol.simulate import simulate
from a2ibench.registry import host

METHODS = ["cubic", "plain", "srmd", "pssr", "swinir", "a2i-3dem"]
RATIOS = [10 / 3, 8.0, *(pytest.param(ratio, marks=pytest.mark.slow) for ratio in (2.0, 3.0, 4.0))]
CTX = Context(size="tiny", budget=Budget(steps=30), batch=4, patch=32)


@functools.cache
def _isotropic(shape: tuple[int, int, int] = (96, 64, 64)) -> Volume:
    noise = np.random.default_rng(0).normal(size=shape)
    smooth = sum(gaussian_filter(noise, sigma, mode="wrap") * sigma**1.5 for sigma in (1.5, 3, 6))
    levels = np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)
    return Volume(levels, (15.0, 15.0, 15.0), (0.0, 255.0))


@functools.cache
def _fitted(name: str, ratio: float) -> tuple[Method, Volume, Volume]:
    anisotropic, reference = simulate(_isotropic(), Simulation(ratio))
    method = host().build("method", name)
    # Rows that it takes together by fours lie on a line after twice the steps.
    steps = 60 if name == "plain" and ratio > 5 else 30
    method.fit(anisotropic, replace(CTX, budget=Budget(steps=steps)))
    return method, anisotropic, reference


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("name", METHODS)
def test_reconstructions_are_registered_to_the_reference(name: str, ratio: float) -> None:
    method, anisotropic, reference = _fitted(name, ratio)
    result = reconstruct_volume(method, anisotropic, CTX)
    assert result.shape == reference.shape
    volumes = (reference.data / 255 - 0.5, result - 0.5)
    shift = np.abs(phase_cross_correlation(*volumes, upsample_factor=100, normalization=None)[0])
    # Of a mistake in a convention half a voxel would be left, or half a slice. Of 12 slices, at a ratio of 8,
    # cubic interpolation is off by 0.02 voxels, networks that have seen 30 batches by up to 0.08.
    assert shift[0] < 0.015 * ratio
    assert shift[1:].max() < 0.05


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("name", METHODS)
def test_a_linear_ramp_comes_back_linear(name: str, ratio: float) -> None:
    method, anisotropic, _ = _fitted(name, ratio)
    n_in = 16
    steps = np.linspace(64, 192, n_in, dtype=np.float32)
    ramp = Volume(np.broadcast_to(steps[:, None, None], (n_in, 48, 48)), anisotropic.voxel_size, (0.0, 255.0))
    result = 255 * reconstruct_volume(method, ramp, CTX).mean(axis=(1, 2))
    positions = AxialGrid(n_in, ratio).positions
    inside = (positions > 3) & (positions < n_in - 4)
    slope, offset = np.polyfit(positions[inside], result[inside], 1)
    bound = 1e-3 if name == "cubic" else 1.0
    assert np.abs(result[inside] - (slope * positions[inside] + offset)).max() < bound
    # So short a training leaves networks a little off, by 2.5 % at a ratio of 10/3 and, of 12 slices, by 11 %
    # at one of 8; fully trained ones are within 0.5 %.
    allowed = 0.05 if ratio < 5 else 0.15
    assert slope == pytest.approx(128 / (n_in - 1), rel=1e-4 if name == "cubic" else allowed)


@pytest.mark.parametrize(("shape", "limit"), [((60, 32, 128), 200_000), ((200, 40, 64), 480_000)])
@pytest.mark.parametrize("name", METHODS)
def test_block_by_block_equals_the_whole(name: str, shape: tuple[int, int, int], limit: int) -> None:
    method, *_ = _fitted(name, 10 / 3)
    anisotropic, reference = simulate(_isotropic(shape), Simulation(10 / 3))
    grid = AxialGrid(anisotropic.shape[0], anisotropic.ratio)
    size = block_size(grid, shape[1:], method.halo, max_voxels=limit)
    assert name == "cubic" or size != reference.shape
    whole = 255 * reconstruct_volume(method, anisotropic, CTX)
    blocks = 255 * reconstruct_volume(method, anisotropic, CTX, max_voxels=limit)
    if name == "cubic":
        np.testing.assert_allclose(blocks, whole, atol=255e-6)
        return
    assert np.abs(blocks - whole).max() < 1
    psnr = [20 * np.log10(255 / np.std(x - reference.data)) for x in (whole, blocks)]
    assert abs(psnr[0] - psnr[1]) < 0.02
