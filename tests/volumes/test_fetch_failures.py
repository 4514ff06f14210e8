"""Downloads that fail, in whichever way, give one clear line and leave nothing behind."""

from __future__ import annotations

import hashlib
import logging.handlers
import re
import socket

import pooch
import pytest

from a2ibench.contracts import DatasetSpec
from a2ibench.errors import DownloadError
from a2ibench.volumes.fetch import fetch

NM = (45.0, 15.0, 15.0)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def kept(cache):
    """Return the files in the cache that could be taken for volumes, finished or not."""
    return [path for path in cache.rglob("*") if path.is_file() and path.suffix not in (".lock", ".json")]


@pytest.mark.parametrize(("status", "reason"), [(404, "404 Not Found"), (500, "500 Internal Server Error")])
def test_an_error_of_the_server_is_one_line(serve, server, tmp_path, status, reason):
    spec = DatasetSpec("epfl", "E", NM, url=serve("/a.tif", (status, {}, b"<html>sorry</html>")))
    with pytest.raises(DownloadError) as caught:
        fetch(spec, cache=tmp_path)
    assert str(caught.value) == f"epfl: {spec.url}: the server answered {reason}"
    assert len(server.requests) == 3
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
    with pytest.raises(DownloadError, match=r"^epfl: .*more expected") as caught:
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


@pytest.mark.parametrize("url", ["s3://bucket/a.tif", "http://", "no link"])
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
