"""AxialGrid: geometry of input and output slices."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench import AxialGrid, Budget, InputError, Volume

ratios = st.one_of(st.sampled_from([1.0, 2.0, 3.0, 10 / 3, 4.0, 8.0]), st.floats(1, 12))


@given(n_in=st.integers(1, 200), ratio=ratios)
def test_half_pixel_centres(n_in: int, ratio: float) -> None:
    grid = AxialGrid(n_in, ratio)
    assert grid.n_out == round(n_in * ratio)
    k = np.arange(grid.n_out)
    np.testing.assert_allclose(grid.positions, (k + 0.5) / ratio - 0.5)
    assert np.all(grid.positions > -0.5)
    assert np.all(grid.positions < n_in - 0.5 + 0.5 / ratio)


@given(n_in=st.integers(2, 100), ratio=ratios, data=st.data())
def test_a_block_keeps_the_positions_of_the_whole(n_in: int, ratio: float, data: st.DataObject) -> None:
    whole = AxialGrid(n_in, ratio)
    first = data.draw(st.integers(0, whole.n_out - 1))
    count = data.draw(st.integers(1, whole.n_out - first))
    halo = data.draw(st.integers(0, 8))
    block = whole.block(first, count, halo)
    assert block.n_out == count
    assert block.first_in >= 0
    assert block.first_in + block.n_in <= n_in
    np.testing.assert_allclose(
        block.positions + block.first_in, whole.positions[first : first + count], atol=1e-9
    )
    assert block.positions[0] >= min(halo, block.first_in) - 0.5 - 1e-9
    after = n_in - block.first_in - block.n_in
    assert block.positions[-1] <= block.n_in - min(halo, after) - 0.5 + 0.5 / ratio + 1e-9


@given(n_in=st.integers(2, 60), ratio=ratios, multiple=st.sampled_from([1, 8, 32]), data=st.data())
def test_covering_holds_the_wanted_slices_and_starts_aligned(
    n_in: int, ratio: float, multiple: int, data: st.DataObject
) -> None:
    whole = AxialGrid(n_in, ratio)
    assert whole.covering(multiple) == whole
    first = data.draw(st.integers(0, whole.n_out - 1))
    block = whole.block(first, min(10, whole.n_out - first), 6)
    cover = block.covering(multiple)
    assert cover.first_out <= block.first_out
    assert cover.first_out + cover.n_out >= block.first_out + block.n_out
    assert cover.first_out % multiple == 0 or cover.first_out == block.first_out
    assert cover.positions[0] >= -0.5 - 1e-9


@pytest.mark.parametrize("ratio", [0.5, 0.0, -3.0, float("nan"), float("inf")])
def test_a_ratio_below_one_is_refused(ratio: float) -> None:
    with pytest.raises(InputError, match="ratio"):
        AxialGrid(4, ratio)


@given(steps=st.integers(1, 10**6))
def test_budget_text_round_trips(steps: int) -> None:
    assert Budget.parse(str(Budget(steps=steps))) == Budget(steps=steps)


@pytest.mark.parametrize("text", ["", "10", "steps", "-5s", "0steps", "nans", "infs", "1.5steps", "5 min"])
def test_bad_budgets_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="budget"):
        Budget.parse(text)


@pytest.mark.parametrize(
    ("shape", "voxel_size", "intensity", "word"),
    [
        ((4, 4), (1, 1, 1), (0, 1), "3D"),
        ((0, 4, 4), (1, 1, 1), (0, 1), "no voxel"),
        ((4, 4, 4), (1, 1), (0, 1), "voxel_size"),
        ((4, 4, 4), (1, float("nan"), 1), (0, 1), "voxel_size"),
        ((4, 4, 4), (1, 1, 1), (1, 1), "intensity"),
    ],
)
def test_volumes_that_make_no_sense_are_refused(shape, voxel_size, intensity, word) -> None:
    with pytest.raises(InputError, match=word):
        Volume(np.zeros(shape), voxel_size, intensity)


def test_ratio_needs_equal_lateral_spacings() -> None:
    data = np.zeros((4, 4, 4))
    assert Volume(data, (50, 15, 15), (0, 1)).ratio == pytest.approx(10 / 3)
    for voxel_size in [(50, 15, 14), (10, 15, 15)]:
        with pytest.raises(InputError, match="spacing"):
            _ = Volume(data, voxel_size, (0, 1)).ratio
