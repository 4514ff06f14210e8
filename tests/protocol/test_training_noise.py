"""The noise that training inputs are given where the volume has much."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from a2ibench import AxialGrid, Volume
from a2ibench.contracts import Simulation
from a2ibench.degradations.models import SlabAverage
from a2ibench.protocol.profiles import training_settings
from a2ibench.protocol.sampling import NOISY, PatchSampler, missing_noise

GRID = AxialGrid(10, 3.0)


def noisy(sigma: float, levels: float = 255) -> Volume:
    data = 0.5 * levels + levels * sigma * np.random.default_rng(0).normal(size=(6, 96, 96))
    return Volume(data.astype(np.float32), (45.0, 15.0, 15.0), (0.0, levels), "v")


@pytest.mark.parametrize("sigma", [0.03, 0.05, 0.1])
def test_it_is_the_noise_of_the_volume(sigma: float) -> None:
    assert missing_noise(noisy(sigma), SlabAverage(), GRID) == pytest.approx(sigma, rel=0.05)


def test_it_is_a_part_of_the_contrast_where_the_volume_knows_one() -> None:
    narrow = replace(noisy(0.05), intensity=(-255.0, 510.0), contrast=(0.0, 255.0))
    assert missing_noise(narrow, SlabAverage(), GRID) == missing_noise(noisy(0.05), SlabAverage(), GRID)


def test_little_noise_is_left_alone() -> None:
    assert missing_noise(noisy(0.8 * NOISY), SlabAverage(), GRID) == 0


def test_what_the_degradation_adds_is_not_added_twice() -> None:
    assert missing_noise(noisy(0.05), SlabAverage(gaussian=0.03), GRID) == pytest.approx(0.04, rel=0.1)
    assert missing_noise(noisy(0.05), SlabAverage(gaussian=0.08), GRID) == 0


def test_inputs_have_it_and_targets_have_not() -> None:
    flat = Volume(np.full((6, 64, 64), 128, np.uint8), (45.0, 15.0, 15.0), (0, 255), "v")
    kinds = {
        noise: PatchSampler(flat, SlabAverage(), GRID, batch=32, device="cpu", seed=0, noise=noise).pairs()
        for noise in (0.0, 0.1)
    }
    assert all(float(target.std()) == pytest.approx(0, abs=1e-6) for _, target in kinds.values())
    assert float(kinds[0.0][0].image.std()) == pytest.approx(0, abs=1e-6)
    weights = torch.from_numpy(np.square(_interpolation()).sum(1).mean(keepdims=True)).sqrt()
    assert float(kinds[0.1][0].image.std()) == pytest.approx(0.1 * float(weights), rel=0.03)


def _interpolation():
    from a2ibench.protocol.resample import interpolation_matrix

    return interpolation_matrix(GRID)


def test_matched_is_what_made_the_volume_and_own_what_a_method_was_published_with() -> None:
    made = Simulation(3.0, "gaussian", {"fwhm": 1.2, "gaussian": 0.01})
    assert training_settings("srmd", "matched", made) == {"degradation": "gaussian:fwhm=1.2,gaussian=0.01"}
    assert training_settings("srmd", "matched") == {"degradation": "slab-average"}
    assert training_settings("srmd", "own", made) == {"noise": "none"}
    assert training_settings("cubic", "matched", made) == {}
