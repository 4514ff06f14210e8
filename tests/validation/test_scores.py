"""Metrics that need no reference."""

from __future__ import annotations

import math

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from a2ibench.contracts import AxialGrid, HeldOut, ScoreContext, Simulation, Volume
from a2ibench.data.intensity_range import noise_level
from a2ibench.protocol.resample import interpolate
from a2ibench.protocol.simulate import simulate
from a2ibench.registry import host
from a2ibench.registry.validation import measure
from a2ibench.validation import scores

RNG = np.random.default_rng(3)


def known(prediction: np.ndarray, volume: Volume, **more) -> ScoreContext:
    return ScoreContext(prediction, None, 255.0, (10.0, 10.0, 10.0), volume, volume.ratio, **more)


def tissue(noise: float = 0.0) -> tuple[Volume, Volume]:
    from scipy.ndimage import gaussian_filter

    grey = gaussian_filter(RNG.normal(size=(48, 60, 64)), 2)
    grey = 120 + 30 * grey / grey.std()
    data = np.clip(np.rint(grey + RNG.normal(0, noise, grey.shape) if noise else grey), 0, 255)
    return simulate(Volume(data.astype(np.uint8), (10.0,) * 3, (0.0, 255.0), "t"), Simulation(4.0))


def residual(prediction: np.ndarray, volume: Volume) -> float:
    again = prediction.astype(float).reshape(-1, 4, *prediction.shape[1:]).mean(axis=1)
    return float(np.sqrt(((again - volume.data) ** 2).mean()))


def test_the_reference_is_consistent_to_the_rounding_of_the_input() -> None:
    volume, reference = tissue()
    value = scores.Consistency().score(known(reference.data, volume))
    cubic = interpolate(np.asarray(volume.data, np.float32), AxialGrid(12, 4.0))
    # Means of four whole numbers are rounded by 0, 1/4, 1/2 and 1/4 grey levels.
    assert residual(reference.data, volume) == pytest.approx(math.sqrt(0.09375), rel=0.02)
    assert value == pytest.approx(residual(reference.data, volume) / residual(cubic, volume), rel=1e-4)
    assert scores.Consistency().score(known(cubic, volume)) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("offset", [10, 40])
def test_consistency_is_in_units_of_the_noise_where_that_is_most(offset: int) -> None:
    volume, reference = tissue(noise=50.0)
    sigma = noise_level(volume) * 255
    cubic = interpolate(np.asarray(volume.data, np.float32), AxialGrid(12, 4.0))
    assert sigma > residual(cubic, volume)
    value = scores.Consistency().score(known(reference.data.astype(np.float32) + offset, volume))
    assert value == pytest.approx(offset / sigma, rel=0.02)


def test_consistency_assumes_what_the_context_tells() -> None:
    volume, reference = tissue()
    matched = scores.Consistency().score(known(reference.data, volume, degradation="slab-average"))
    other = scores.Consistency().score(known(reference.data, volume, degradation="gaussian:fwhm=2"))
    assert other > 3 * matched


def test_held_out_planes_are_scored_as_volumes_are() -> None:
    volume, _ = tissue()
    truth = RNG.integers(0, 255, (40, 6, 40)).astype(np.uint8)
    guess = np.clip(truth + RNG.normal(0, 9, truth.shape), 0, 255).astype(np.uint8)
    context = known(truth, volume, held_out=HeldOut(guess, truth), reduced=HeldOut(guess, truth))
    expected = peak_signal_noise_ratio(truth, guess, data_range=255)
    for name in ("in_plane_psnr", "reduced_psnr"):
        measured = measure(host().build("metric", name), name, context)
        assert measured is not None
        assert measured.value == pytest.approx(expected)
        errors = 10 ** (-measured.slices["yz"].astype(float) / 10)
        assert -10 * math.log10(errors.mean()) == pytest.approx(expected, abs=1e-3)
    similar = [
        structural_similarity(
            truth[:, n], guess[:, n], data_range=255, gaussian_weights=True, use_sample_covariance=False
        )
        for n in range(6)
    ]
    assert scores.InPlaneSSIM().score(context) == pytest.approx(np.mean(similar), abs=1e-6)


def test_disagreement_is_a_mean() -> None:
    volume, _ = tissue()
    apart = RNG.random((4, 5, 6)).astype(np.float32)
    assert scores.Disagreement().score(known(apart, volume, disagreement=apart)) == pytest.approx(
        apart.mean(dtype=np.float64)
    )


@pytest.mark.parametrize("name", ["in_plane_psnr", "in_plane_ssim", "reduced_psnr", "disagreement"])
def test_without_what_they_need_scores_are_not_defined(name: str) -> None:
    volume, reference = tissue()
    measured = measure(host().build("metric", name), name, known(reference.data, volume))
    assert measured is not None
    assert math.isnan(measured.value)


def test_gates_are_never_ranked_by() -> None:
    assert host().ranked_upwards("consistency") is None
    assert host().higher_is_better("consistency") is False
    assert host().ranked_upwards("in_plane_psnr") is True
