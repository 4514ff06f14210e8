"""HDF5 files: keys, voxel sizes, dtypes, and one clear line for what cannot be read."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from a2ibench.data.opening import open_volume
from a2ibench.errors import InputError

RANDOM = np.random.default_rng(0)
STACK = RANDOM.integers(0, 255, (6, 20, 30)).astype(np.uint8)
NM = (40.0, 4.0, 4.0)


@pytest.fixture
def write(tmp_path):
    def write(name: str = "a.h5", **datasets: object):
        with h5py.File(tmp_path / name, "w") as file:
            for key, data in datasets.items():
                file.create_dataset(key, data=data)
        return tmp_path / name

    return write


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", ">u2", "<i2", ">i2", "<f4", ">f4"])
@pytest.mark.parametrize(
    "storage", [{}, {"chunks": (2, 8, 8), "compression": "gzip"}], ids=["plain", "chunks"]
)
def test_volumes_come_back_exactly(tmp_path, dtype, storage):
    data = RANDOM.integers(0, 100, (6, 20, 30)).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("volumes/raw", data=data, **storage)
    volume = open_volume(tmp_path / "a.h5", key="volumes/raw", voxel_size=NM)
    np.testing.assert_array_equal(volume.data, data)
    assert volume.data.dtype == np.dtype(dtype).newbyteorder("=")
    assert volume.data.dtype.isnative
    assert volume.data.flags.c_contiguous


@pytest.mark.parametrize("dtype", ["f2", "f8"])
def test_other_floats_become_float32(write, dtype):
    data = RANDOM.normal(size=(4, 5, 6)).astype(dtype)
    volume = open_volume(write(raw=data), voxel_size=NM)
    assert volume.data.dtype == np.float32
    np.testing.assert_array_equal(volume.data, data.astype(np.float32))


@pytest.mark.parametrize("name", ["a.h5", "a.hdf5", "a.HDF", "download"])
def test_the_only_volume_needs_no_key(write, name):
    path = write(name, **{"group/raw": STACK, "table": STACK[0], "offset": 3})
    np.testing.assert_array_equal(open_volume(path, voxel_size=NM).data, STACK)


def test_several_volumes_need_a_key(write):
    path = write(**{"raw": STACK, "labels/ids": STACK.astype(np.uint64), "flat": STACK[0]})
    with pytest.raises(InputError) as caught:
        open_volume(path, voxel_size=NM)
    assert str(caught.value) == (
        f"{path}: give key, the 3D dataset to read; there are: labels/ids (6, 20, 30), raw (6, 20, 30)"
    )


def test_no_volume_at_all(write):
    with pytest.raises(InputError, match=r"give key, the 3D dataset to read; there are: none$"):
        open_volume(write(flat=STACK[0]), voxel_size=NM)


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("rwa", "does not exist"),
        ("group", "is not a 3D dataset"),
        ("flat", "is not a 3D dataset"),
        ("raw/x", "does not exist"),
        ("", "does not exist"),
    ],
)
def test_a_wrong_key_lists_the_volumes(write, key, problem):
    path = write(**{"group/raw": STACK, "raw": STACK, "flat": STACK[0]})
    with pytest.raises(InputError) as caught:
        open_volume(path, key=key, voxel_size=NM)
    listed = "group/raw (6, 20, 30), raw (6, 20, 30)"
    assert str(caught.value) == f"{path}: key {key!r} {problem}; 3D datasets: {listed}"


@pytest.mark.parametrize(
    "data",
    [
        STACK > 9,
        STACK.astype(np.uint32),
        STACK.astype(np.int64),
        STACK.astype(np.complex64),
        STACK.astype("S3"),
    ],
    ids=lambda data: data.dtype.name,
)
def test_dtypes_that_are_no_images(write, data):
    path = write(raw=data)
    with pytest.raises(InputError) as caught:
        open_volume(path, voxel_size=NM)
    assert str(caught.value) == (
        f"{path}: /raw: dtype is {data.dtype.name}; give 8- or 16-bit integers, or floats"
    )


def test_element_size_is_the_voxel_size(write):
    path = write(raw=STACK)
    with h5py.File(path, "a") as file:
        file["raw"].attrs["element_size_um"] = [0.05, 0.015, 0.016]
    np.testing.assert_allclose(open_volume(path).voxel_size, (50, 15, 16))
    assert open_volume(path, voxel_size=NM).voxel_size == NM


@pytest.mark.parametrize("size", [[0.05, 0.015], [0.05, 0.015, 0], [0.05, np.nan, 1], "1x1x1", 0.05, None])
def test_an_unusable_element_size_must_be_replaced(write, size):
    path = write(raw=STACK)
    if size is not None:
        with h5py.File(path, "a") as file:
            file["raw"].attrs["element_size_um"] = size
    with pytest.raises(InputError, match=r"tells no voxel size; give voxel_size \(z, y, x\) in nm"):
        open_volume(path)


@pytest.mark.parametrize("content", [b"", b"no HDF5 file", b"\x89HDF\r\n\x1a\n", b"\x89HDF" + bytes(2000)])
def test_what_is_no_hdf5_gives_one_line(tmp_path, content):
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        open_volume(path, voxel_size=NM)
    assert (
        str(caught.value) == f"{path}: not a readable HDF5 file; it is damaged, cut short or of another kind"
    )


@pytest.mark.parametrize(
    "storage", [{}, {"chunks": (2, 8, 8), "compression": "gzip"}], ids=["plain", "chunks"]
)
def test_a_file_cut_anywhere_never_passes_for_whole(tmp_path, storage):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=STACK, **storage)
    content = path.read_bytes()
    for length in range(0, len(content), max(1, len(content) // 200)):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match="not a readable HDF5 file") as caught:
            open_volume(path, voxel_size=NM)
        assert str(caught.value).isprintable()


def test_damaged_chunks_give_one_line(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=STACK, chunks=STACK.shape, compression="gzip")
        offset = file["raw"].id.get_chunk_info(0).byte_offset
    content = bytearray(path.read_bytes())
    content[offset : offset + 200] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a readable HDF5 file; it is damaged"):
        open_volume(path, voxel_size=NM)
