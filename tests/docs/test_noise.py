"""docs/studies/noise.py: what its columns are, and what the documentation concludes from them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from a2ibench import load_catalogue
from a2ibench.data.opening import open_dataset
from a2ibench.protocol.profiles import PROFILES
from a2ibench.protocol.simulate import simulate


@pytest.fixture
def study(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("studies/noise")


def test_stripes_along_the_axes_raise_the_ratio_of_their_band_alone(study: ModuleType) -> None:
    white = np.random.default_rng(0).normal(size=(20, 64, 64))
    wave = np.cos(2 * np.pi * 0.25 * np.arange(64))
    white_ratios = study.power_ratios(white)
    np.testing.assert_allclose(white_ratios, 1, atol=0.2)
    low, middle, high = study.power_ratios(white + wave + wave[:, None])
    assert middle > 5
    np.testing.assert_allclose([low, high], white_ratios[[0, 2]], rtol=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [12, 24])
def test_no_cross_hatch_is_left_where_slices_hold_hardly_any_fine_structure(
    study: ModuleType, shared_data: Path, sigma: int
) -> None:
    spec = load_catalogue(shared_data / "datasets.toml")["tiny-epfl"]
    assert spec.simulate is not None
    clean, reference = simulate(open_dataset(spec), spec.simulate)
    pair = [study.noisy(clean, sigma, draw) for draw in range(2)]
    _cubic, plain = study.rows(pair, reference, float(sigma), ["plain"], PROFILES["quick"])
    gain, noise_left, *ratios = map(float, plain[2:])
    assert gain > {12: 2.6, 24: 4.3}[sigma]
    assert noise_left < 0.6
    assert all(0.7 <= ratio <= 1.3 for ratio in ratios)
