"""Chunks that are gzipped beside their names, missing, or all gone: read, refused or said."""

from __future__ import annotations

import gzip
import logging
import shutil

import h5py
import numpy as np
import pytest
import tensorstore
import zarr
from precomputed_files import DATA, packed, precomputed

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError


@pytest.mark.parametrize("encoding", ["raw", "png"])
@pytest.mark.parametrize("fill", [False, True])
def test_gzipped_chunks_are_read(tmp_path, caplog, encoding, fill):
    with open_lazy(packed(precomputed(tmp_path, encoding=encoding)), fill_missing=fill) as volume:
        np.testing.assert_array_equal(volume[:, :, :], DATA)
        np.testing.assert_array_equal(volume[3:8, 7:9, 15:33], DATA[3:8, 7:9, 15:33])
        assert volume.voxel_size == (30, 6, 6)
    assert not caplog.records


@pytest.mark.parametrize("fill", [False, True])
def test_gzipped_chunks_are_read_from_a_server(tmp_path, web, fill):
    packed(precomputed(tmp_path))
    with open_lazy(f"http://127.0.0.1:{web.server_port}/pre", fill_missing=fill) as volume:
        np.testing.assert_array_equal(volume[2:7, 5:, 11:], DATA[2:7, 5:, 11:])


def test_sharded_volumes_are_read(tmp_path):
    folder = precomputed(tmp_path, sharded=True)
    assert {file.suffix for file in (folder / "6_6_30").iterdir()} == {".shard"}
    with open_lazy(folder) as volume:
        np.testing.assert_array_equal(volume[:, :, :], DATA)


def test_gzipped_chunks_that_are_damaged_or_too_large(tmp_path):
    folder = packed(precomputed(tmp_path))
    file = next((folder / "6_6_30").glob("-3-13_50-58_7-11.gz"))
    content = file.read_bytes()
    for bad in (content[:-20], b"", b"\x1f\x8bxxxx", gzip.compress(bytes(2**23))):
        file.write_bytes(bad)
        with open_lazy(folder) as volume, pytest.raises(InputError, match=r"gz: is cut short or damaged"):
            volume[:, :, :]
    file.unlink()
    with open_lazy(folder) as volume, pytest.raises(InputError, match="a chunk is missing"):
        volume[:2, :2, :2]


def test_other_compressions_of_chunks_are_named(tmp_path):
    with pytest.raises(InputError, match=r"6_6_30: its chunks are compressed as \*\.br files; store them"):
        open_lazy(packed(precomputed(tmp_path), ".br"))


def zarr_array(path):
    zarr.create_array(path / "a.zarr", data=DATA, chunks=(4, 8, 16))
    return path / "a.zarr", path / "a.zarr" / "c"


def n5_array(path):
    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": f"{path}/a.n5/"},
        "metadata": {"dimensions": DATA.shape[::-1], "blockSize": (16, 8, 4), "dataType": "uint8"},
    }
    tensorstore.open(spec, create=True).result().write(DATA.T).result()
    return path / "a.n5", path / "a.n5" / "0"


def precomputed_array(path):
    return precomputed(path), path / "pre" / "6_6_30"


@pytest.mark.parametrize("write", [zarr_array, n5_array, precomputed_array])
def test_a_volume_without_any_chunk_is_refused(tmp_path, write):
    path, _ = write(tmp_path)
    for file in path.rglob("*"):
        if file.is_file() and file.name not in ("zarr.json", "attributes.json", "info"):
            file.unlink()
    with pytest.raises(InputError, match="none of its chunks are there"):
        open_lazy(path, fill_missing=True)


@pytest.mark.parametrize("write", [zarr_array, n5_array, precomputed_array])
def test_a_remote_volume_without_any_chunk_is_refused(tmp_path, web, caplog, write):
    path, _ = write(tmp_path)
    for file in path.rglob("*"):
        if file.is_file() and file.name not in ("zarr.json", "attributes.json", "info"):
            file.unlink()
    with open_lazy(f"http://127.0.0.1:{web.server_port}/{path.name}", fill_missing=True) as volume:
        assert not volume[:4, :, :].any()
        assert caplog.text.count("missing; filled with the value that its metadata state") == 1
        with pytest.raises(InputError, match="none of its chunks are there"):
            volume[4:, :, :]


@pytest.mark.parametrize("write", [zarr_array, n5_array, precomputed_array])
def test_what_is_filled_is_said_once(tmp_path, caplog, write):
    path, chunks = write(tmp_path)
    shutil.rmtree(chunks / "0") if (chunks / "0").is_dir() else next(chunks.glob("-3-13_50-58_7-11")).unlink()
    with caplog.at_level(logging.WARNING, "a2ibench"), open_lazy(path, fill_missing=True) as volume:
        for z in (0, 2, 0):
            block = volume[z : z + 1, :8, :16]
            assert not block[:, :8, :16].any()
    assert caplog.text.count("missing; filled with the value that its metadata state") == 1


def test_what_is_filled_in_hdf5_is_said(tmp_path, caplog):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", DATA.shape, "u1", chunks=(3, 20, 35))[:6] = DATA[:6]
    with open_lazy(tmp_path / "a.h5", fill_missing=True) as volume:
        np.testing.assert_array_equal(volume[:6, :, :], DATA[:6])
        assert not volume[6:, :, :].any()
    assert "1 of 3 chunks are missing; filled with the value that its metadata state" in caplog.text
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", DATA.shape, "u1", chunks=(3, 20, 35))
    with pytest.raises(InputError, match="none of its chunks are there"):
        open_lazy(tmp_path / "a.h5", fill_missing=True)
