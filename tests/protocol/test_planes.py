"""Restoring planes in tiles."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from a2ibench.contracts import silent
from a2ibench.protocol import planes
from a2ibench.protocol.planes import restore, tiles


@given(
    rows=st.integers(1, 300),
    extent=st.integers(1, 2000),
    pixels=st.integers(1, 1 << 17),
    reach=st.integers(0, 40),
    align=st.integers(1, 32),
    ends=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
)
def test_tiles_cover_the_plane_once_with_what_the_network_sees(
    rows, extent, pixels, reach, align, ends
) -> None:
    start = int(ends[0] * (extent - 1))
    wanted = slice(start, start + 1 + int((ends[1] - ends[0]) * (extent - 1 - start)))
    cut = tiles(rows, extent, pixels=pixels, reach=reach, align=align, wanted=wanted)
    assert [n for tile in cut for n in range(extent)[tile.kept]] == list(range(extent)[wanted])
    for tile in cut:
        assert tile.read.start % align == 0
        assert tile.read.start <= max(0, tile.kept.start - reach)
        assert tile.read.stop == min(extent, tile.kept.stop + reach) or len(cut) == 1
    if len(cut) > 1:
        widest = max(tile.read.stop - tile.read.start for tile in cut)
        assert rows * (widest - 2 * align) <= pixels or widest <= 10 * reach + 2 * align


def test_a_plane_that_fits_is_left_whole() -> None:
    assert len(tiles(100, 100, pixels=10_000, reach=8, align=4)) == 1
    assert len(tiles(100, 101, pixels=10_000, reach=8, align=4)) == 2


@pytest.mark.parametrize("families", [("xz",), ("yz",), ("xz", "yz")])
def test_tiles_change_nothing_where_the_reach_covers_the_receptive_field(monkeypatch, families) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.GELU(), nn.Conv2d(4, 1, 5, padding=2))
    data = torch.rand(12, 70, 90)
    seen: list[tuple[int, ...]] = []

    def run(images: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(images.shape))
        with torch.inference_mode():
            return network(images)

    options = {"device": "cpu", "reach": 4, "align": 8, "progress": silent}
    whole = restore(run, data, families, **options)
    assert max(shape[3] for shape in seen) in data.shape[1:]
    seen.clear()
    monkeypatch.setitem(planes.PIXELS_PER_TILE, "cpu", 400)
    parts = restore(run, data, families, **options)
    assert max(shape[3] for shape in seen) < 60
    torch.testing.assert_close(parts, whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("families", [("xz",), ("yz",), ("xz", "yz")])
def test_only_what_is_kept_is_restored(monkeypatch, families) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.GELU(), nn.Conv2d(4, 1, 5, padding=2))
    data = torch.rand(12, 70, 90)
    pixels = 0

    def run(images: torch.Tensor) -> torch.Tensor:
        nonlocal pixels
        pixels += images.numel()
        with torch.inference_mode():
            return network(images)

    options = {"device": "cpu", "reach": 4, "align": 8, "progress": silent}
    whole = restore(run, data, families, **options)
    kept = (slice(24, 48), slice(16, 70))
    monkeypatch.setitem(planes.PIXELS_PER_TILE, "cpu", 400)
    pixels = 0
    part = restore(run, data, families, kept=kept, **options)
    torch.testing.assert_close(part[:, *kept], whole[:, *kept], atol=1e-5, rtol=0)
    assert pixels < 0.8 * len(families) * data.numel()


def test_half_is_done_after_one_of_two_families_however_many_planes_each_has() -> None:
    told = []
    restore(
        lambda images: images,
        torch.zeros(6, 4, 60),
        ("xz", "yz"),
        device="cpu",
        reach=0,
        align=1,
        progress=lambda phase, done, total: told.append((done, total)),
        kept=(slice(0, 2), slice(10, 50)),
        fusion="mean",
    )
    assert {total for _, total in told} == {2 + 40}
    assert (21, 42) in told
    assert told[-1] == (42, 42)
    assert told == sorted(told)
