"""What is written is what the formats' own libraries read: voxels, voxel sizes, axes."""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from written import IDENTITY, NAMES, NM, SHAPE, at, block_starts, content, create, hidden, noise, write

from a2ibench.data.opening import open_volume
from a2ibench.data.writing import writer as writer_module

DTYPES = ("uint8", "int8", "uint16", "int16", "float32")


def read(path):
    if path.name.endswith(".zarr"):
        return zarr.open_group(path, mode="r")["0"][:]
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            series = file.series[0]
            # The reader drops axes of one voxel, unless asked.
            sizes = dict(zip(series.get_axes(squeeze=False), series.get_shape(squeeze=False), strict=True))
            return series.asarray().reshape([sizes[axis] for axis in "ZYX"])
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return file["volume"][:]
    with mrcfile.open(path) as file:
        return file.data.copy()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NAMES)
def test_voxels_come_back_in_their_dtype(tmp_path, name, dtype):
    voxels = noise(SHAPE, dtype)
    found = read(write(tmp_path / name, voxels))
    np.testing.assert_array_equal(found, voxels)
    # MRC has no unsigned bytes.
    assert found.dtype == ("uint16" if (name, dtype) == ("a.mrc", "uint8") else dtype)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@given(
    shape=st.tuples(*[st.sampled_from([1, 2, 3, 63, 64, 65, 129]), st.integers(1, 300), st.integers(1, 300)]),
    dtype=st.sampled_from(DTYPES),
    name=st.sampled_from(NAMES),
    seed=st.integers(0, 9),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_shape_and_order_comes_back(tmp_path_factory, shape, dtype, name, seed):
    voxels = noise(shape, dtype, seed)
    path = write(tmp_path_factory.mktemp("any") / name, voxels, seed=seed)
    np.testing.assert_array_equal(read(path), voxels)


@pytest.mark.parametrize("name", NAMES)
def test_the_order_of_blocks_does_not_change_a_byte(tmp_path, name):
    voxels = noise(SHAPE, "uint8")
    first, second = (content(write(tmp_path / name, voxels, seed=seed, overwrite=True)) for seed in (1, 2))
    assert first == second


def test_without_writes_that_take_a_place(tmp_path, monkeypatch):
    voxels = noise(SHAPE, "uint8")
    expected = content(write(tmp_path / "a.tif", voxels))
    monkeypatch.delattr(os, "pwrite")
    assert content(write(tmp_path / "b.tif", voxels)) == expected


@pytest.mark.parametrize("name", ["a.tif", "a.mrc"])
def test_blocks_may_be_narrower_than_rows(tmp_path, name):
    voxels = noise((70, 300, 600), "uint16")
    expected = content(write(tmp_path / name, voxels))
    assert content(write(tmp_path / name, voxels, overwrite=True, rows=False)) == expected
    with create(tmp_path / f"b.{name}", voxels.shape, "uint16", NM, identity={}, rows=False) as writer:
        assert writer.block == (64, 128, 256)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_may_lie_in_memory_in_any_order(tmp_path, name):
    voxels = noise((65, 66, 67), "int16")
    with create(tmp_path / name, voxels.shape, "int16", NM, identity={}) as writer:
        writer.write((0, 0, 0), np.asfortranarray(voxels))
        writer.finish()
    np.testing.assert_array_equal(read(tmp_path / name), voxels)


@pytest.mark.parametrize("name", NAMES)
def test_threads_may_write_at_once(tmp_path, name, monkeypatch):
    monkeypatch.setattr(writer_module, "_FLUSH_EVERY", 0.0)
    voxels = noise((70, 600, 600), "uint8")
    path = tmp_path / name
    with create(path, voxels.shape, "uint8", NM, identity=IDENTITY) as writer:
        with ThreadPoolExecutor(4) as threads:
            starts = block_starts(writer, voxels.shape)
            for written in [threads.submit(writer.write, s, at(voxels, s, writer.block)) for s in starts]:
                written.result()
        writer.finish()
    np.testing.assert_array_equal(read(path), voxels)


def test_blocks_may_be_written_several_at_once(tmp_path):
    voxels = noise((300, 300, 280), "uint8")
    with create(tmp_path / "a.ome.zarr", voxels.shape, "uint8", NM, identity={}) as writer:
        assert writer.block == (256, 256, 256)
        writer.write((0, 0, 0), voxels[:256])
        assert writer.done == {(0, y, x) for y in (0, 256) for x in (0, 256)}
        assert writer.is_done((0, 0, 0), (256, 300, 280))
        assert not writer.is_done((0, 0, 0), (300, 300, 280))
        writer.write((256, 0, 0), voxels[256:])
        writer.finish()
    np.testing.assert_array_equal(read(tmp_path / "a.ome.zarr"), voxels)


@pytest.mark.parametrize("name", [*NAMES, "a.tiff", "a.ome.tiff", "a.hdf5"])
@pytest.mark.parametrize("nm", [4.6, 15.0, 3.2499999, 0.07, 1234.5, 16.66666667])
def test_the_voxel_size_is_read_back_to_the_last_digit(tmp_path, name, nm):
    path = write(tmp_path / name, noise((2, 3, 4), "uint8"), voxel_size=(8.25, nm, nm * (1 + 3e-16)))
    digits = 1e-7 if name == "a.mrc" else 0
    assert open_volume(path).voxel_size == pytest.approx((8.25, nm, nm), rel=digits, abs=0)


def test_lengths_in_metadata_are_decimals(tmp_path):
    def length_texts(path):
        content = "".join(
            file.read_text() for file in path.rglob("*") if file.name in ("zarr.json", ".zattrs")
        )
        return re.findall(r"\d+\.\d{7,}", content)

    voxels, voxel_size = noise((70, 150, 150), "uint8"), (0.1 + 0.2, 4.6000000000000005, 0.7 * 3)
    for name in ("a.ome.zarr", "old.ome.zarr"):
        assert length_texts(write(tmp_path / name, voxels, voxel_size=voxel_size)) == []
    with h5py.File(write(tmp_path / "a.h5", voxels, voxel_size=voxel_size)) as file:
        assert file["volume"].attrs["element_size_um"].tolist() == [0.0003, 0.0046, 0.0021]
        assert file["volume"].attrs["resolution"].tolist() == [0.3, 4.6, 2.1]


def test_a_tiff_above_4_gib_is_a_bigtiff(tmp_path):
    shape, path = (3, 40_000, 40_000), tmp_path / "a.tif"
    last = noise((3, 64, 3136), "uint8")
    with create(path, shape, "uint8", NM, identity={}) as writer:
        assert writer.block == (3, 128, 4096)
        writer.write((0, 39_936, 36_864), last)
        with tifffile.TiffFile(hidden(path) / "a.tif") as file:
            assert (file.is_bigtiff, file.series[0].axes, file.series[0].shape) == (True, "ZYX", shape)
            # All other voxels are a hole in the file.
            for page, voxels in zip(file.pages, last, strict=True):
                np.testing.assert_array_equal(page.asarray(out="memmap")[-64:, -3136:], voxels)
        writer.discard()


def test_hdf5_metadata(tmp_path):
    path = write(tmp_path / "a.h5", noise((70, 80, 30), "uint8"), voxel_size=(8.0, 4.0, 4.0))
    with h5py.File(path) as file:
        (name,) = file
        dataset = file[name]
        assert (name, dataset.chunks) == ("volume", (64, 64, 30))
        np.testing.assert_allclose(dataset.attrs["element_size_um"], (0.008, 0.004, 0.004))
        np.testing.assert_array_equal(dataset.attrs["resolution"], (8.0, 4.0, 4.0))
        assert [dimension.label for dimension in dataset.dims] == ["z", "y", "x"]
        assert [axis["key"] for axis in json.loads(dataset.attrs["axistags"])["axes"]] == ["z", "y", "x"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_mrc_header(tmp_path, dtype, capsys):
    voxels = noise(SHAPE, dtype)
    path = write(tmp_path / "a.mrc", voxels, voxel_size=(8.0, 4.0, 4.5))
    assert mrcfile.validate(path), capsys.readouterr().out
    with mrcfile.open(path) as file:
        assert file.voxel_size.item() == pytest.approx((45.0, 40.0, 80.0))
        assert file.is_volume()
        header = file.header
        assert (header.dmin, header.dmax) == (voxels.min(), voxels.max())
        assert header.dmean == pytest.approx(voxels.mean(dtype=float), rel=1e-6, abs=1e-6)
        assert header.rms == pytest.approx(voxels.std(dtype=float), rel=1e-6)
