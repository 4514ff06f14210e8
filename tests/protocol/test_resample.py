"""Interpolation and degradation matrices, against closed forms and outside references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from a2ibench import AxialGrid, interpolate
from a2ibench.degradations.models import gaussian_psf, slab_average, subsample
from a2ibench.protocol.resample import interpolation_matrix

RATIOS = [1.0, 2.0, 3.0, 10 / 3, 4.0, 8.0]
ratios = st.one_of(st.sampled_from(RATIOS), st.floats(1, 12))


@given(n_in=st.integers(1, 60), ratio=ratios, a=st.floats(-1, 0))
def test_constants_stay_constant(n_in: int, ratio: float, a: float) -> None:
    np.testing.assert_allclose(interpolation_matrix(AxialGrid(n_in, ratio), a).sum(axis=1), 1, atol=1e-9)


@given(n_in=st.integers(6, 60), ratio=ratios)
def test_quadratics_come_back_away_from_the_ends(n_in: int, ratio: float) -> None:
    grid = AxialGrid(n_in, ratio)
    z = np.arange(n_in)
    inside = (grid.positions > 1) & (grid.positions < n_in - 2)
    for power in (1, 2):
        result = interpolation_matrix(grid) @ z**power
        np.testing.assert_allclose(result[inside], grid.positions[inside] ** power, atol=1e-8)


@pytest.mark.parametrize("ratio", [2.0, 3.0, 4.0, 8.0])
def test_equals_torch_bicubic_at_its_slope(ratio: float) -> None:
    signal = np.random.default_rng(0).random(12)
    grid = AxialGrid(12, ratio)
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(signal)[None, None, :, None].expand(1, 1, 12, 4).contiguous(),
        size=(grid.n_out, 4),
        mode="bicubic",
        align_corners=False,
    )[0, 0, :, 0]
    np.testing.assert_allclose(interpolation_matrix(grid, -0.75) @ signal, wanted.numpy(), atol=1e-9)


@pytest.mark.parametrize("ratio", RATIOS)
def test_volumes_are_interpolated_along_z_alone(ratio: float) -> None:
    data = np.random.default_rng(1).integers(0, 255, (9, 13, 700), np.uint8)
    grid = AxialGrid(9, ratio)
    wanted = np.einsum("ki,iyx->kyx", interpolation_matrix(grid), data.astype(float))
    result = interpolate(data, grid)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, wanted, atol=1e-3)


@given(n_in=st.integers(1, 40), ratio=ratios)
def test_slab_average_is_the_integral_over_the_slab(n_in: int, ratio: float) -> None:
    grid = AxialGrid(n_in, ratio)
    matrix = slab_average(grid)
    values = np.random.default_rng(n_in).random(grid.n_out)
    cumulative = np.concatenate([[0], np.cumsum(values)])
    for i in range(n_in):
        low, high = i * ratio, min((i + 1) * ratio, grid.n_out)
        ends = np.interp([low, high], np.arange(grid.n_out + 1), cumulative)
        assert matrix[i] @ values == pytest.approx((ends[1] - ends[0]) / (high - low))


@pytest.mark.parametrize("operator", [slab_average, subsample, lambda grid: gaussian_psf(grid, 1.0)])
@given(n_in=st.integers(1, 40), ratio=ratios)
def test_operators_average_and_are_centred(operator, n_in: int, ratio: float) -> None:
    grid = AxialGrid(n_in, ratio)
    matrix = operator(grid)
    assert matrix.shape == (n_in, grid.n_out)
    assert np.all(matrix >= 0)
    np.testing.assert_allclose(matrix.sum(axis=1), 1)
    ramp = (np.arange(grid.n_out) + 0.5) / ratio - 0.5
    sampled = matrix @ ramp
    inside = slice(3, n_in - 3)
    # A slab that ends within an output voxel takes that voxel's centre for the part it covers.
    bound = 1e-9 if float(ratio).is_integer() else 0.26 / ratio**2
    np.testing.assert_allclose(sampled[inside], np.arange(n_in)[inside], atol=bound)


def test_gaussian_has_the_width_it_is_given() -> None:
    grid = AxialGrid(21, 16.0)
    row = gaussian_psf(grid, 0.8)[10]
    above = np.flatnonzero(row >= row.max() / 2)
    assert len(above) / 16 == pytest.approx(0.8, abs=0.1)


@pytest.mark.parametrize("ratio", RATIOS)
def test_degrade_then_interpolate_does_not_shift(ratio: float) -> None:
    grid = AxialGrid(40, ratio)
    k = np.arange(grid.n_out)
    wave = np.cos(2 * np.pi * k / (10 * ratio))
    back = interpolation_matrix(grid) @ (slab_average(grid) @ wave)
    inside = slice(grid.n_out // 4, 3 * grid.n_out // 4)
    phase = 2 * np.pi * k[inside] / (10 * ratio)
    fit = np.linalg.lstsq(np.stack([np.cos(phase), np.sin(phase)], 1), back[inside], rcond=None)[0]
    shift = np.arctan2(fit[1], fit[0]) / (2 * np.pi) * 10 * ratio
    assert abs(shift) < 0.01 * ratio
