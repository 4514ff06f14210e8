"""Training pairs: where patches come from and how they are degraded."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from a2ibench import AxialDegradation, AxialGrid, InputError, Volume
from a2ibench.protocol.resample import interpolation_matrix
from a2ibench.protocol.sampling import PatchSampler, training_grid


def _volume(shape=(5, 40, 44), ratio: float = 3.0, dtype: str = "uint8") -> Volume:
    data = np.random.default_rng(0).integers(0, 255, shape).astype(dtype)
    return Volume(data, (15 * ratio, 15, 15), (0.0, 255.0))


def _sampler(volume: Volume, patch: int = 16, batch: int = 64, seed: int = 0, **options) -> PatchSampler:
    grid = training_grid(volume, patch)
    return PatchSampler(volume, AxialDegradation(), grid, batch=batch, device="cpu", seed=seed, **options)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "float32"])
def test_every_patch_is_a_turned_crop_of_a_slice(dtype: str) -> None:
    volume = _volume(dtype=dtype)
    patches = (_sampler(volume, batch=24).patches()[:, 0] * 255).numpy()
    windows = np.lib.stride_tricks.sliding_window_view(volume.data.astype(np.float32), (15, 15), axis=(1, 2))
    turns = []
    for patch in patches:
        found = [
            t
            for t in range(8)
            if np.isclose(windows, np.rot90(patch.T if t > 3 else patch, t), atol=1e-2).all((3, 4)).any()
        ]
        assert found
        turns += found
    assert len(set(turns)) > 4


def test_pairs_are_degraded_and_interpolated_through_one_grid() -> None:
    volume = _volume()
    sampler = _sampler(volume)
    degraded, target = sampler.pairs()
    means = target.numpy().reshape(64, 1, 5, 3, 15).mean(axis=3)
    wanted = np.einsum("ki,bcix->bckx", interpolation_matrix(AxialGrid(5, 3.0)), means)
    np.testing.assert_allclose(degraded.image.numpy(), wanted, atol=1e-5)


def test_draws_repeat_with_the_seed() -> None:
    volume = _volume()
    first, again, other = (_sampler(volume, seed=seed).patches() for seed in (3, 3, 4))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_positions_are_uniform_up_to_the_last() -> None:
    volume = _volume((2, 18, 17))
    data = np.zeros((2, 18, 17), np.uint8)
    data[1, 17, 16] = 255
    corner = Volume(data, volume.voxel_size, volume.intensity)
    hits = (_sampler(corner, batch=4000).patches().amax((1, 2, 3)) > 0).float().mean()
    assert hits.item() == pytest.approx(1 / (2 * 4 * 3), rel=0.25)


@given(
    side=st.integers(3, 100),
    ratio=st.floats(1, 12),
    patch=st.integers(8, 96),
)
def test_training_grids_fit_the_volume(side: int, ratio: float, patch: int) -> None:
    volume = _volume((2, side, side + 3), ratio)
    try:
        grid = training_grid(volume, patch)
    except InputError:
        assert 2 * ratio > side - 1
        return
    assert grid.n_in >= 2
    assert grid.n_out <= side
    assert grid.ratio == volume.ratio
