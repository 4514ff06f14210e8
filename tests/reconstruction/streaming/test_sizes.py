"""How large the pieces are that a large volume is reconstructed in."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench import AxialGrid
from a2ibench.protocol.blocks import plan_blocks
from a2ibench.reconstruction.streaming import AXIAL_VOXELS, VOXELS, Reading, piece_size

SIDES = st.integers(1, 6000)
UNITS = st.sampled_from([(256, 256, 256), (64, 256, 1024)])
CUBIC, NETWORK = (2, 0), (12, 24)


@given(
    n_in=st.integers(2, 3000),
    ratio=st.floats(1.1, 12),
    lateral=st.tuples(SIDES, SIDES),
    halo=st.sampled_from([CUBIC, NETWORK, (0, 0), (30, 200)]),
    unit=UNITS,
    chunks=st.sampled_from([(1, 1, 1), (1, 64, 6000), (64, 64, 64), (128, 128, 128)]),
)
def test_pieces_are_whole_units_that_fit_in_memory(n_in, ratio, lateral, halo, unit, chunks) -> None:
    reading = Reading(AxialGrid(n_in, ratio), lateral, halo, chunks)
    unit = tuple(min(pair) for pair in zip(unit, reading.whole, strict=True))
    size = piece_size(reading, unit)
    for side, by, n in zip(size, unit, reading.whole, strict=True):
        assert side == n or (0 < side < n and side % by == 0)
    assert math.prod(reading.grown(size)) <= (AXIAL_VOXELS if reading.axial else VOXELS) or size == unit


@pytest.mark.parametrize("halo", [CUBIC, NETWORK])
@pytest.mark.parametrize("size", [(256, 256, 256), (640, 256, 512), (64, 768, 640)])
def test_what_is_read_and_restored_is_what_the_blocks_say(halo, size) -> None:
    grid, lateral = AxialGrid(192, 10 / 3), (2048, 2560)
    reading = Reading(grid, lateral, halo, (1, 1, 1))
    blocks = list(plan_blocks(grid, lateral, halo, size))
    inner = [
        block
        for block in blocks
        if block.y_in.start > 0 < block.x_in.start and block.y_in.stop < 2048 and block.x_in.stop < 2560
    ]
    voxels = sum(grid.n_out * (b.y_out.stop - b.y_out.start) * (b.x_out.stop - b.x_out.start) for b in inner)
    heights = {block.z_out.start for block in blocks}
    read = sum(
        math.prod(part.stop - part.start for part in (b.z_in, b.y_in, b.x_in)) * grid.ratio for b in inner
    )
    # At the ends of the volume there is less around a block than in the middle.
    assert reading.fetched(size) == pytest.approx(read / voxels * len(heights), rel=0.15)
    assert reading.restored(size) >= 1


def test_a_methods_own_limit_is_kept_to() -> None:
    grid, lateral = AxialGrid(120, 10 / 3), (400, 400)
    reading = Reading(grid, lateral, NETWORK, (1, 1, 1), fits=lambda shape: math.prod(shape) <= 1 << 22)
    assert math.prod(reading.grown(piece_size(reading, (64, 64, 64)))) <= 1 << 22


def test_a_volume_that_fits_is_one_piece_for_a_network() -> None:
    reading = Reading(AxialGrid(120, 10 / 3), (400, 400), NETWORK, (1, 1, 1))
    assert piece_size(reading, (256, 256, 256)) == (400, 400, 400)


def test_wide_chunks_make_wide_pieces() -> None:
    grid = AxialGrid(600, 10 / 3)
    free, slices = (Reading(grid, (2000, 2000), CUBIC, chunks) for chunks in ((1, 1, 1), (1, 64, 2000)))
    assert piece_size(free, (64, 256, 256))[2] < 2000
    assert piece_size(slices, (64, 256, 256))[2] == 2000
    assert free.fetched((64, 256, 256)) < slices.fetched((64, 256, 256)) / 7


def test_blocks_narrower_than_rows_save_a_network_much_work() -> None:
    # The halo of A2I-3DEM, and the blocks of a TIFF file.
    reading = Reading(AxialGrid(750, 10 / 3), (2500, 2500), (34, 24), (1, 64, 2500))
    rows, narrow = (reading.restored(piece_size(reading, unit)) for unit in ((64, 128, 2500), (64, 128, 256)))
    assert narrow < 1.3 < 2.5 < rows
