"""Bad input of every format: one clear line that says what, what it got, and what to do."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import h5py
import mrcfile
import numcodecs
import numpy as np
import pytest
import tifffile
import zarr

from a2ibench.data.formats import open_lazy
from a2ibench.data.opening import open_volume
from a2ibench.errors import InputError

DATA = np.random.default_rng(0).integers(1, 255, (7, 21, 34)).astype(np.uint8)
GREY = {"photometric": "minisblack"}


def refusal(path, *, read: bool = True, **options) -> str:
    """Return the line that opening and reading a volume ends with."""
    with pytest.raises(InputError) as caught, open_lazy(path, **options) as volume:  # noqa: PT012
        if read:
            volume[:, :, :]
    message = str(caught.value)
    assert message.isprintable()
    assert message.startswith(str(path))
    assert not re.search(r"Traceback|Exception|Error\b|<|0x", message)
    return message


@pytest.mark.parametrize("kind", ["tiff", "hdf5", "mat", "mrc", "npy"])
def test_files_cut_anywhere(write, kind):
    path = write(kind, DATA)
    content = path.read_bytes()
    for length in (*range(0, len(content) - 1, len(content) // 60), len(content) - 1):
        path.write_bytes(content[:length])
        refusal(path)


@pytest.mark.parametrize("kind", ["mrc", "npy"])
def test_a_file_that_is_cut_while_it_is_open(write, kind):
    path = write(kind, DATA)
    with open_lazy(path) as volume:
        path.write_bytes(path.read_bytes()[:2000])
        with pytest.raises(InputError, match=r"cut short: .* bytes of voxels are there; get the file again"):
            volume[:, :, :]


@pytest.mark.parametrize("version", [2, 3])
def test_a_chunk_of_blosc_cut_anywhere(tmp_path, version):
    compressor = {2: numcodecs.Blosc(), 3: zarr.codecs.BloscCodec()}[version]
    zarr.create_array(
        tmp_path / "a.zarr", data=DATA, chunks=DATA.shape, zarr_format=version, compressors=compressor
    )
    file = tmp_path / "a.zarr" / ("0.0.0" if version == 2 else "c/0/0/0")
    content = file.read_bytes()
    for length in range(0, len(content), 501):
        file.write_bytes(content[:length])
        assert "is cut short or damaged; get the volume again" in refusal(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    ("kind", "chunk"),
    [("zarr2", "raw/1.1.2"), ("zarr3", "raw/c/1/1/2"), ("n5", "raw/2/1/1"), ("precomputed", None)],
)
def test_chunks_that_are_cut_or_missing(write, kind, chunk):
    path = write(kind, DATA)
    file = path / chunk if chunk else sorted((path / "4_5_40").iterdir())[0]
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    refusal(path)
    file.unlink()
    assert re.search(
        "chunk .*is missing; get the volume again, or, .* open it with fill_missing", refusal(path)
    )
    with open_lazy(path, fill_missing=True) as volume:
        data = volume[:, :, :]
    lost = data != DATA
    assert 0 < lost.sum() < DATA.size
    assert not data[lost].any()


@pytest.mark.parametrize("kind", ["zarr2", "zarr3", "n5", "precomputed"])
def test_blocks_beside_a_missing_chunk_are_read(write, kind):
    path = write(kind, DATA)
    first = {"zarr2": "raw/0.0.0", "zarr3": "raw/c/0/0/0", "n5": "raw/0/0/0"}.get(kind)
    (path / first if first else next((path / "4_5_40").glob("10-18_20-28_30-32"))).unlink()
    with open_lazy(path) as volume:
        np.testing.assert_array_equal(volume[2:, :, :], DATA[2:])
        with pytest.raises(InputError, match="is missing"):
            volume[1:2, 3:4, 3:4]


def test_missing_chunks_of_hdf5(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", DATA.shape, "u1", chunks=(2, 8, 8))[:6] = DATA[:6]
    assert "15 of 60 chunks are missing; get the file again" in refusal(path, read=False)
    with open_lazy(path, fill_missing=True) as volume:
        np.testing.assert_array_equal(volume[:6, :, :], DATA[:6])


def test_slices_that_are_missing_cut_or_differ(write, tmp_path):
    folder = write("folder", DATA)
    file = folder / "slice10.tif"
    content = file.read_bytes()
    for length in range(0, len(content), 37):
        file.write_bytes(content[:length])
        assert refusal(folder).startswith(str(file))
    tifffile.imwrite(file, DATA[0, :9], **GREY)
    assert refusal(folder).startswith(
        f"{file}: (9, 34) uint8, but slice7.tif is (21, 34) uint8; give slices alike"
    )
    tifffile.imwrite(file, DATA[:3], **GREY)
    assert "give slices of one grey-scale image each" in refusal(folder)
    tifffile.imwrite(file, np.stack([DATA[0]] * 3, -1), photometric="rgb")
    refusal(folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert refusal(empty).startswith(f"{empty}: is a folder; give one file, or a folder that holds")


def test_slices_are_ordered_by_number(write):
    with open_lazy(write("folder", np.repeat(DATA, 2, 0))) as volume:
        np.testing.assert_array_equal(volume[:, :, :], np.repeat(DATA, 2, 0))


@pytest.mark.parametrize("kind", ["zarr2", "zarr3", "hdf5", "npy", "mrc", "n5", "precomputed"])
def test_axes_without_voxels(write, kind, tmp_path):
    if kind == "mrc":
        path = write(kind, DATA)
        content = bytearray(path.read_bytes())
        content[0:4] = bytes(4)
        path.write_bytes(content)
    elif kind in ("n5", "precomputed"):
        path = write(kind, DATA)
        file = path / ("raw/attributes.json" if kind == "n5" else "info")
        document = json.loads(file.read_text())
        if kind == "n5":
            document["dimensions"][1] = 0
        else:
            document["scales"][0]["size"][1] = 0
        file.write_text(json.dumps(document))
    elif kind == "hdf5":
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            file["raw"] = DATA[:, :0]
    elif kind == "npy":
        path = write(kind, DATA[:, :0])
    else:
        path = tmp_path / "a.zarr"
        zarr.create_array(path, shape=(7, 0, 34), dtype="u1", zarr_format=int(kind[-1]))
    assert "holds no voxel; give" in refusal(path)


def test_unknown_compression(write, tmp_path):
    path = write("tiff", DATA)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        for page in tiff.pages:
            page.tags["Compression"].overwrite(64999)
    assert "compression" in refusal(path)
    for kind, file, change in (
        ("zarr2", "raw/.zarray", lambda d: d.update(compressor={"id": "quantum"})),
        ("zarr3", "raw/zarr.json", lambda d: d["codecs"].append({"name": "quantum", "configuration": {}})),
        ("n5", "raw/attributes.json", lambda d: d.update(compression={"type": "quantum"})),
        ("precomputed", "info", lambda d: d["scales"][0].update(encoding="quantum")),
    ):
        folder = write(kind, DATA)
        document = json.loads((folder / file).read_text())
        change(document)
        (folder / file).write_text(json.dumps(document))
        assert "compression" in refusal(folder), kind


def test_a_filter_of_hdf5_that_is_not_there(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=DATA, chunks=(2, 8, 8), compression="lzf")
    content = path.read_bytes()
    at = content.index(b"lzf\0")
    # The id, 32000, is written ahead of the name.
    before = content[:at].rindex((32000).to_bytes(2, "little"))
    path.write_bytes(content[:before] + (32999).to_bytes(2, "little") + content[before + 2 :])
    assert "compression filter 32999" in refusal(path)


def test_chunks_that_would_unpickle_are_refused(tmp_path):
    folder = tmp_path / "a.zarr"
    zarr.create_array(folder, data=DATA, zarr_format=2, chunks=DATA.shape, compressors=None)
    file = folder / ".zarray"
    document = json.loads(file.read_text())

    class Danger:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "was run",))

    (folder / "0.0.0").write_bytes(pickle.dumps([Danger()]))
    for change in ({"filters": [{"id": "pickle"}]}, {"compressor": {"id": "pickle"}}):
        file.write_text(json.dumps(document | change))
        refusal(folder)
        assert not (tmp_path / "was run").exists()


@pytest.mark.parametrize("chunks", [[2**20, 2**20, 2**20], [0, 8, 8], [-1, 8, 8]])
@pytest.mark.parametrize("kind", ["zarr2", "zarr3", "n5", "precomputed"])
def test_chunks_that_no_memory_holds(write, kind, chunks):
    folder = write(kind, DATA)
    file, change = {
        "zarr2": ("raw/.zarray", lambda d: d.update(chunks=chunks)),
        "zarr3": ("raw/zarr.json", lambda d: d["chunk_grid"]["configuration"].update(chunk_shape=chunks)),
        "n5": ("raw/attributes.json", lambda d: d.update(blockSize=chunks)),
        "precomputed": ("info", lambda d: d["scales"][0].update(chunk_sizes=[chunks])),
    }[kind]
    document = json.loads((folder / file).read_text())
    change(document)
    (folder / file).write_text(json.dumps(document))
    refusal(folder)


@pytest.mark.parametrize("kind", ["zarr2", "zarr3", "hdf5"])
def test_a_volume_larger_than_memory_is_opened_but_not_read_whole(tmp_path, kind):
    shape = (2**14, 2**15, 2**15)
    if kind == "hdf5":
        path = tmp_path / "a.h5"
        with h5py.File(path, "w") as file:
            file.create_dataset("raw", shape, "u1", chunks=(1, 64, 64))[3, :64, :64] = DATA[0, 0, 0]
    else:
        path = tmp_path / "a.zarr"
        array = zarr.create_array(
            path, shape=shape, dtype="u1", chunks=(1, 64, 64), zarr_format=int(kind[-1])
        )
        array[3, :64, :64] = DATA[0, 0, 0]
    with open_lazy(path, fill_missing=True) as volume:
        assert volume.shape == shape
        assert (volume[3:4, 8:30, :9] == DATA[0, 0, 0]).all()
    if kind != "hdf5":
        with pytest.raises(
            InputError, match=r"its voxels take 16384.0 GiB, but .* free; give a smaller volume or a"
        ):
            open_volume(path, voxel_size=(1, 1, 1))


def test_dtypes_that_are_no_images(tmp_path):
    for dtype in ("?", "u4", "i8", "c8", "S3"):
        np.save(tmp_path / "a.npy", np.ones((3, 4, 5)).astype(dtype))
        assert "give 8- or 16-bit integers, or floats" in refusal(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", np.full((3, 4, 5), None), allow_pickle=True)
    assert "holds Python objects; save an array of numbers" in refusal(tmp_path / "a.npy")
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(np.ones((3, 4, 5), np.complex64))
    assert "dtype is complex64" in refusal(tmp_path / "a.mrc")
    zarr.create_array(tmp_path / "a.zarr", data=np.ones((3, 4, 5), "u4"))
    assert "dtype is uint32" in refusal(tmp_path / "a.zarr")


def test_files_of_other_kinds(tmp_path):
    (tmp_path / "old.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(128))
    assert refusal(tmp_path / "old.mat").endswith("is a MATLAB 5 file; save it again with save(..., '-v7.3')")
    (tmp_path / "a.mrc").write_bytes(b"\x1f\x8b" + bytes(2000))
    assert "is compressed; unpack it" in refusal(tmp_path / "a.mrc")
    np.save(tmp_path / "flat.npy", DATA[0])
    assert "give a 3D volume with axes z, y and x" in refusal(tmp_path / "flat.npy")
    np.save(tmp_path / "four.npy", DATA[np.newaxis].repeat(2, 0))
    assert "2 entries along axis" in refusal(tmp_path / "four.npy")
    zarr.open_group(tmp_path / "empty.zarr", mode="w")
    assert "give key, the array or image to read; there are: none" in refusal(tmp_path / "empty.zarr")
    group = zarr.open_group(tmp_path / "two.zarr", mode="w")
    for name in ("b", "a"):
        group.create_array(name, data=DATA)
    assert refusal(tmp_path / "two.zarr").endswith("give key, the array or image to read; there are: a, b")
    assert "level is 1, but a is one array; remove it" in refusal(tmp_path / "two.zarr", key="a", level=1)
    assert refusal(tmp_path / "gone.zarr").endswith("no such file; check the path")
