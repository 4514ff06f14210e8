"""Crops of chunked remote volumes: only their chunks are asked for, once, and they are kept as one file."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorstore
import zarr

from a2ibench.contracts import DatasetSpec, Simulation
from a2ibench.data.fetch import fetch, local_file
from a2ibench.data.fetch.transfer import RetryPolicy
from a2ibench.data.opening import dataset_size, open_dataset
from a2ibench.errors import DownloadError, InputError

NM = (8.0, 8.0, 8.0)
SHAPE = (32, 48, 64)
CHUNK = (8, 16, 16)
CROP = ((8, 20), (16, 40), (17, 48))
DATA = np.random.default_rng(0).integers(1, 60_000, SHAPE).astype(np.uint16)
WANTED = DATA[tuple(slice(*bounds) for bounds in CROP)]
# Along each axis, the numbers of the chunks that the crop touches.
TOUCHED = [(z, y, x) for z in (1, 2) for y in (1, 2) for x in (1, 2)]
OFFSET = (1000, 2000, 3000)
QUICK = RetryPolicy(attempts=2, wait=0)


def write_zarr(folder: Path) -> str:
    group = zarr.open_group(folder / "a.zarr", mode="w", zarr_format=2)
    group.create_array("em/s0", data=DATA, chunks=CHUNK)
    return "a.zarr"


def write_n5(folder: Path) -> str:
    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": f"{folder}/a.n5/em/s0"},
        "metadata": {
            "dimensions": SHAPE[::-1],
            "blockSize": CHUNK[::-1],
            "dataType": "uint16",
            "compression": {"type": "gzip"},
        },
    }
    tensorstore.open(spec, create=True).result().write(DATA.T).result()
    (folder / "a.n5" / "attributes.json").write_text(json.dumps({"n5": "2.0.0"}))
    return "a.n5"


def write_precomputed(folder: Path) -> str:
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": f"{folder}/em/"},
        "multiscale_metadata": {"data_type": "uint16", "num_channels": 1, "type": "image"},
        "scale_metadata": {
            "size": SHAPE[::-1],
            "encoding": "raw",
            "chunk_size": CHUNK[::-1],
            "resolution": (8, 8, 8),
            "voxel_offset": OFFSET,
            "key": "8_8_8",
        },
    }
    tensorstore.open(spec, create=True).result().write(DATA.T[..., np.newaxis]).result()
    return "em"


def precomputed_name(z: int, y: int, x: int) -> str:
    firsts = [at * size for at, size in zip((x, y, z), CHUNK[::-1], strict=True)]
    stops = [min(first + size, n) for first, size, n in zip(firsts, CHUNK[::-1], SHAPE[::-1], strict=True)]
    return "_".join(f"{a + o}-{b + o}" for a, b, o in zip(firsts, stops, OFFSET, strict=True))


KINDS = {
    "zarr": (
        write_zarr,
        "em/s0",
        [f"/a.zarr/em/s0/{z}.{y}.{x}" for z, y, x in TOUCHED],
        r"/a\.zarr/em/s0/\d",
    ),
    "n5": (write_n5, "em/s0", [f"/a.n5/em/s0/{x}/{y}/{z}" for z, y, x in TOUCHED], r"/a\.n5/em/s0/\d"),
    "precomputed": (
        write_precomputed,
        None,
        [f"/em/8_8_8/{precomputed_name(*chunk)}" for chunk in TOUCHED],
        r"/em/8_8_8/\d",
    ),
}


@pytest.fixture
def remote(web):
    """Write a volume of a kind where it is served; return the entry of its crop."""

    def remote(kind: str, **fields: object) -> DatasetSpec:
        write, key, _, _ = KINDS[kind]
        url = f"{kind}://http://127.0.0.1:{web.server_port}/{write(web.folder)}"
        return DatasetSpec(
            **{"name": "em", "title": "E", "voxel_size": NM, "url": url, "key": key, "crop": CROP} | fields
        )

    return remote


def chunks(web, kind: str) -> list[str]:
    return [path for path in web.asked if re.match(KINDS[kind][3], path)]


def voxels_sha256(data: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(data, "<u2").tobytes()).hexdigest()


def left(cache: Path) -> list[str]:
    return sorted(p.name for p in (cache / "downloads").iterdir() if p.suffix not in (".lock", ".json"))


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_chunks_of_the_crop_are_asked_for_once(web, remote, tmp_path, kind, monkeypatch):
    spec = remote(kind)
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    before = dataset_size(spec)
    assert local_file(spec) is None
    path = fetch(spec)
    assert sorted(chunks(web, kind)) == sorted(KINDS[kind][2])
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["volume"], WANTED)
        assert file["volume"].attrs["resolution"].tolist() == list(NM)
    web.asked.clear()
    opened = open_dataset(spec)
    np.testing.assert_array_equal(opened.data, WANTED)
    assert opened.voxel_size == NM
    assert local_file(spec) == path
    assert dataset_size(spec) == before
    assert before.given == WANTED.shape
    assert web.asked == []
    assert left(tmp_path / "cache") == [path.name]
    record = json.loads(path.with_name(f"{path.name}.json").read_text())
    assert record["sha256"] == voxels_sha256(WANTED)
    assert record["crop"] == [list(bounds) for bounds in CROP]


def test_bin_and_simulation_apply_to_the_crop(remote, tmp_path, monkeypatch):
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    spec = remote("precomputed", bin=2, simulate=Simulation(2.0))
    assert open_dataset(spec).shape == (6, 12, 15)
    assert dataset_size(spec) == ((3, 12, 15), (6, 12, 15))


def test_a_published_checksum_is_that_of_the_voxels(remote, tmp_path):
    told = voxels_sha256(WANTED)
    path = fetch(remote("zarr", sha256=told), cache=tmp_path)
    with h5py.File(path, "r+") as file:
        file["volume"][0, 0, 0] += 1
    fetch(remote("zarr", sha256=told), cache=tmp_path)
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["volume"], WANTED)
    with pytest.raises(DownloadError, match=f"expected {'0' * 64} but got {told}$"):
        fetch(remote("zarr", sha256="0" * 64), cache=tmp_path)
    assert left(tmp_path) == []


def test_a_volume_that_changed_at_its_source_is_refused(web, remote, tmp_path):
    spec = remote("zarr")
    path = fetch(spec, cache=tmp_path)
    path.unlink()
    zarr.open_array(web.folder / "a.zarr/em/s0", mode="r+")[10, 20, 30] += 1
    with pytest.raises(DownloadError, match="does not match the checksum") as caught:
        fetch(spec, cache=tmp_path)
    assert str(caught.value).endswith(f"; to accept a changed file remove {path}.json")


def test_a_damaged_cached_file_is_downloaded_again(remote, tmp_path):
    spec = remote("n5")
    path = fetch(spec, cache=tmp_path)
    path.write_bytes(path.read_bytes()[:3000])
    assert fetch(spec, cache=tmp_path) == path
    np.testing.assert_array_equal(open_dataset(spec, cache=tmp_path).data, WANTED)


def test_crops_keys_and_levels_have_files_of_their_own(web, remote, tmp_path):
    zarr.open_group(web.folder / "a.zarr", mode="w", zarr_format=2)
    one = remote("zarr")
    other = remote("zarr", crop=((0, 9), (0, 9), (0, 9)))
    assert fetch(one, cache=tmp_path) != fetch(other, cache=tmp_path)
    np.testing.assert_array_equal(open_dataset(other, cache=tmp_path).data, DATA[:9, :9, :9])


# --- what goes wrong


def test_a_crop_beyond_the_volume_names_axis_and_size(remote, tmp_path):
    spec = remote("precomputed", crop=((0, 8), (0, 49), (0, 8)))
    with pytest.raises(DownloadError) as caught:
        fetch(spec, cache=tmp_path)
    assert "crop is [0, 49] along y, but the volume has 48 voxels there" in str(caught.value)
    assert str(caught.value).startswith(f"em: {spec.url}: ")
    assert left(tmp_path) == []


def test_without_a_crop_nothing_is_asked_for(web, remote, tmp_path):
    with pytest.raises(InputError, match=r"^\[em\]: crop is missing"):
        fetch(remote("n5", crop=None), cache=tmp_path)
    assert web.asked == []


@pytest.mark.parametrize(
    "url", ["zarr://http://{}/gone.zarr", "precomputed://http://{}/gone", "n5://http://127.0.0.1:9/x.n5"]
)
def test_a_volume_that_is_not_there_is_one_line(web, tmp_path, url):
    spec = DatasetSpec("em", "E", NM, url=url.format(f"127.0.0.1:{web.server_port}"), crop=CROP)
    with pytest.raises(DownloadError) as caught:
        fetch(spec, cache=tmp_path, retry=QUICK)
    assert str(caught.value).startswith(f"em: {spec.url}: ")
    assert str(caught.value).isprintable()
    assert left(tmp_path) == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_chunk_is_an_error_and_nothing_is_kept_as_complete(web, remote, tmp_path, kind):
    spec = remote(kind)
    (web.folder / KINDS[kind][2][3].lstrip("/")).unlink()
    with pytest.raises(DownloadError, match=r"^em: .*missing") as caught:
        fetch(spec, cache=tmp_path, retry=QUICK)
    assert str(caught.value).isprintable()
    assert local_file(spec, cache=tmp_path) is None


@pytest.mark.parametrize("kind", ["zarr", "n5"])
def test_a_server_in_passing_trouble_is_asked_again(web, remote, tmp_path, kind):
    spec = remote(kind)
    web.broken = KINDS[kind][2][2]
    web.event.clear()
    heal = threading.Timer(0.5, lambda: setattr(web, "broken", None))
    heal.start()
    path = fetch(spec, cache=tmp_path, retry=RetryPolicy(attempts=8, wait=0.2, longest_wait=0.5))
    heal.join()
    with h5py.File(path) as file:
        np.testing.assert_array_equal(file["volume"], WANTED)


def test_progress_counts_the_voxels(remote, tmp_path, capsys):
    fetch(remote("precomputed"), cache=tmp_path, progress=True)
    out, err = capsys.readouterr()
    assert "em" in err
    assert "17.9/17.9 kB" in err
    assert out == ""
