"""Blocks of TIFF stacks: only the strips and tiles that they touch are decoded."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a2ibench.data.formats import open_lazy

DATA = np.random.default_rng(0).integers(0, 255, (9, 50, 70)).astype(np.uint16)
GREY = {"photometric": "minisblack"}
KINDS = {
    "plain": GREY,
    "BigTIFF of big-endian": GREY | {"bigtiff": True, "byteorder": ">"},
    "strips": GREY | {"rowsperstrip": 7},
    "compressed strips": GREY | {"rowsperstrip": 7, "compression": "lzw", "predictor": True},
    "tiles": GREY | {"tile": (16, 32)},
    "compressed tiles": GREY | {"tile": (32, 16), "compression": "zstd", "byteorder": ">"},
    "tiles of a volume": GREY | {"tile": (4, 16, 32), "volumetric": True, "compression": "zlib"},
    "one page for all": GREY | {"volumetric": True, "metadata": None},
    "one compressed page for all": GREY | {"volumetric": True, "metadata": None, "compression": "zlib"},
    "no metadata": GREY | {"metadata": None, "compression": "deflate"},
    "ImageJ": {"imagej": True, "metadata": {"axes": "ZYX"}},
    "ImageJ, one page for all": {"imagej": True, "metadata": {"axes": "ZYX"}, "truncate": True},
    "OME": {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    "rows first": GREY | {"metadata": {"axes": "YZX"}, "compression": "zlib", "rowsperstrip": 3},
}


@st.composite
def blocks(draw: st.DrawFn) -> tuple[slice, slice, slice]:
    found = []
    for size in DATA.shape:
        start = draw(st.integers(0, size - 1))
        found.append(slice(start, draw(st.integers(start + 1, size))))
    return found[0], found[1], found[2]


@pytest.mark.parametrize("kind", KINDS)
def test_any_block_of_any_layout(tmp_path, kind):
    stored = DATA.transpose(1, 0, 2) if kind == "rows first" else DATA
    tifffile.imwrite(tmp_path / "a.tif", stored, **KINDS[kind])
    with open_lazy(tmp_path / "a.tif") as volume:

        @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(blocks())
        def check(block: tuple[slice, slice, slice]) -> None:
            np.testing.assert_array_equal(volume[block], DATA[block])

        check()


@pytest.mark.parametrize(
    ("options", "chunks", "share"),
    [
        ({"compression": "zlib", "rowsperstrip": 8}, (1, 8, 256), 0.02),
        ({"compression": "zlib", "tile": (32, 64)}, (1, 32, 64), 0.02),
        ({"compression": "zlib", "tile": (4, 32, 64), "volumetric": True}, (4, 32, 64), 0.05),
    ],
)
def test_a_block_reads_a_small_part_of_the_file(tmp_path, monkeypatch, options, chunks, share):
    data = np.random.default_rng(1).integers(0, 255, (40, 256, 256)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, **GREY | options)
    read = []
    original = tifffile.FileHandle.read_segments

    def counted(self, offsets, bytecounts, *args, **kwargs):
        read.append(sum(bytecounts))
        return original(self, offsets, bytecounts, *args, **kwargs)

    monkeypatch.setattr(tifffile.FileHandle, "read_segments", counted)
    with open_lazy(tmp_path / "a.tif") as volume:
        assert volume.chunks == chunks
        assert read == []
        np.testing.assert_array_equal(volume[30:32, 40:50, 60:70], data[30:32, 40:50, 60:70])
    assert 0 < sum(read) < share * data.nbytes


def test_a_compressed_stack_is_not_loaded(tmp_path):
    import tracemalloc

    data = np.random.default_rng(1).integers(0, 9, (60, 512, 512)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", data, compression="zlib", **GREY)
    with open_lazy(tmp_path / "a.tif") as volume:
        tracemalloc.start()
        for start in range(0, 60, 4):
            block = volume[start : start + 4, :, :]
            assert block.shape == (4, 512, 512)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < data.nbytes / 3
