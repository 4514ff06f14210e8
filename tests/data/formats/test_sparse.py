"""Headers that claim 2^60 voxels and hold hardly any are one line, at once."""

from __future__ import annotations

import json
import struct
import time

import h5py
import numpy as np
import pytest

from a2ibench.contracts import DatasetSpec
from a2ibench.data.opening import dataset_size, open_volume
from a2ibench.errors import InputError

SIDE = 2**20


def npy(path):
    header = {"descr": "|u1", "fortran_order": False, "shape": (SIDE,) * 3}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
    return path


def mrc(path):
    header = bytearray(1024)
    header[:16] = struct.pack("<4i", SIDE, SIDE, SIDE, 0)
    header[208:216] = b"MAP \x44\x44\0\0"
    path.write_bytes(header)
    return path


def chunked_hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("v", (SIDE,) * 3, "u1", chunks=(64, 64, 64))
    return path


def compact_hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("v", (SIDE,) * 3, "u1")
    return path


def zarr2(path):
    path.mkdir()
    described = {"zarr_format": 2, "shape": [SIDE] * 3, "chunks": [64] * 3, "dtype": "|u1", "order": "C"}
    (path / ".zarray").write_text(
        json.dumps(described | {"compressor": None, "filters": None, "fill_value": 0})
    )
    return path


def n5(path):
    path.mkdir()
    described = {"dimensions": [SIDE] * 3, "blockSize": [64] * 3, "dataType": "uint8"}
    (path / "attributes.json").write_text(json.dumps(described | {"compression": {"type": "raw"}}))
    return path


def precomputed(path):
    path.mkdir()
    scale = {"key": "a", "size": [SIDE] * 3, "resolution": [4, 4, 40], "chunk_sizes": [[64] * 3]}
    scale |= {"encoding": "raw", "voxel_offset": [0, 0, 0]}
    described = {"type": "image", "data_type": "uint8", "num_channels": 1, "scales": [scale]}
    (path / "info").write_text(json.dumps(described | {"@type": "neuroglancer_multiscale_volume"}))
    return path


KINDS = [
    (npy, "a.npy"),
    (mrc, "a.mrc"),
    (chunked_hdf5, "a.h5"),
    (compact_hdf5, "b.h5"),
    (zarr2, "a.zarr"),
    (n5, "a.n5"),
    (precomputed, "a"),
]


@pytest.mark.parametrize("fill", [True, False])
@pytest.mark.parametrize(("make", "name"), KINDS, ids=[make.__name__ for make, _ in KINDS])
def test_sparse_volumes_are_refused_at_once(tmp_path, make, name, fill):
    path = make(tmp_path / name)
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        open_volume(path, voxel_size=(40, 10, 10), fill_missing=fill)
    assert str(caught.value).isprintable()
    dataset_size(DatasetSpec("d", "d", (40.0, 10.0, 10.0), path=path))
    assert time.monotonic() - start < 5
