"""Lateral planes that are held out, and slices that are averaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.contracts import AxialGrid, Context, Simulation, Volume
from a2ibench.degradations.models import gaussian_psf, slab_average
from a2ibench.errors import InputError, PluginError
from a2ibench.metrics.psnr import psnr
from a2ibench.protocol.resample import interpolate
from a2ibench.validation.held_out import MOST_SIDE, Split, degraded_planes, restore_held_out, split
from a2ibench.validation.reduced import reduced, restore_reduced


def stack(depth: int = 24, height: int = 40, width: int = 52, *, ratio: float = 3.0) -> Volume:
    data = np.random.default_rng(0).integers(20, 230, (depth, height, width)).astype(np.uint8)
    return Volume(data, (10 * ratio, 10.0, 10.0), (0.0, 255.0), "stack")


class Cubic:
    halo = (2, 0)

    def fit(self, volume: Volume, ctx: Context) -> None:
        self.seen = volume

    def reconstruct(self, volume: Volume, grid: AxialGrid, ctx: Context) -> np.ndarray:
        return interpolate(np.asarray(volume.data, np.float32) / 255, grid)

    def reconstruct_planes(self, volume: Volume, grid: AxialGrid, ctx: Context) -> np.ndarray:
        return self.reconstruct(volume, grid, ctx)


@given(depth=st.integers(10, 300))
def test_one_end_of_a_volume_is_held_out(depth: int) -> None:
    volume = stack(depth, 24, 24)
    training, held_out = split(volume)
    assert held_out.shape[0] == min(max(1, depth // 8), 16)
    np.testing.assert_array_equal(np.concatenate([training.data, held_out.data]), volume.data)
    assert training.voxel_size == held_out.voxel_size == volume.voxel_size


def test_the_end_with_less_padding_is_held_out() -> None:
    volume = stack()
    volume.data[-4:, :, :30] = 0
    volume = replace(volume, padding=(0.0,), contrast=(0.0, 255.0))
    training, held_out = split(volume)
    np.testing.assert_array_equal(np.concatenate([held_out.data, training.data]), volume.data)


@pytest.mark.parametrize(
    ("volume", "message"), [(stack(9), "has 9 slices"), (stack(24, 20, 40), "are 6 rows at ratio 3")]
)
def test_what_is_too_small_is_refused(volume: Volume, message: str) -> None:
    with pytest.raises(InputError, match=message):
        split(volume)


@pytest.mark.parametrize(
    ("simulation", "matrix"),
    [
        (None, slab_average),
        (Simulation(9.0, "gaussian", {"fwhm": 1.5}), lambda grid: gaussian_psf(grid, 1.5)),
    ],
)
@pytest.mark.parametrize("ratio", [3.0, 3.3])
def test_planes_are_degraded_along_either_side(simulation, matrix, ratio: float) -> None:
    volume = stack(3, ratio=ratio)
    planes, reference = degraded_planes(volume, simulation, noise=0.0)
    grid = AxialGrid(planes.shape[0], ratio)
    side = grid.n_out
    first = (52 - side) // 2
    assert planes.shape == (40 // ratio // 1, 6, side)
    assert reference.shape == (side, 6, side)
    square = volume.data[:, (40 - side) // 2 :, first : first + side][:, :side]
    np.testing.assert_array_equal(reference[:, 1], square[1])
    np.testing.assert_array_equal(reference[:, 4], square[1].T)
    for number, plane in ((1, square[1]), (4, square[1].T)):
        expected = matrix(grid) @ plane.astype(np.float64)
        assert np.abs(planes.data[:, number] - expected).max() <= 0.5 + 1e-6
    assert planes.voxel_size == (10 * ratio, 10, 10)


def test_planes_become_as_noisy_as_asked_for_and_are_always_the_same() -> None:
    volume = replace(stack(4, 160, 160), data=np.full((4, 160, 160), 120, np.uint8))
    planes, reference = degraded_planes(volume, noise=0.05)
    assert planes.data.std() == pytest.approx(0.05 * 255, rel=0.03)
    assert (reference == 120).all()
    np.testing.assert_array_equal(planes.data, degraded_planes(volume, noise=0.05)[0].data)


@pytest.mark.parametrize("levels", [(4.0, 9.0), (9.0, 4.0)])
def test_planes_are_as_noisy_as_what_the_method_trains_on(levels: tuple[float, float]) -> None:
    # Networks remove noise from 6 grey levels on; what is held out need not be on their side of that.
    training, held_out = (
        replace(
            stack(4, 96, 96), data=np.random.default_rng(1).normal(120, level, (4, 96, 96)).astype(np.uint8)
        )
        for level in levels
    )
    clean, _ = degraded_planes(held_out, noise=0.0)
    planes, _ = degraded_planes(held_out, like=training)
    seen: list[np.ndarray] = []

    class Watching(Cubic):
        def reconstruct_planes(self, volume: Volume, grid: AxialGrid, ctx: Context) -> np.ndarray:
            seen.append(volume.data)
            return super().reconstruct_planes(volume, grid, ctx)

    restore_held_out(Watching(), Split(training, held_out), None, Context())
    np.testing.assert_array_equal(seen[0], planes.data)
    added = (planes.data.astype(float) - clean.data).std()
    assert added == (0 if levels[0] < 6 else pytest.approx(levels[0], rel=0.1))


def test_large_planes_are_looked_at_in_the_middle() -> None:
    planes, reference = degraded_planes(stack(2, 600, 700))
    assert reference.shape == (MOST_SIDE // 3 * 3, 4, MOST_SIDE // 3 * 3)
    assert planes.shape[0] == MOST_SIDE // 3


def test_held_out_planes_are_restored_in_grey_levels() -> None:
    volume = stack(3)
    planes, reference = degraded_planes(volume)
    held = restore_held_out(Cubic(), Split(volume, volume), None, Context())
    assert held is not None
    np.testing.assert_array_equal(held.reference, reference)
    expected = interpolate(planes.data.astype(np.float32), AxialGrid(planes.shape[0], 3.0))
    assert np.abs(held.prediction.astype(float) - expected.clip(0, 255)).max() <= 0.501


def test_a_method_that_cannot_restore_planes_has_none() -> None:
    class Blocks:
        pass

    assert restore_held_out(Blocks(), Split(stack(3), stack(3)), None, Context()) is None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [lambda out: out[1:], lambda out: out.astype(np.float64), lambda out: out * np.float32(np.nan)]
)
def test_what_breaks_the_contract_is_named(wrong) -> None:
    class Wrong(Cubic):
        def reconstruct_planes(self, volume, grid, ctx):
            return wrong(self.reconstruct(volume, grid, ctx))

    with pytest.raises(PluginError, match=r"Wrong\.reconstruct_planes returned"):
        restore_held_out(Wrong(), Split(stack(3), stack(3)), None, Context())


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_pairs_of_slices_are_averaged(dtype) -> None:
    volume = stack(9)
    volume = replace(volume, data=volume.data.astype(dtype))
    coarse = reduced(volume)
    expected = (volume.data[0:8:2].astype(np.float64) + volume.data[1:8:2]) / 2
    np.testing.assert_array_equal(coarse.data, expected if dtype == np.float32 else np.rint(expected))
    assert coarse.data.dtype == dtype
    assert coarse.voxel_size == (60.0, 10.0, 10.0)
    with pytest.raises(InputError, match="has 7 slices"):
        reduced(stack(7))


def test_slices_come_back_from_their_averages() -> None:
    class Repeat(Cubic):
        def reconstruct(self, volume, grid, ctx):
            return np.repeat(np.asarray(volume.data, np.float32) / 255, round(grid.ratio), axis=0)

    volume = stack(17)
    pair = restore_reduced(Repeat, volume, Simulation(3.0), Context())
    coarse = reduced(volume)
    np.testing.assert_array_equal(pair.reference, volume.data[:16])
    np.testing.assert_array_equal(pair.prediction, np.repeat(coarse.data, 2, axis=0))
    halves = (volume.data[0:16:2].astype(float) - volume.data[1:16:2]) / 2
    assert psnr(pair.prediction, pair.reference, 255) == pytest.approx(
        10 * np.log10(255**2 / (halves**2).mean()), abs=0.01
    )
