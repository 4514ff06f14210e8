"""The noise level of a volume."""

from __future__ import annotations

import subprocess
import sys
import warnings
from time import perf_counter

import numpy as np
import pytest
from skimage import restoration

import a2ibench
from a2ibench import Volume, load_catalogue, noise_level, open_volume
from a2ibench.bench.provenance import describe_dataset
from a2ibench.contracts import DatasetSpec
from a2ibench.data.intensity_range import NOISE_SIDE


def smooth(sigma: float, shape: tuple[int, int, int] = (12, 96, 80), seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[1], : shape[2]] / 9
    return 100 + 40 * np.sin(y) * np.cos(x) + rng.normal(0, sigma, shape)


def volume(data: np.ndarray, intensity: tuple[float, float] = (0, 255)) -> Volume:
    return Volume(data, (15, 5, 5), intensity)


@pytest.mark.parametrize("sigma", [1.0, 3.0, 12.0])
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_it_is_the_standard_deviation_of_what_was_added(sigma: float, dtype: str) -> None:
    data = np.clip(np.rint(smooth(sigma)) if dtype != "float32" else smooth(sigma), 0, 255).astype(dtype)
    assert noise_level(volume(data)) * 255 == pytest.approx(sigma, rel=0.1)


def test_it_is_that_of_scikit_image() -> None:
    data = np.rint(smooth(3.0, (9, 96, 80)))
    # Where coefficients are exactly 0, they do not count.
    data[:, 72:] = 200
    expected = np.median([restoration.estimate_sigma(plane) for plane in data])
    assert noise_level(volume(data, (0, 1))) == expected > 1


def test_it_is_a_fraction_of_the_intensity_range() -> None:
    data = smooth(4.0)
    assert noise_level(volume(data, (50, 150))) == pytest.approx(2.55 * noise_level(volume(data)))
    assert noise_level(volume(data * 200 + 3, (0, 51000))) == pytest.approx(noise_level(volume(data)))


def test_slices_that_differ_do_not_change_the_median() -> None:
    data = smooth(2.0)
    data[0] = 0
    data[-1] += np.random.default_rng(1).normal(0, 50, data.shape[1:])
    assert noise_level(volume(data)) * 255 == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(
    "data",
    [
        np.zeros((3, 32, 32), np.uint8),
        np.full((3, 32, 32), 0.1, np.float32),
        np.random.default_rng(0).integers(0, 255, (4, 7, 90), np.uint8),
        np.random.default_rng(0).integers(0, 255, (4, 90, 3), np.uint8),
        np.random.default_rng(0).integers(0, 255, (4, 1, 1), np.uint8),
    ],
    ids=["black", "grey", "low", "narrow", "a voxel"],
)
def test_constant_and_small_slices_have_none(data: np.ndarray) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert noise_level(volume(data)) == 0.0


@pytest.mark.parametrize("across", [False, True])
def test_stripes_have_none(across: bool) -> None:
    # Some of these values make wavelet coefficients of exactly 0, others of 0 but for rounding.
    for value in range(1, 100):
        plane = np.zeros((16, 16))
        plane[:, 5] = value
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            level = noise_level(volume(np.stack([plane.T if across else plane] * 2)))
        assert level == pytest.approx(0, abs=1e-12)


def test_thin_volumes_and_the_smallest_slices_have_a_level() -> None:
    assert noise_level(volume(smooth(5.0, (1, 200, 200)))) * 255 == pytest.approx(5, rel=0.1)
    assert noise_level(volume(smooth(5.0, (9, 8, 8)))) > 0


def test_wide_slices_are_looked_at_in_their_middle() -> None:
    data = np.random.default_rng(0).normal(100, 50, (1, 40, NOISE_SIDE + 1200))
    data[:, :, 600:-600] = smooth(5.0, (1, 40, NOISE_SIDE))
    assert noise_level(volume(data)) * 255 == pytest.approx(5, rel=0.1)


def test_a_volume_of_twenty_megavoxels_takes_less_than_a_second() -> None:
    large = volume(np.random.default_rng(0).integers(0, 255, (20, 1024, 1024), np.uint8))
    noise_level(large)
    times = []
    for _ in range(3):
        start = perf_counter()
        noise_level(large)
        times.append(perf_counter() - start)
    assert min(times) < 1


@pytest.mark.parametrize(
    ("dataset", "grey_levels"), [("epfl-ca1-5nm", 9.2), ("epfl-ca1-15nm", 3.2), ("fib25-val", 4.1)]
)
def test_real_volumes(shared_data, dataset: str, grey_levels: float) -> None:
    spec = load_catalogue(shared_data / "datasets.toml")[dataset]
    stored = open_volume(spec.path, voxel_size=spec.voxel_size)
    assert noise_level(stored) * 255 == pytest.approx(grey_levels, rel=0.15)


def test_it_is_recorded_with_the_dataset() -> None:
    spec = DatasetSpec("d", "D", (15.0, 5.0, 5.0))
    noisy = volume(smooth(3.0))
    described = describe_dataset(spec, volume(smooth(9.0)), noisy, 36)
    assert described["noise"] == noise_level(noisy)


def test_its_name_is_public_and_importing_it_is_cheap() -> None:
    assert "noise_level" in a2ibench.__all__
    code = (
        "import sys; from a2ibench import noise_level; print({'torch', 'skimage', 'pywt'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
