"""Downloads end: servers that drip, pretend or never stop are given up with one clear line."""

from __future__ import annotations

import contextlib
import shutil
import time
from types import SimpleNamespace

import pytest

from a2ibench.contracts import DatasetSpec
from a2ibench.data.fetch import fetch
from a2ibench.data.fetch.transfer import Pace, RetryPolicy
from a2ibench.errors import DownloadError

STRICT = RetryPolicy(connect=5, read=2, attempts=2, wait=0, slowest=1000, period=0.4)


def spec(url: str) -> DatasetSpec:
    return DatasetSpec("epfl", "E", (45.0, 15.0, 15.0), url=url)


def dripping(handler):
    """Send a byte now and then, for as long as somebody listens."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000000")
    handler.send_header("ETag", '"1"')
    handler.end_headers()
    drip(handler, b"x")


def drip(handler, piece):
    with contextlib.suppress(OSError):
        for _ in range(600):
            handler.wfile.write(piece)
            handler.wfile.flush()
            time.sleep(0.05)


def test_a_server_that_drips_is_given_up_and_the_part_is_kept(serve, server, tmp_path):
    wanted = spec(serve("/a.tif", dripping))
    start = time.monotonic()
    with pytest.raises(DownloadError) as caught:
        fetch(wanted, cache=tmp_path, retry=STRICT)
    assert time.monotonic() - start < 10
    said = "the server sent less than 1000 bytes a second for 0.4 s; give the same command again to go on"
    assert str(caught.value) == f"epfl: {wanted.url}: {said}"
    assert len(server.requests) == 2
    (part,) = tmp_path.rglob("part")
    assert part.stat().st_size > 0


def test_headers_that_never_end_are_given_up(serve, tmp_path):
    def endless(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        drip(handler, b"y")

    retry = RetryPolicy(connect=0.2, read=0.3, attempts=1, wait=0, period=0.3)
    with pytest.raises(DownloadError, match="the server did not come to the end of its headers"):
        fetch(spec(serve("/a.tif", endless)), cache=tmp_path, retry=retry)


def test_the_whole_download_has_a_time(serve, tmp_path):
    retry = RetryPolicy(connect=5, read=2, attempts=99, wait=0, slowest=0, total=0.6)
    start = time.monotonic()
    with pytest.raises(DownloadError, match=r"was not complete after 0\.6 s; give the same command again"):
        fetch(spec(serve("/a.tif", dripping)), cache=tmp_path, retry=retry)
    assert time.monotonic() - start < 10


def test_the_time_holds_over_all_attempts(serve, tmp_path):
    retry = RetryPolicy(attempts=10**9, wait=0, total=0.5)
    with pytest.raises(DownloadError, match=r"was not complete after 0\.5 s"):
        fetch(spec(serve("/a.tif", (503, {}, b""))), cache=tmp_path, retry=retry)


def test_a_size_beyond_the_disk_is_refused_before_anything_comes(serve, server, tmp_path):
    huge = str(10**17)
    wanted = spec(serve("/a.tif", (200, {"Content-Length": huge, "ETag": '"1"'}, b"some")))
    with pytest.raises(DownloadError, match=rf"its {huge} bytes do not fit into the \d+ bytes that are free"):
        fetch(wanted, cache=tmp_path, retry=STRICT)
    assert len(server.requests) == 1
    assert [path.name for path in tmp_path.rglob("part")] == []


def test_a_file_without_end_does_not_fill_the_disk(serve, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))

    def endless(handler):
        handler.send_response(200)
        handler.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(1000):
                handler.wfile.write(bytes(2**16))

    with pytest.raises(DownloadError, match="the server sends more bytes than the disk has room for"):
        fetch(spec(serve("/a.tif", endless)), cache=tmp_path, retry=STRICT)
    assert [path.name for path in tmp_path.rglob("part")] == []


@pytest.mark.parametrize(("status", "headers"), [("500 \x1b[31mred\x9b2J", {}), ("404 ::error::no\x07", {})])
def test_what_a_server_says_of_itself_is_printable(serve, tmp_path, status, headers):
    def answer(handler):
        handler.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode("latin-1"))

    with pytest.raises(DownloadError, match="the server answered") as caught:
        fetch(spec(serve("/a.tif", answer)), cache=tmp_path, retry=STRICT)
    assert str(caught.value).isprintable()


def test_a_pause_in_a_fast_transfer_is_not_slow():
    clock = iter([0.0, 0.0, 30.0, 59.0, 61.0, 61.0, 200.0, 200.0])
    pace = Pace(RetryPolicy(slowest=1000, period=60), lambda: next(clock))
    pace.start()
    assert not pace.too_slow(500_000)
    assert not pace.too_slow(0)
    assert not pace.too_slow(0)
    assert pace.too_slow(100)
