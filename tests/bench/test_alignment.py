"""Volumes that lie off their grid are found, and those of methods are not."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, shift
from skimage.registration import phase_cross_correlation

from a2ibench import AxialGrid, Simulation, Volume, interpolate, open_volume
from a2ibench.bench.alignment import find_alignment
from a2ibench.protocol.simulate import simulate

Array = NDArray[np.float32]
RATIO = 4.0


@pytest.fixture(scope="module", params=["tiny_epfl_ca1_64.tif", "tiny_fib25_medulla_64.tif", "texture"])
def pair(request: pytest.FixtureRequest) -> tuple[Volume, Array]:
    """An input that was simulated, and its reference."""
    if request.param == "texture":
        grey = gaussian_filter(np.random.default_rng(0).normal(size=(64, 56, 56)), 1.5)
        data = np.rint(np.interp(grey, (grey.min(), grey.max()), (0, 255))).astype(np.uint8)
        volume = Volume(data, (1.0, 1.0, 1.0), (0.0, 255.0))
    else:
        folder: Path = request.getfixturevalue("shared_data")
        volume = open_volume(folder / request.param, voxel_size=(5, 5, 5))
    made, reference = simulate(volume, Simulation(RATIO))
    return made, reference.data.astype(np.float32)


def at(volume: Volume, positions: NDArray[np.float64], order: int = 1) -> Array:
    """Sample a volume at slices of its own, by SciPy."""
    z, y, x = np.meshgrid(positions, *(np.arange(n) for n in volume.shape[1:]), indexing="ij")
    data: Array = map_coordinates(volume.data.astype(np.float32), (z, y, x), order=order, mode="nearest")
    return data


def cubic(volume: Volume) -> Array:
    return interpolate(volume.data, AxialGrid(volume.shape[0], volume.ratio))


@pytest.mark.parametrize("order", [0, 1, "cubic"])
def test_what_lies_on_the_grid_raises_no_alarm(pair: tuple[Volume, Array], order: int | str) -> None:
    volume, reference = pair
    grid = AxialGrid(volume.shape[0], volume.ratio)
    data = cubic(volume) if order == "cubic" else at(volume, grid.positions, int(order))
    for truth in (reference, cubic(volume)):
        found = find_alignment(data, truth)
        assert found.problem(RATIO) is None
        assert max(map(abs, found.shift)) < 0.06


@pytest.mark.parametrize(("axis", "size"), [(0, 0.25), (0, -0.5), (0, 1.0), (0, 5.0), (1, 0.25), (2, -7.0)])
def test_a_shift_is_found_along_every_axis(pair: tuple[Volume, Array], axis: int, size: float) -> None:
    volume, reference = pair
    offset = [size if one == axis else 0.0 for one in range(3)]
    found = find_alignment(shift(cubic(volume), offset, order=3, mode="nearest"), reference)
    assert found.shift == pytest.approx(offset, abs=0.1)
    assert f"too {'high' if size > 0 else 'low'} along {'zyx'[axis]}" in str(found.problem(RATIO))


def test_phase_correlation_finds_less_of_a_shift_along_the_blurred_axis(pair: tuple[Volume, Array]) -> None:
    volume, reference = pair
    moved = shift(cubic(volume), (0.5, 0, 0), order=3, mode="nearest")
    usual = phase_cross_correlation(reference, moved, upsample_factor=20, normalization=None)[0][0]
    assert abs(-usual - 0.5) > abs(find_alignment(moved, reference).shift[0] - 0.5)


@pytest.mark.parametrize(
    ("positions", "problem"),
    [
        (lambda n_in, k: k * (n_in - 1) / (k[-1]), r"off at both ends, outwards: .*align_corners"),
        (lambda n_in, k: k / RATIO, "1.5. voxels too low along z: is its first slice at the centre"),
        (lambda n_in, k: (k + 1) / RATIO - 0.5, r"0.[45]. voxels too low along z: output slice k sits at"),
    ],
)
def test_a_wrong_grid_is_named(
    pair: tuple[Volume, Array],
    positions: Callable[[int, NDArray[np.float64]], NDArray[np.float64]],
    problem: str,
) -> None:
    volume, reference = pair
    k = np.arange(reference.shape[0], dtype=np.float64)
    found = find_alignment(at(volume, positions(volume.shape[0], k)), reference)
    assert re.search(problem, str(found.problem(RATIO)))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda data: data[::-1], "flipped along z"),
        (lambda data: data[:, ::-1, ::-1], "flipped along y and x"),
        (lambda data: data.transpose(0, 2, 1), "with axes (z, x, y)"),
    ],
)
def test_axes_that_are_flipped_or_swapped_are_named(
    pair: tuple[Volume, Array], change: Callable[[Array], Array], name: str
) -> None:
    volume, reference = pair
    assert f"it fits best {name}" in str(find_alignment(change(cubic(volume)), reference).problem(RATIO))


def test_another_volume_is_told_from_a_reconstruction(pair: tuple[Volume, Array]) -> None:
    _, reference = pair
    other = np.random.default_rng(1).normal(size=reference.shape).astype(np.float32)
    assert "it correlates only" in str(find_alignment(other, reference).problem(RATIO))
    assert "it correlates only 0.00" in str(find_alignment(np.zeros_like(other), reference).problem(RATIO))


def test_noise_alone_is_no_shift() -> None:
    draw = np.random.default_rng(2)
    small = draw.normal(size=(12, 12, 12)).astype(np.float32)
    alarms = [
        find_alignment(small + draw.normal(size=small.shape).astype(np.float32), small).problem(2.0)
        for _ in range(20)
    ]
    assert sum(alarm is not None for alarm in alarms) <= 1
