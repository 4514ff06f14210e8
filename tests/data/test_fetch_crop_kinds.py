"""Crops of levels and of floats, crops that are continued, and chunked volumes on the disk."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
import tensorstore
import zarr

from a2ibench.contracts import DatasetSpec
from a2ibench.data.checksums import content_sha256
from a2ibench.data.fetch import fetch, local_file
from a2ibench.data.fetch.transfer import RetryPolicy
from a2ibench.data.opening import open_dataset
from a2ibench.errors import DownloadError, InputError

NM = (8.0, 8.0, 8.0)
CHUNK = (8, 16, 16)
DATA = np.random.default_rng(0).integers(1, 60_000, (32, 48, 64)).astype(np.uint16)
GZIP = {"type": "gzip"}
QUICK = RetryPolicy(attempts=2, wait=0)


def test_a_level_is_chosen(web, tmp_path):
    group = zarr.open_group(web.folder / "a.zarr", mode="w", zarr_format=2)
    coarse = DATA[::2, ::2, ::2]
    for number, data in enumerate((DATA, coarse)):
        group.create_array(str(number), data=data, chunks=CHUNK)
    axes = [{"name": name, "type": "space", "unit": "nanometer"} for name in "zyx"]
    scales = [[{"type": "scale", "scale": [8 * 2**number] * 3}] for number in (0, 1)]
    levels = [{"path": str(n), "coordinateTransformations": scale} for n, scale in enumerate(scales)]
    group.attrs["multiscales"] = [{"version": "0.4", "axes": axes, "datasets": levels}]
    url = f"zarr://http://127.0.0.1:{web.server_port}/a.zarr"
    crop = ((0, 8), (2, 9), (3, 9))
    spec = DatasetSpec("em", "E", (16.0, 16.0, 16.0), url=url, level=1, crop=crop)
    np.testing.assert_array_equal(open_dataset(spec, cache=tmp_path).data, coarse[:8, 2:9, 3:9])


def test_a_float_volume_becomes_float32(web, tmp_path):
    data = np.random.default_rng(1).normal(size=(9, 20, 20))
    zarr.create_array(web.folder / "f.zarr", data=data, chunks=(4, 8, 8))
    url = f"zarr://http://127.0.0.1:{web.server_port}/f.zarr"
    spec = DatasetSpec("em", "E", NM, url=url, crop=((0, 9), (1, 20), (0, 8)))
    np.testing.assert_array_equal(open_dataset(spec, cache=tmp_path).data, data[:, 1:, :8].astype(np.float32))


def test_an_interrupted_download_goes_on_with_the_next_block(web, tmp_path, monkeypatch):
    # Two blocks of the file that is written; the second lies in chunks of its own.
    data = np.random.default_rng(2).integers(1, 255, (4, 8, 300)).astype(np.uint8)
    zarr.create_array(web.folder / "b.zarr", data=data, chunks=(4, 8, 64), zarr_format=2)
    url = f"zarr://http://127.0.0.1:{web.server_port}/b.zarr"
    spec = DatasetSpec("em", "E", NM, url=url, crop=tuple((0, size) for size in data.shape))
    web.broken = r"/0\.0\.4$"
    with pytest.raises(DownloadError, match=r"^em: .*; give the same command again to go on$"):
        fetch(spec, cache=tmp_path, retry=QUICK)
    assert local_file(spec, cache=tmp_path) is None
    web.broken = None
    web.asked.clear()
    path = fetch(spec, cache=tmp_path, retry=QUICK)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["volume"], data)
    assert [name for name in web.asked if re.search(r"/\d\.\d\.\d$", name)] == ["/b.zarr/0.0.4"]
    assert not [name for name in path.parent.iterdir() if name.name.endswith(".part")]


def test_a_folder_on_the_disk_is_a_source_as_well(tmp_path):
    path, crop = tmp_path / "a.zarr", ((8, 20), (16, 40), (17, 48))
    group = zarr.open_group(path, mode="w", zarr_format=2)
    group.create_array("em/s0", data=DATA, chunks=CHUNK)
    spec = DatasetSpec("em", "E", NM, path=path, key="em/s0", crop=crop, sha256=content_sha256(path))
    assert fetch(spec) == local_file(spec) == path
    np.testing.assert_array_equal(open_dataset(spec).data, DATA[8:20, 16:40, 17:48])
    (path / "em" / "s0" / "0.0.0").unlink()
    with pytest.raises(InputError, match=r"^\[em\]: .* has sha256 "):
        fetch(spec)


def test_a_stall_ends_and_so_does_the_process(web):
    # In a process of its own, since the limit is read once; and one that left a thread behind would abort.
    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": f"{web.folder}/a.n5/s0"},
        "metadata": {
            "dimensions": (8, 8, 8),
            "blockSize": (8, 8, 8),
            "dataType": "uint8",
            "compression": GZIP,
        },
    }
    tensorstore.open(spec, create=True).result().write(DATA[:8, :8, :8].astype(np.uint8)).result()
    web.broken, web.stall = r"/0/0/0$", 60
    code = """
import sys
from pathlib import Path
from a2ibench.contracts import DatasetSpec
from a2ibench.data.fetch import fetch
from a2ibench.data.fetch.transfer import RetryPolicy
from a2ibench.data.formats import tensorstores
tensorstores._CONTEXT["http_request_retries"] = {"max_retries": 1}
url = f"n5://http://127.0.0.1:{sys.argv[1]}/a.n5"
spec = DatasetSpec("em", "E", (8, 8, 8), url=url, key="s0", crop=((0, 8),) * 3)
try:
    fetch(spec, cache=Path(sys.argv[2]), retry=RetryPolicy(read=1, attempts=1))
except OSError as error:
    print(error)
"""
    arguments = [sys.executable, "-c", code, str(web.server_port), str(web.folder.parent / "cache")]
    # Downloads of this process have set its limit, which must not be handed on.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TENSORSTORE_")}
    done = subprocess.run(
        arguments, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("em: n5://http://127.0.0.1")
    assert done.stdout.endswith("; give the same command again to go on\n")
    assert done.stdout.count("\n") == 1
