"""Blocks tile a volume, and block-wise reconstruction equals the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench import AxialGrid, Context, PluginError, Volume
from a2ibench.protocol.blocks import block_size, plan_blocks, reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench_cubic.method import Cubic


@settings(deadline=None, max_examples=40)
@given(
    n_in=st.integers(2, 20),
    ratio=st.sampled_from([1.0, 2.0, 10 / 3, 8.0]),
    lateral=st.tuples(st.integers(1, 50), st.integers(1, 50)),
    halo=st.tuples(st.integers(0, 3), st.integers(0, 9)),
    align=st.sampled_from([1, 8, 16]),
    limit=st.integers(2_000, 50_000),
)
def test_blocks_tile_the_output_once_within_the_limit(n_in, ratio, lateral, halo, align, limit) -> None:
    grid = AxialGrid(n_in, ratio)
    size = block_size(grid, lateral, halo, align=align, max_voxels=limit)
    count = np.zeros((grid.n_out, *lateral), int)
    for block in plan_blocks(grid, lateral, halo, size, align):
        count[block.z_out, block.y_out, block.x_out] += 1
        assert block.y_in.start % align == 0
        assert block.x_in.start % align == 0
        assert block.kept[0].start >= min(halo[1], block.y_out.start)
        np.testing.assert_allclose(
            block.grid.positions + block.grid.first_in, grid.positions[block.z_out], atol=1e-9
        )
    assert np.all(count == 1)


def test_a_methods_own_limit_is_kept_to() -> None:
    asked = []

    class Small(Cubic):
        def fits(self, shape):
            return max(shape) <= 32

        def reconstruct(self, volume, grid, ctx):
            asked.append((grid.n_out, *volume.shape[1:]))
            return super().reconstruct(volume, grid, ctx)

    whole = reconstruct_volume(Cubic(), _volume(), Context())
    np.testing.assert_allclose(reconstruct_volume(Small(), _volume(), Context()), whole, atol=1e-6)
    assert len(asked) > 1
    assert max(map(max, asked)) <= 32


def _volume(dtype: str = "uint8", ratio: float = 10 / 3) -> Volume:
    data = np.random.default_rng(0).integers(0, 255, (17, 40, 53)).astype(dtype)
    return Volume(data, (15 * ratio, 15, 15), (0.0, 255.0))


@pytest.mark.parametrize("ratio", [2.0, 10 / 3, 8.0])
def test_cubic_block_by_block_equals_the_whole(ratio: float) -> None:
    volume = _volume(ratio=ratio)
    whole = reconstruct_volume(Cubic(), volume, Context())
    blocks = reconstruct_volume(Cubic(), volume, Context(), max_voxels=4000)
    np.testing.assert_allclose(blocks, whole, atol=1e-6)


@pytest.mark.parametrize(
    ("result", "word"),
    [
        (np.zeros((3, 3, 3), np.float32), "shape"),
        (np.zeros((57, 40, 53), np.float64), "float64"),
        (np.full((57, 40, 53), np.nan, np.float32), "NaN"),
        (None, "NoneType"),
    ],
)
def test_results_that_break_the_contract_are_refused(result: object, word: str) -> None:
    class Wrong(Cubic):
        def reconstruct(self, volume, grid, ctx):
            return result

    with pytest.raises(PluginError, match=word):
        reconstruct_volume(Wrong(), _volume(), Context())


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_quantise_returns_to_the_dtype(dtype: str) -> None:
    volume = _volume(dtype)
    levels = quantise((volume.data.astype(np.float64) / 255), volume)
    assert levels.dtype == volume.data.dtype
    np.testing.assert_array_equal(levels, volume.data)


def test_quantise_clips_and_rounds_halves_to_even() -> None:
    volume = _volume()
    levels = quantise(np.array([-1.0, 2.0, 0.5 / 255, 1.5 / 255, 2.5 / 255]).reshape(5, 1, 1), volume)
    np.testing.assert_array_equal(levels.ravel(), [0, 255, 0, 2, 2])


@pytest.mark.parametrize(
    ("dtype", "intensity"),
    [
        ("uint8", (0, 255)),
        ("uint8", (20.5, 200.25)),
        ("int8", (-128, 127)),
        ("uint16", (0, 65535)),
        ("uint16", (0, 4095)),
        ("int16", (-32768, 32767)),
        ("uint8", (-40, 300)),
    ],
)
def test_quantise_is_rounding_in_double_precision(dtype: str, intensity: tuple[float, float]) -> None:
    lo, hi = intensity
    random = np.random.default_rng(0)
    halves = (np.arange(np.ceil(lo), np.floor(hi)) + 0.5 - lo) / (hi - lo)
    values = np.concatenate([random.uniform(-0.1, 1.1, 200_000), halves, np.nextafter(halves, 1)])
    values = np.resize(values, (3, 1, 200_000)).astype(np.float32)
    like = Volume(np.zeros((1, 1, 1), dtype), (2, 1, 1), intensity)
    info = np.iinfo(dtype)
    exact = np.clip(values.astype(np.float64) * (hi - lo) + lo, lo, hi).round(6)
    expected = np.clip(np.rint(exact), info.min, info.max)
    np.testing.assert_array_equal(quantise(values, like), expected)
