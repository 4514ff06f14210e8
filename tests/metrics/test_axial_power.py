from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.fft import irfft, rfft
from scipy.ndimage import gaussian_filter1d

from a2ibench.errors import InputError
from a2ibench.metrics import axial_power as module
from a2ibench.metrics.axial_power import axial_power

VOXEL = (8.0, 8.0, 8.0)


def white(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def expected(sigma: float, edges: NDArray[np.float64]) -> list[float]:
    """Return the ratio of a white volume blurred along z: |H|**2 averaged over wedge and octave."""
    rng = np.random.default_rng(1)
    along, azimuth = rng.uniform(math.cos(math.radians(30)), 1, 20_000), rng.uniform(0, 2 * np.pi, 20_000)
    aside = np.sqrt(1 - along**2) * np.cos(azimuth)
    ratios = []
    for low, high in pairwise(edges):
        # Frequencies are uniform in the volume of the octave's shell.
        frequency = rng.uniform(low**3, high**3, along.size) ** (1 / 3)
        axial, lateral = (
            np.exp(-((2 * np.pi * sigma * frequency * part) ** 2)).mean() for part in (along, aside)
        )
        ratios.append(axial / lateral)
    return ratios


def test_a_blurred_white_volume_has_the_power_of_its_closed_form():
    sigma, volume = 0.8, white((96, 104, 112))
    n = volume.shape[0]
    gain = np.exp(-2 * (np.pi * sigma * np.arange(n // 2 + 1) / n) ** 2)
    volume = irfft(rfft(volume, axis=0) * gain[:, None, None], n, axis=0)
    found = axial_power(volume, VOXEL)
    edges = 0.5 ** np.arange(5, 0, -1)
    np.testing.assert_allclose(found.frequency * VOXEL[0], np.sqrt(edges[1:] * edges[:-1]))
    # The lowest octaves hold few frequencies.
    np.testing.assert_allclose(found.ratio[2:], expected(sigma, edges)[2:], rtol=0.1)
    np.testing.assert_allclose(found.ratio[:2], expected(sigma, edges)[:2], rtol=0.35)


def test_noise_and_lateral_smoothing_raise_it_as_the_page_warns():
    blurred = gaussian_filter1d(white((48, 48, 48)), 1.5, axis=0)
    plain = axial_power(blurred, VOXEL).ratio
    assert axial_power(blurred + 0.2 * white(blurred.shape, 2), VOXEL).ratio[-1] > 3 * plain[-1]
    smoothed = gaussian_filter1d(gaussian_filter1d(blurred, 1.5, axis=1), 1.5, axis=2)
    assert axial_power(smoothed, VOXEL).ratio[-1] > 10 * plain[-1]


def test_of_a_large_volume_the_middle_counts_and_levels_do_not(monkeypatch):
    volume = white((30, 40, 50))
    expected = axial_power(100 * volume[3:27, 8:32, 13:37] - 3, VOXEL)
    monkeypatch.setattr(module, "SIDE", 24)
    found = axial_power(volume, VOXEL)
    np.testing.assert_array_equal(found.frequency, expected.frequency)
    np.testing.assert_allclose(found.ratio, expected.ratio, rtol=1e-4)


@pytest.mark.parametrize("shape", [(15, 40, 40), (1, 9, 11)])
def test_too_small_volumes_have_no_octaves_and_flat_ones_no_ratio(shape):
    assert axial_power(white(shape), VOXEL).ratio.size == 0
    assert np.isnan(axial_power(np.full((24, 24, 24), 0.1), VOXEL).ratio).all()


def test_bad_arguments_are_named():
    with pytest.raises(InputError, match=r"shape is \(20, 20\)"):
        axial_power(white((20, 20)), VOXEL)
    with pytest.raises(InputError, match="voxel_size"):
        axial_power(white((20, 20, 20)), (8.0, -1.0, 8.0))
