from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from a2ibench.data.phantom import GENERATOR_VERSION, phantom
from a2ibench.data.phantom.geometry import cubic_weights
from a2ibench.errors import InputError

CHILD = """
import hashlib, json, sys, time
import numpy as np
from a2ibench.bench.device import peak_memory
from a2ibench.data.phantom import phantom
start = time.process_time()
volume = phantom(int(sys.argv[1]))
seconds = time.process_time() - start
if len(sys.argv) > 2:
    np.save(sys.argv[2], volume)
peak = peak_memory("cpu")["process"] / 2**30
digest = hashlib.sha256(volume.tobytes()).hexdigest()
print(json.dumps({"seconds": seconds, "gibibytes": peak, "digest": digest}))
"""


def in_child(threads: int, *arguments: object) -> dict[str, Any]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *map(str, arguments)],
        env=os.environ | dict.fromkeys(names, str(threads)),
        capture_output=True,
        text=True,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def changes(volume: NDArray[Any], lag: int = 1) -> NDArray[np.float64]:
    """Mean absolute difference along z, y and x."""
    grey = volume.astype(np.float32)
    shifted = [
        np.abs(grey.take(range(lag, grey.shape[a]), a) - grey.take(range(grey.shape[a] - lag), a))
        for a in range(3)
    ]
    return np.array([part.mean(dtype=np.float64) for part in shifted])


def spread(values: NDArray[np.float64]) -> float:
    return float(values.max() / values.min() - 1)


def spectrum(volume: NDArray[Any], side: int = 48) -> NDArray[np.float64]:
    """Radial power of xy windows, in 12 bands from 0.02 to 0.5 cycles a voxel."""
    window = np.outer(np.hanning(side), np.hanning(side))
    power, count = np.zeros((side, side)), 0
    for plane in volume[::4].astype(np.float64):
        for y in range(0, plane.shape[0] - side + 1, side):
            for x in range(0, plane.shape[1] - side + 1, side):
                part = plane[y : y + side, x : x + side]
                power += np.abs(np.fft.fft2((part - part.mean()) * window)) ** 2
                count += 1
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    edges = np.linspace(0.02, 0.5, 13)
    bands = [(frequency >= low) & (frequency < high) for low, high in pairwise(edges)]
    return np.array([power[band].mean() for band in bands]) / (count * (window**2).sum())


def cubic_psnr(volume: NDArray[np.uint8], ratio: int = 3) -> float:
    """PSNR after averaging slabs of `ratio` planes and interpolating them back."""
    slabs = len(volume) // ratio
    fine = volume[: slabs * ratio].astype(np.float64)
    coarse = np.rint(fine.reshape(slabs, ratio, *volume.shape[1:]).mean(axis=1))
    weights = cubic_weights(
        np.clip((np.arange(slabs * ratio) + 0.5) / ratio - 0.5, 0, slabs - 1), -1, slabs + 2
    )
    restored = np.tensordot(weights, np.concatenate([coarse[:1], coarse, coarse[-1:]]), 1)
    error = np.clip(np.rint(restored), 0, 255) - fine
    return float(10 * np.log10(255**2 / np.mean(error**2)))


@pytest.fixture(scope="module", params=[112, pytest.param(160, marks=pytest.mark.slow)])
def full(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """The default phantom or a smaller one that is as telling, and what it cost on one core."""
    path = tmp_path_factory.mktemp("phantom") / "volume.npy"
    cost = in_child(1, request.param, path)
    return np.load(path), cost


@pytest.fixture(scope="module")
def clean() -> NDArray[np.uint8]:
    return phantom(64, shot_noise=0, read_noise=0)


@pytest.mark.parametrize("size", [32, 41])
def test_any_size_from_32_gives_a_uint8_cube(size: int) -> None:
    volume = phantom(size)
    assert volume.shape == (size, size, size)
    assert volume.dtype == np.uint8
    assert volume.flags.c_contiguous
    assert isinstance(GENERATOR_VERSION, int)


def test_the_same_options_give_the_same_voxels_and_another_seed_other_tissue() -> None:
    first = phantom(32, seed=7)
    np.random.default_rng().random()
    assert np.array_equal(first, phantom(32, seed=7))
    other = phantom(32, seed=8)
    assert np.abs(first.astype(float) - other).mean() > 15


def test_numpys_global_generator_is_neither_used_nor_moved() -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = phantom(32)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    assert np.array_equal(first, phantom(32))


def test_the_number_of_threads_changes_no_voxel() -> None:
    here = hashlib.sha256(phantom(32).tobytes()).hexdigest()
    threads = 1 if os.environ.get("OMP_NUM_THREADS") == "4" else 4
    assert in_child(threads, 32)["digest"] == here


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow), 2])
def test_grey_levels_change_equally_fast_along_every_axis(seed: int) -> None:
    volume = phantom(64, seed)
    assert spread(changes(volume)) < 0.045


def test_the_full_phantom_is_isotropic_on_every_scale(full: tuple[NDArray[np.uint8], dict[str, Any]]) -> None:
    volume, _ = full
    assert spread(changes(volume)) < 0.03
    assert spread(changes(volume, lag=2)) < 0.04
    assert spread(changes(volume, lag=5)) < 0.06


def test_the_full_phantom_takes_seconds_on_one_core_and_little_memory(
    full: tuple[NDArray[np.uint8], dict[str, Any]],
) -> None:
    _, cost = full
    assert cost["seconds"] < 30
    assert cost["gibibytes"] < 1


def test_the_full_phantom_uses_the_grey_levels_of_stained_tissue(
    full: tuple[NDArray[np.uint8], dict[str, Any]],
) -> None:
    volume, _ = full
    assert 135 < volume.mean() < 157
    assert 24 < volume.std() < 33
    low, high = np.percentile(volume, [0.1, 99.9])
    assert low > 60
    assert high < 225


def test_interpolation_loses_detail_but_not_the_structure(
    full: tuple[NDArray[np.uint8], dict[str, Any]],
) -> None:
    volume, _ = full
    for axis in range(3):
        assert 27 < cubic_psnr(np.moveaxis(volume, axis, 0)) < 31


def test_the_full_phantom_resembles_hippocampus_at_15_nm(
    full: tuple[NDArray[np.uint8], dict[str, Any]], shared_data: Path
) -> None:
    import tifffile

    volume, real = full[0], tifffile.imread(shared_data / "epfl_ca1_15nm_dev.tif")
    assert abs(volume.mean() - real.mean()) < 10
    assert abs(volume.std() / real.std() - 1) < 0.15
    assert abs(changes(volume).mean() / changes(real).mean() - 1) < 0.15
    ratio = spectrum(volume) / spectrum(real)
    assert np.all((ratio > 0.6) & (ratio < 1.7))
    shares = [np.histogram(data, np.arange(60, 230, 10), density=True)[0] * 10 for data in (volume, real)]
    assert np.abs(shares[0] - shares[1]).sum() / 2 < 0.18


def test_the_tissue_is_band_limited_before_noise(clean: NDArray[np.uint8]) -> None:
    side = len(clean)
    window = np.hanning(side)
    grey = (clean - clean.mean()) * window[:, None, None] * window[:, None] * window
    power = np.abs(np.fft.fftn(grey)) ** 2
    frequency = np.abs(np.fft.fftfreq(side))
    highest = np.maximum(np.maximum(frequency[:, None, None], frequency[:, None]), frequency)
    assert power[highest > 0.4].sum() / power.sum() < 0.005
    assert power[highest > 0.25].sum() / power.sum() < 0.08


def test_noise_has_the_strength_asked_for_and_leaves_the_tissue_alone(clean: NDArray[np.uint8]) -> None:
    for shot, read in ((4.0, 0.0), (3.0, 2.0)):
        noise = phantom(64, shot_noise=shot, read_noise=read).astype(np.float64) - clean
        for grey in (110, 180):
            near = noise[np.abs(clean.astype(float) - grey) < 5]
            # Each of both volumes is rounded to whole grey levels.
            expected = np.sqrt(shot**2 * grey / 128 + read**2 + 2 / 12)
            assert near.std() == pytest.approx(expected, rel=0.03)
        assert abs(noise.mean()) < 0.1


def test_finer_voxels_show_smoother_tissue_and_more_blur_less_detail(clean: NDArray[np.uint8]) -> None:
    finer = phantom(48, voxel_size=6, shot_noise=0, read_noise=0)
    blurred = phantom(64, blur=20, shot_noise=0, read_noise=0)
    assert changes(finer).mean() < 0.7 * changes(clean).mean()
    assert changes(blurred).mean() < 0.8 * changes(clean).mean()
    assert np.corrcoef(blurred.ravel(), clean.ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 31}, "size is 31; give a whole number of at least 32"),
        ({"size": 64.0}, "size is 64.0; give a whole number"),
        ({"size": True}, "size is True"),
        ({"size": "64"}, "size is '64'"),
        ({"seed": -1}, "seed is -1; give a whole number of at least 0"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"voxel_size": 3}, "voxel_size is 3; give a number from 4 to 40"),
        ({"voxel_size": 41.0}, "voxel_size is 41.0"),
        ({"voxel_size": float("nan")}, "voxel_size is nan"),
        ({"voxel_size": (15, 15, 15)}, "voxel_size is"),
        ({"shot_noise": -1}, "shot_noise is -1; give a number from 0 to 100"),
        ({"read_noise": float("inf")}, "read_noise is inf"),
        ({"blur": "soft"}, "blur is 'soft'"),
    ],
)
def test_options_out_of_range_are_refused_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"^{next(iter(options))} is ") as caught:
        phantom(**options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
