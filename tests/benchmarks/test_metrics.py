"""PSNR and SSIM beside scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
from side_by_side import least_times, seconds
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from a2ibench.registry import host

pytestmark = pytest.mark.alone

SHAPE = (64, 128, 128)
MOST = 0.30  # of the time of scikit-image; 0.11 was measured at 256^3 on two cores


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 255, SHAPE, np.uint8)
    noise = rng.normal(0, 20, SHAPE)
    return np.clip(reference + noise, 0, 255).astype(np.uint8), reference


def _skimage_ssim(prediction: np.ndarray, reference: np.ndarray) -> float:
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    planes = [(prediction[:, i], reference[:, i]) for i in range(SHAPE[1])]
    planes += [(prediction[:, :, i], reference[:, :, i]) for i in range(SHAPE[2])]
    return float(np.mean([structural_similarity(a, b, **options) for a, b in planes]))


@pytest.mark.benchmark(group="psnr")
def test_psnr(pair, benchmark) -> None:
    metric = host().build("metric", "psnr")
    benchmark(metric, *pair, 255)


@pytest.mark.benchmark(group="psnr")
def test_psnr_of_scikit_image(pair, benchmark) -> None:
    value = benchmark(peak_signal_noise_ratio, pair[1], pair[0], data_range=255)
    assert host().build("metric", "psnr")(*pair, 255) == pytest.approx(value)


@pytest.mark.benchmark(group="ssim")
def test_ssim(pair, benchmark) -> None:
    metric = host().build("metric", "ssim")
    benchmark.pedantic(metric, (*pair, 255), rounds=3)


@pytest.mark.benchmark(group="ssim")
def test_ssim_of_scikit_image(pair, benchmark) -> None:
    value = benchmark.pedantic(_skimage_ssim, pair, rounds=3)
    assert host().build("metric", "ssim")(*pair, 255) == pytest.approx(value, abs=1e-6)


def test_psnr_and_ssim_take_a_fraction_of_the_time_of_scikit_image(pair, benchmark) -> None:
    metrics = [host().build("metric", name) for name in ("psnr", "ssim")]

    def theirs() -> None:
        peak_signal_noise_ratio(pair[1], pair[0], data_range=255)
        _skimage_ssim(*pair)

    fast, slow = least_times(
        benchmark,
        lambda: seconds(lambda: [metric(*pair, 255) for metric in metrics]),
        lambda: seconds(theirs),
        rounds=3,
        most=MOST,
    )
    benchmark.extra_info |= {"of scikit-image": fast / slow, "ours (s)": fast}
    assert fast / slow < MOST
