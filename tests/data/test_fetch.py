"""Downloads from a local server: checksums, records, and failures."""

from __future__ import annotations

import hashlib
import json
import threading

import h5py
import numpy as np
import pytest

from a2ibench.contracts import DatasetSpec
from a2ibench.data.catalogue import load_catalogue
from a2ibench.data.fetch import fetch, file_name
from a2ibench.data.opening import open_dataset
from a2ibench.errors import DownloadError, InputError

NM = (45.0, 15.0, 15.0)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def kept(cache):
    """Return the files in the cache that could be taken for volumes, finished or not."""
    return [path for path in cache.rglob("*") if path.is_file() and path.suffix not in (".lock", ".json")]


def test_a_download_is_verified_kept_and_opened(serve, server, volume_bytes, served_stack, tmp_path):
    spec = DatasetSpec("epfl", "E", NM, url=serve("/data/a.tif", volume_bytes), sha256=sha256(volume_bytes))
    path = fetch(spec, cache=tmp_path)
    assert path.read_bytes() == volume_bytes
    assert fetch(spec, cache=tmp_path) == path
    np.testing.assert_array_equal(open_dataset(spec, cache=tmp_path).data, served_stack)
    assert server.requests == ["/data/a.tif"]
    assert kept(tmp_path) == [path]


def test_the_cache_is_where_the_environment_says(serve, volume_bytes, tmp_path, monkeypatch):
    spec = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", volume_bytes))
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "by variable"))
    assert (tmp_path / "by variable") in fetch(spec).parents
    monkeypatch.delenv("A2IBENCH_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda project: tmp_path / "by system" / project)
    assert (tmp_path / "by system" / "a2ibench") in fetch(spec).parents


def test_files_of_one_name_at_two_links_stay_apart(serve, tmp_path):
    one, two = (DatasetSpec(n, n, NM, url=serve(f"/{n}/maps.h5", n.encode() * 9)) for n in ("one", "two"))
    assert fetch(one, cache=tmp_path).read_bytes() == b"one" * 9
    assert fetch(two, cache=tmp_path).read_bytes() == b"two" * 9


@pytest.mark.parametrize(
    "path", ["/s/43i/download", "/%20Electron Hippo/a%2F..%2Fb.h5?x=1&y=2", "/" + "n" * 300]
)
def test_links_of_any_form_give_usable_file_names(serve, served_stack, tmp_path, path):
    with h5py.File(tmp_path / "served.h5", "w") as file:
        file["raw"] = served_stack
    url = serve(path.replace(" ", "%20"), (tmp_path / "served.h5").read_bytes())
    spec = DatasetSpec("snemi3d", "S", NM, url=url, key="raw")
    assert fetch(spec, cache=tmp_path).parent == tmp_path / "downloads"
    np.testing.assert_array_equal(open_dataset(spec, cache=tmp_path).data, served_stack)


# --- checksums


def test_a_wrong_checksum_names_dataset_and_both_sums(serve, server, volume_bytes, tmp_path):
    spec = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", volume_bytes), sha256="0" * 64)
    with pytest.raises(DownloadError) as caught:
        fetch(spec, cache=tmp_path)
    message = str(caught.value)
    assert message.startswith(f"epfl: {spec.url}: ")
    assert "0" * 64 in message
    assert sha256(volume_bytes) in message
    assert message.isprintable()
    assert kept(tmp_path) == []
    assert len(server.requests) == 2


def test_a_damaged_cached_file_is_downloaded_again(serve, server, volume_bytes, tmp_path):
    spec = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", volume_bytes), sha256=sha256(volume_bytes))
    path = fetch(spec, cache=tmp_path)
    path.write_bytes(volume_bytes[:-1] + b"?")
    assert fetch(spec, cache=tmp_path).read_bytes() == volume_bytes
    assert len(server.requests) == 2


def test_a_damaged_cached_file_does_not_survive_a_failed_download(serve, volume_bytes, tmp_path):
    url = serve("/a.tif", volume_bytes, (404, {}, b""))
    spec = DatasetSpec("epfl", "E", NM, url=url, sha256=sha256(volume_bytes))
    fetch(spec, cache=tmp_path).write_bytes(b"damaged")
    with pytest.raises(DownloadError, match="the server answered 404"):
        fetch(spec, cache=tmp_path)
    assert kept(tmp_path) == []


def test_without_a_published_checksum_the_first_is_recorded(serve, server, volume_bytes, tmp_path):
    spec = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", volume_bytes))
    path = fetch(spec, cache=tmp_path)
    record = json.loads(path.with_name(path.name + ".json").read_text())
    assert record == {"url": spec.url, "sha256": sha256(volume_bytes), "bytes": len(volume_bytes)}
    fetch(spec, cache=tmp_path)
    assert len(server.requests) == 1
    path.write_bytes(b"changed here")
    assert fetch(spec, cache=tmp_path).read_bytes() == volume_bytes
    assert len(server.requests) == 2


def test_a_file_that_changed_at_its_source_is_refused(serve, volume_bytes, tmp_path):
    spec = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", volume_bytes, b"another file"))
    path = fetch(spec, cache=tmp_path)
    path.unlink()
    record = path.with_name(path.name + ".json")
    with pytest.raises(DownloadError) as caught:
        fetch(spec, cache=tmp_path)
    assert f"expected {sha256(volume_bytes)} but got {sha256(b'another file')}" in str(caught.value)
    assert str(caught.value).endswith(f"; to accept a changed file remove {record}")
    assert not path.exists()
    record.unlink()
    assert fetch(spec, cache=tmp_path).read_bytes() == b"another file"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"sha256": 3}', '{"sha256": "abc"}', "\udce9"])
def test_a_damaged_record_is_written_anew(serve, volume_bytes, tmp_path, content):
    spec = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", volume_bytes))
    path = fetch(spec, cache=tmp_path)
    record = path.with_name(path.name + ".json")
    record.write_text(content, encoding="utf-8", errors="surrogateescape")
    assert fetch(spec, cache=tmp_path) == path
    assert json.loads(record.read_text())["sha256"] == sha256(volume_bytes)


def test_downloads_at_once_end_in_one_file(serve, server, volume_bytes, tmp_path):
    spec = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", volume_bytes))
    found = []
    threads = [threading.Thread(target=lambda: found.append(fetch(spec, cache=tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 4
    assert server.requests == ["/a.tif"]
    assert kept(tmp_path) == found[:1]


# --- local files and files to get by hand


def test_a_local_file_is_checked(tmp_path, volume_bytes):
    path = tmp_path / "a.tif"
    path.write_bytes(volume_bytes)
    spec = DatasetSpec("epfl", "E", NM, path=path, sha256=sha256(volume_bytes))
    assert fetch(spec) == path
    path.write_bytes(b"now another, of another length")
    with pytest.raises(InputError) as caught:
        fetch(spec)
    found = sha256(path.read_bytes())
    assert str(caught.value).startswith(
        f"[epfl]: {path} has sha256 {found}, not {spec.sha256}; get the file again"
    )


def test_the_checksum_of_an_unchanged_file_is_computed_once(tmp_path, volume_bytes, monkeypatch):
    path, digests = tmp_path / "a.tif", []
    path.write_bytes(volume_bytes)
    spec = DatasetSpec("epfl", "E", NM, path=path, sha256=sha256(volume_bytes))
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *given: digests.append(given) or digest(*given))
    # A file this young may change again without its times telling.
    monkeypatch.setattr("a2ibench.data.checksums._GRANULARITY", 0)
    fetch(spec)
    fetch(spec)
    assert len(digests) == 1


def test_a_missing_local_file_names_file_and_table(tmp_path):
    path = tmp_path / "gone.tif"
    with pytest.raises(InputError) as caught:
        open_dataset(DatasetSpec("epfl", "E", NM, path=path))
    assert str(caught.value) == f"[epfl]: path is {path}, which is no file; correct it in the catalogue"


def test_instructions_are_given_back():
    spec = DatasetSpec("salo", "S", NM, instructions="Ask the authors.")
    with pytest.raises(InputError) as caught:
        open_dataset(spec)
    assert str(caught.value) == (
        "[salo]: has no public link to download; Ask the authors; "
        "then give the file as path in a catalogue of your own"
    )


def test_the_links_that_ship_lead_to_files_of_their_own():
    specs = [spec for spec in load_catalogue().values() if spec.url]
    assert len(specs) >= 13
    assert len({file_name(spec) for spec in specs}) == len(specs)
    encrypted = ("https://", "s3://", "precomputed://https://")
    assert all(spec.url.startswith(encrypted) for spec in specs)
