"""Simulation of anisotropic volumes, and the pinned cubic baseline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio

from a2ibench import Context, InputError, Simulation, UnknownNameError, Volume, load_catalogue
from a2ibench.data.opening import open_dataset
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.protocol.simulate import simulate
from a2ibench_cubic.method import Cubic


def _volume(shape=(50, 12, 14)) -> Volume:
    return Volume(np.random.default_rng(0).integers(0, 255, shape, np.uint8), (15, 15, 15), (0, 255))


def test_integer_ratio_is_a_rounded_block_mean() -> None:
    volume = _volume()
    anisotropic, reference = simulate(volume, Simulation(3.0))
    assert anisotropic.shape == (16, 12, 14)
    assert anisotropic.voxel_size == (45, 15, 15)
    np.testing.assert_array_equal(reference.data, volume.data[:48])
    means = volume.data[:48].reshape(16, 3, 12, 14).astype(float).mean(axis=1)
    np.testing.assert_array_equal(anisotropic.data, np.rint(means).astype(np.uint8))


def test_halves_round_to_even() -> None:
    volume = _volume((40, 12, 14))
    anisotropic, _ = simulate(volume, Simulation(4.0))
    means = volume.data.reshape(10, 4, 12, 14).astype(float).mean(axis=1)
    np.testing.assert_array_equal(anisotropic.data, np.rint(means).astype(np.uint8))


def test_noise_repeats_with_the_seed_and_has_its_variance() -> None:
    flat = Volume(np.full((64, 64, 64), 100, np.uint8), (15, 15, 15), (0, 255))
    noisy = Simulation(2.0, "slab-average", {"gaussian": 0.02})
    first, again, other = (simulate(flat, noisy, seed)[0].data.astype(float) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)
    assert first.std() == pytest.approx(0.02 * 255, rel=0.05)


@pytest.mark.parametrize("spacing", [(15.1, 15, 15), (14.9, 15, 15), (15, 15, 15.1), (5, 5.04, 5)])
@pytest.mark.parametrize("ratio", [3.0, 10 / 3])
def test_spacings_that_differ_by_less_than_one_percent_are_equal(spacing, ratio) -> None:
    given = replace(_volume((200, 8, 8)), voxel_size=spacing)
    anisotropic, reference = simulate(given, Simulation(ratio))
    assert anisotropic.ratio == pytest.approx(ratio, abs=1e-12)
    assert reference.shape[0] == round(anisotropic.shape[0] * anisotropic.ratio)


@pytest.mark.parametrize("spacing", [(15.2, 15, 15), (15, 15, 15.2), (15, 14.8, 14.8)])
def test_spacings_that_differ_by_more_are_not(spacing) -> None:
    with pytest.raises(InputError, match="isotropic"):
        simulate(replace(_volume(), voxel_size=spacing), Simulation(3.0))


def test_impossible_simulations_are_refused() -> None:
    with pytest.raises(InputError, match="thicker"):
        simulate(_volume((6, 12, 14)), Simulation(4.0))
    with pytest.raises(InputError, match="isotropic"):
        simulate(Volume(np.zeros((9, 9, 9), np.uint8), (50, 15, 15), (0, 255)), Simulation(3.0))
    with pytest.raises(UnknownNameError, match="slab-average"):
        simulate(_volume(), Simulation(3.0, "slab-averag"))
    with pytest.raises(UnknownNameError, match="gaussian"):
        simulate(_volume(), Simulation(3.0, "slab-average", {"gausian": 1}))


@pytest.mark.parametrize(
    ("dataset", "psnr"),
    [("epfl-ca1-15nm", 29.74), ("fib25-val", 31.41), ("fib25-train2", 26.19), ("hemibrain-128", 24.33)],
)
def test_cubic_scores_what_an_independent_implementation_says(shared_data, dataset: str, psnr: float) -> None:
    spec = load_catalogue(shared_data / "datasets.toml")[dataset]
    anisotropic, reference = simulate(open_dataset(spec), spec.simulate)
    prediction = quantise(reconstruct_volume(Cubic(), anisotropic, Context()), anisotropic)
    score = peak_signal_noise_ratio(reference.data, prediction, data_range=255)
    assert score == pytest.approx(psnr, abs=0.01)
