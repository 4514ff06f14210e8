"""Places that hold no volume themselves, but are near to one: what is said, or read all the same."""

from __future__ import annotations

import bz2
import gzip
import lzma

import h5py
import mrcfile
import numpy as np
import pytest
import zarr

from a2ibench.data.formats import open_lazy
from a2ibench.errors import InputError, OptionError

DATA = np.random.default_rng(9).integers(1, 255, (5, 12, 18)).astype(np.uint8)


def packed_mrc(path):
    with mrcfile.new(path / "a.mrc") as file:
        file.set_data(DATA.astype(np.int16))
    return (path / "a.mrc").read_bytes()


@pytest.mark.parametrize(
    ("name", "compress", "program"),
    [
        ("emd_1.map.gz", gzip.compress, "gzip); unpack it (gunzip emd_1.map.gz) and give the result"),
        ("a.mrc.bz2", bz2.compress, "bzip2); unpack it (bunzip2 a.mrc.bz2) and give the result"),
        ("a.rec.xz", lzma.compress, "xz); unpack it (unxz a.rec.xz) and give the result"),
    ],
)
def test_compressed_files_are_named(tmp_path, name, compress, program):
    (tmp_path / name).write_bytes(compress(packed_mrc(tmp_path)))
    with pytest.raises(InputError) as caught:
        open_lazy(tmp_path / name)
    assert str(caught.value) == f"{tmp_path / name}: is compressed ({program}"


@pytest.mark.parametrize("content", [b"y" * 3000, b"", bytes(10**7)])
def test_a_compressed_file_that_is_no_mrc(tmp_path, content):
    (tmp_path / "b.map.gz").write_bytes(gzip.compress(content))
    with pytest.raises(InputError, match=r"is compressed \(gzip\), but no MRC file is inside; get it again"):
        open_lazy(tmp_path / "b.map.gz")
    (tmp_path / "c.mrc.gz").write_bytes(b"\x1f\x8bnothing")
    with pytest.raises(InputError, match="but no MRC file is inside"):
        open_lazy(tmp_path / "c.mrc.gz")


@pytest.mark.parametrize("suffix", ["czi", "nii", "nrrd", "lif"])
def test_formats_that_are_not_read_say_what_to_export(tmp_path, suffix):
    (tmp_path / f"a.{suffix}").write_bytes(b"something of 400 bytes" * 20)
    with pytest.raises(InputError, match=rf"\.{suffix} is not read; export it .*as TIFF"):
        open_lazy(tmp_path / f"a.{suffix}")


def test_a_dataset_behind_a_file(tmp_path, web):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["volumes/raw"] = DATA
    address = f"http://127.0.0.1:{web.server_port}"
    for place in (str(tmp_path / "a.h5/volumes/raw"), f"{address}/a.h5/volumes/raw"):
        with pytest.raises(OptionError) as caught:
            open_lazy(place)
        assert str(caught.value) == f"{place}: a.h5 is a file; give that, and key=volumes/raw"
    with pytest.raises(InputError, match="no such file; check the path"):
        open_lazy(tmp_path / "b.h5/volumes/raw")


@pytest.mark.parametrize(
    "written",
    ["zarr://{}/a.zarr", "zarr2://{}/a.zarr/", "{}/a.zarr|zarr:", "{}/a.zarr/|zarr3:", "ZARR://{}/a.zarr"],
)
def test_addresses_as_neuroglancer_writes_them(tmp_path, web, written):
    zarr.create_array(tmp_path / "a.zarr", data=DATA)
    with open_lazy(written.format(f"http://127.0.0.1:{web.server_port}")) as volume:
        np.testing.assert_array_equal(volume[:, :, :], DATA)


def test_an_array_behind_the_format(tmp_path, web):
    zarr.open_group(tmp_path / "a.zarr", mode="w").create_array("em", data=DATA)
    address = f"http://127.0.0.1:{web.server_port}/a.zarr"
    with open_lazy(f"{address}|zarr3:em/") as volume, open_lazy(f"zarr://{address}", key="em") as same:
        np.testing.assert_array_equal(volume[:, :, :], same[:, :, :])
    with open_lazy(f"zarr://{tmp_path}/a.zarr") as volume:
        np.testing.assert_array_equal(volume[:, :, :], DATA)
