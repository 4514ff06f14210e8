"""Downloads that fail, in whichever way, give one clear line and leave nothing behind."""

from __future__ import annotations

import gzip
import hashlib
import logging.handlers
import re
import socket

import pooch
import pytest

from a2ibench.contracts import DatasetSpec
from a2ibench.data.fetch import fetch
from a2ibench.data.fetch.transfer import RetryPolicy
from a2ibench.errors import DownloadError

NM = (45.0, 15.0, 15.0)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def kept(cache):
    """Return the files in the cache that could be taken for volumes, finished or not."""
    return [path for path in cache.rglob("*") if path.is_file() and path.suffix not in (".lock", ".json")]


@pytest.mark.parametrize(
    ("status", "reason", "times"),
    [
        (403, "403 Forbidden", 1),
        (404, "404 Not Found", 1),
        (204, "204 No Content", 1),
        (429, "429 Too Many Requests", 4),
        (500, "500 Internal Server Error", 4),
    ],
)
def test_an_error_of_the_server_is_one_line(serve, server, tmp_path, status, reason, times):
    spec = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", (status, {}, b"<html>sorry</html>")))
    with pytest.raises(DownloadError) as caught:
        fetch(spec, cache=tmp_path)
    assert str(caught.value) == f"epfl: {spec.url}: the server answered {reason}"
    assert len(server.requests) == times
    assert kept(tmp_path) == []


def test_a_passing_error_is_overcome(serve, volume_bytes, tmp_path):
    busy = (503, {}, b"")
    spec = DatasetSpec(
        "epfl", "E", NM, url=serve("/a.tif", busy, busy, volume_bytes), sha256=sha256(volume_bytes)
    )
    assert fetch(spec, cache=tmp_path).read_bytes() == volume_bytes


@pytest.mark.parametrize("known", [True, False])
def test_a_transfer_that_breaks_off_leaves_nothing(serve, volume_bytes, tmp_path, known):
    half = (200, {"Content-Length": str(len(volume_bytes))}, volume_bytes[: len(volume_bytes) // 2])
    spec = DatasetSpec(
        "epfl", "E", NM, url=serve("/a.tif", half), sha256=sha256(volume_bytes) if known else None
    )
    with pytest.raises(DownloadError, match=r"^epfl: .*the transfer broke off after ") as caught:
        fetch(spec, cache=tmp_path)
    assert str(caught.value).isprintable()
    assert kept(tmp_path) == []


def test_a_refused_connection_is_one_line(server, tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/a.tif"
        with pytest.raises(DownloadError) as caught:
            fetch(DatasetSpec("epfl", "E", NM, url=url), cache=tmp_path)
    assert re.fullmatch(rf"epfl: {url}: .*Connection refused", str(caught.value))
    assert "object at" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://host/a.tif", "http://", "no link"])
def test_a_link_of_a_plugin_that_cannot_be_followed(server, tmp_path, url):
    with pytest.raises(DownloadError, match=f"^epfl: {url}: ") as caught:
        fetch(DatasetSpec("epfl", "E", NM, url=url), cache=tmp_path)
    assert str(caught.value).isprintable()


def test_a_cache_that_is_no_folder(serve, volume_bytes, tmp_path):
    (tmp_path / "cache").write_bytes(b"")
    spec = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", volume_bytes))
    with pytest.raises(DownloadError, match=r"^epfl: .*Not a directory"):
        fetch(spec, cache=tmp_path / "cache")


@pytest.mark.parametrize("headers", [{}, {"Transfer-Encoding": "identity"}])
def test_progress_goes_to_standard_error(serve, volume_bytes, tmp_path, capsys, headers):
    spec = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", (200, headers, volume_bytes)))
    level = pooch.get_logger().level
    fetch(spec, cache=tmp_path, progress=True)
    out, err = capsys.readouterr()
    assert "epfl" in err
    assert out == ""
    assert pooch.get_logger().level == level


def test_without_progress_nothing_is_written(serve, volume_bytes, tmp_path, capfd):
    heard = logging.handlers.BufferingHandler(100)
    pooch.get_logger().addHandler(heard)
    try:
        fetch(DatasetSpec("epfl", "E", NM, url=serve("/a.tif", volume_bytes)), cache=tmp_path)
    finally:
        pooch.get_logger().removeHandler(heard)
    assert heard.buffer == []
    assert capfd.readouterr() == ("", "")


def test_redirects_in_a_circle_are_one_line(serve, tmp_path):
    wanted = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", (302, {"Location": "/a.tif"}, b"")))
    with pytest.raises(DownloadError, match=r"^epfl: .*redirects") as caught:
        fetch(wanted, cache=tmp_path)
    assert str(caught.value).isprintable()


def test_what_was_compressed_on_the_way_is_unpacked(serve, volume_bytes, tmp_path):
    headers = {"Content-Encoding": "gzip", "ETag": '"1"'}
    wanted = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", (200, headers, gzip.compress(volume_bytes))))
    assert fetch(wanted, cache=tmp_path).read_bytes() == volume_bytes


def test_pauses_grow_and_heed_the_server(serve, volume_bytes, tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr("a2ibench.data.fetch.transfer.time.sleep", pauses.append)
    asked = (429, {"Retry-After": "7"}, b"")
    busy, for_ever = (500, {}, b""), (503, {"Retry-After": "99999"}, b"")
    url = serve("/a.tif", busy, busy, asked, for_ever, volume_bytes)
    wanted = DatasetSpec("epfl", "E", NM, url=url)
    retry = RetryPolicy(attempts=9, wait=1, longest_wait=20)
    assert fetch(wanted, cache=tmp_path, retry=retry).read_bytes() == volume_bytes
    assert pauses == [1, 2, 7, 20]
