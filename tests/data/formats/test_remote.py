"""Volumes on servers: every format over http, and only the bytes that a block needs."""

from __future__ import annotations

import re

import numpy as np
import pytest

from a2ibench.data.formats import open_lazy
from a2ibench.data.opening import open_volume
from a2ibench.errors import InputError

SHAPE = (7, 21, 34)
DATA = np.random.default_rng(1).integers(1, 255, SHAPE).astype(np.uint8)


def address(web, path, root) -> str:
    return f"http://127.0.0.1:{web.server_port}/{path.relative_to(root).as_posix()}"


@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("tiff", None),
        ("hdf5", None),
        ("mat", None),
        ("mrc", None),
        ("npy", None),
        ("zarr2", "raw"),
        ("zarr3", "raw"),
        ("n5", "raw"),
        ("precomputed", None),
    ],
)
def test_every_format_over_http(write, web, tmp_path, kind, key):
    url = address(web, write(kind, DATA), tmp_path)
    with open_lazy(url, key=key) as volume:
        assert volume.source == url
        assert volume.shape == SHAPE
        np.testing.assert_array_equal(volume[1:6, 3:20, 7:], DATA[1:6, 3:20, 7:])
    if key is not None:
        with open_lazy(f"{url}/{key}") as volume:
            np.testing.assert_array_equal(volume[:, :, :], DATA)


def test_a_remote_volume_is_opened_whole(write, web, tmp_path):
    url = address(web, write("zarr3", DATA), tmp_path)
    opened = open_volume(f"{url}/raw", voxel_size=(40, 4, 4))
    np.testing.assert_array_equal(opened.data, DATA)
    assert opened.name == "raw"


@pytest.mark.parametrize("kind", ["npy", "mrc"])
def test_a_block_needs_few_bytes(write, web, tmp_path, kind):
    data = np.random.default_rng(2).integers(1, 255, (40, 512, 512)).astype(np.uint8)
    url = address(web, write(kind, data), tmp_path)
    with open_lazy(url) as volume:
        np.testing.assert_array_equal(volume[30:31, 9:12, :], data[30:31, 9:12])
    # fsspec reads ahead by 5 MiB.
    assert 0 < web.sent < 7e6 < data.nbytes


@pytest.mark.parametrize("name", ["gone.tif", "gone.h5", "gone.zarr", "gone.n5", "gone", "gone.mrc"])
def test_what_is_not_there_gives_one_line(web, tmp_path, name):
    url = f"http://127.0.0.1:{web.server_port}/{name}"
    with pytest.raises(InputError) as caught:
        open_lazy(url)
    assert str(caught.value).startswith(f"{url}: ")
    assert str(caught.value).isprintable()
    assert "not a readable" not in str(caught.value)


def test_a_server_that_is_gone_gives_one_line(web):
    url = "http://127.0.0.1:9/a.zarr"
    with pytest.raises(
        InputError, match=f"^{re.escape(url)}.*: cannot be read .*check the address"
    ) as caught:
        open_lazy(url)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("given", ["ftp://a/b.tif", "zip://a.zip", "https://", "file+x://a"])
def test_other_schemes_are_refused(given):
    with pytest.raises(InputError, match="give a path or a http, https, s3 or gs address"):
        open_lazy(given)


@pytest.mark.parametrize(
    ("given", "inside"), [("s3://bucket/a.zarr/em", "bucket/a.zarr/em"), ("gs://b/p", "b/p")]
)
def test_buckets_are_read_without_an_account(given, inside):
    from a2ibench.data.formats.source import find

    found = find(given)
    assert found.place == inside
    assert (found / "0/../.zarray").place == f"{inside}/0/.zarray"
    assert found.parent.text == given.rpartition("/")[0]
    options = found.filesystem.storage_options
    assert options.get("anon") is True or options.get("token") == "anon"
