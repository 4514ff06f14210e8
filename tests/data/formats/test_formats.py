"""Every format gives back any block exactly, by one interface."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from volume_files import SHAPE, WRITERS, volume

from a2ibench.data.formats import open_lazy
from a2ibench.data.opening import open_volume
from a2ibench.errors import InputError

KINDS = ("tiff", "folder", "hdf5", "mat", "mrc", "npy", "zarr2", "zarr3", "n5", "precomputed")


@pytest.fixture(scope="module")
def stored(tmp_path_factory, request):
    """Return path and voxels of a volume in a format; written once."""

    @cache
    def make(kind: str) -> tuple[Path, np.ndarray]:
        data = volume()
        folder = Path(tempfile.mkdtemp(dir=tmp_path_factory.mktemp("stored")))
        return WRITERS[kind](folder, data), data

    return make


def spans(size: int) -> st.SearchStrategy[slice]:
    bound = st.none() | st.integers(-size - 2, size + 2)
    return st.builds(slice, bound, bound)


BLOCKS = st.tuples(*(spans(size) for size in SHAPE))


@pytest.mark.parametrize("kind", KINDS)
def test_any_block_is_that_of_the_array(stored, kind):
    path, data = stored(kind)
    with open_lazy(path) as volume:
        assert volume.shape == SHAPE
        assert volume.dtype.isnative
        assert volume.source == str(path)
        assert all(1 <= chunk <= size for chunk, size in zip(volume.chunks, SHAPE, strict=True))

        @settings(max_examples=40, deadline=None)
        @given(BLOCKS)
        def check(block: tuple[slice, slice, slice]) -> None:
            found = volume[block]
            np.testing.assert_array_equal(found, data[block])
            assert found.flags.c_contiguous
            assert found.dtype == volume.dtype
            assert found.flags.writeable
            assert found.flags.owndata or found.base.nbytes == found.nbytes

        check()


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_volume_is_read_by_open_volume(stored, kind):
    path, data = stored(kind)
    np.testing.assert_array_equal(open_volume(path, voxel_size=(40, 4, 4)).data, data)


@pytest.mark.parametrize("dtype", ["u1", "i1", "<u2", ">u2", "<i2", ">i2", "<f4", ">f4"])
@pytest.mark.parametrize(
    "kind", ["tiff", "folder", "hdf5", "npy", "mrc", "zarr2", "zarr3", "n5", "precomputed"]
)
def test_dtypes_of_both_byte_orders(write, kind, dtype):
    from numpy.random import default_rng

    data = default_rng(0).integers(1, 100, SHAPE).astype(dtype)
    if kind in ("n5", "precomputed"):  # state no byte order
        data = data.astype(data.dtype.newbyteorder("="))
    if kind == "mrc" and dtype == "u1":  # its writer makes them 16-bit
        dtype = "u2"
    with open_lazy(write(kind, data)) as volume:
        assert volume.dtype == np.dtype(dtype).newbyteorder("=")
        found = volume[1:6, 2:, :30]
    np.testing.assert_array_equal(found, data[1:6, 2:, :30])
    assert found.dtype.isnative


@pytest.mark.parametrize("kind", ["tiff", "folder", "mrc", "npy"])
def test_formats_of_one_volume_take_no_key_and_no_level(stored, kind):
    path, _ = stored(kind)
    with pytest.raises(InputError, match=r"key is 'raw', but a.* remove it$"):
        open_lazy(path, key="raw")
    with pytest.raises(InputError, match=r"level is 1, but it has one resolution only; remove it$"):
        open_lazy(path, level=1)


@pytest.mark.parametrize("kind", ["hdf5", "mat", "zarr2", "zarr3", "n5", "precomputed"])
def test_a_wrong_key_gives_one_line(stored, kind):
    path, _ = stored(kind)
    with pytest.raises(InputError, match="key 'nothing' does not exist") as caught:
        open_lazy(path, key="nothing")
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).isprintable()


def test_what_is_no_block_is_refused(stored):
    path, _ = stored("npy")
    with open_lazy(path) as volume:
        with pytest.raises(TypeError, match="give three slices"):
            volume[0]
        with pytest.raises(ValueError, match="has the step 2; give slices without steps"):
            volume[::2, :, :]


@pytest.mark.parametrize("kind", ["tiff", "hdf5", "mrc", "npy"])
def test_a_closed_volume_closes_its_file(stored, kind):
    import psutil

    path, _ = stored(kind)

    def is_open() -> bool:
        process = psutil.Process()
        maps = [one.path for one in process.memory_maps()]
        return str(path) in [*maps, *(file.path for file in process.open_files())]

    with open_lazy(path) as volume:
        volume[:1, :1, :1]
        assert is_open()
    assert not is_open()
    with pytest.raises(ValueError, match="is closed; open it again"):
        volume[:1, :1, :1]


def test_a_refused_volume_leaves_no_file_open(stored):
    import psutil

    path, _ = stored("hdf5")
    with pytest.raises(InputError) as kept:
        open_lazy(path, key="nothing")
    assert kept.value
    assert str(path) not in [file.path for file in psutil.Process().open_files()]
