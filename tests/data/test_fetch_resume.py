"""Downloads that break off are continued, and only where the file is still the same."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import numpy as np
import pytest

from a2ibench.contracts import DatasetSpec
from a2ibench.data.fetch import fetch
from a2ibench.data.fetch.http import Part, ResumingDownloader, Version
from a2ibench.data.fetch.transfer import DownloadBar, RetryPolicy
from a2ibench.errors import DownloadError

NM = (45.0, 15.0, 15.0)
CONTENT = np.random.default_rng(0).bytes(1_000_000)
QUICK = RetryPolicy(connect=5, read=0.3, attempts=3, wait=0)
VERSION = Version('"1"', '"1"', None, len(CONTENT))
AT_LEAST = 300_000
CUT = 400_000


@dataclass
class Remote:
    """A file on the server: its bytes from each request on, or what goes wrong."""

    content: bytes = CONTENT
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"1"'})
    ranges: bool = True
    cut: int | None = None
    stall: threading.Event | None = None

    def __call__(self, handler):
        start, size = 0, len(self.content)
        asked, condition = handler.headers.get("Range"), handler.headers.get("If-Range")
        if self.ranges and asked and condition in self.headers.values():
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            handler.send_response(206 if start < size else 416)
            handler.send_header(
                "Content-Range", f"bytes {start}-{size - 1}/{size}" if start < size else f"bytes */{size}"
            )
        else:
            handler.send_response(200)
        for name, value in self.headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(size - start))
        handler.end_headers()
        handler.wfile.write(self.content[start:][: self.cut])
        if self.stall is not None:
            handler.wfile.flush()
            self.stall.wait(30)


@pytest.fixture
def stalling():
    event = threading.Event()
    yield event
    event.set()


def spec(url, content=None):
    return DatasetSpec("epfl", "E", NM, url=url, sha256=content and hashlib.sha256(content).hexdigest())


def starts(server):
    """Return from which byte on each request asked."""
    return [int(asked.removeprefix("bytes=").removesuffix("-")) if asked else 0 for asked in server.ranges]


def files(cache):
    return sorted(path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock")


@pytest.mark.parametrize("known", [True, False])
def test_a_transfer_cut_short_is_continued(serve, server, tmp_path, known):
    wanted = spec(serve("/a.tif", Remote(cut=CUT), Remote(cut=CUT), Remote()), CONTENT if known else None)
    path = fetch(wanted, cache=tmp_path, retry=QUICK)
    assert path.read_bytes() == CONTENT
    first, second, third = starts(server)
    assert first == 0
    assert AT_LEAST < second <= CUT
    assert AT_LEAST < third - second <= CUT
    assert files(tmp_path) == ([path] if known else [path, path.with_name(f"{path.name}.json")])


def test_more_failures_than_attempts_are_fine_while_it_grows(serve, server, tmp_path):
    wanted = spec(serve("/a.tif", Remote(cut=150_000)), CONTENT)
    assert fetch(wanted, cache=tmp_path, retry=QUICK).read_bytes() == CONTENT
    assert len(server.requests) > 2 * QUICK.attempts


@pytest.mark.parametrize(
    "remote",
    [Remote(cut=CUT, ranges=False), Remote(cut=CUT, headers={}), Remote(cut=CUT, headers={"ETag": 'W/"1"'})],
    ids=["no ranges", "no version", "weak version"],
)
def test_where_nothing_can_be_continued_it_starts_over(serve, server, tmp_path, remote):
    whole = Remote(ranges=remote.ranges, headers=remote.headers)
    wanted = spec(serve("/a.tif", remote, whole), CONTENT)
    assert fetch(wanted, cache=tmp_path, retry=QUICK).read_bytes() == CONTENT
    assert len(server.requests) == 2
    if remote.ranges:
        assert starts(server) == [0, 0]


def test_a_date_serves_as_well(serve, server, tmp_path):
    headers = {"Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT", "ETag": 'W/"weak"'}
    wanted = spec(serve("/a.tif", Remote(cut=CUT, headers=headers), Remote(headers=headers)), CONTENT)
    assert fetch(wanted, cache=tmp_path, retry=QUICK).read_bytes() == CONTENT
    assert starts(server)[1] > AT_LEAST


def test_always_cut_short_is_an_error_that_says_how_far_it_came(serve, server, tmp_path):
    wanted = spec(serve("/a.tif", Remote(cut=CUT, ranges=False)), CONTENT)
    with pytest.raises(DownloadError) as caught:
        fetch(wanted, cache=tmp_path, retry=QUICK)
    said = r"the transfer broke off after [34]\d{5} bytes; give the same command again to go on"
    assert re.fullmatch(f"epfl: {re.escape(wanted.url)}: {said}", str(caught.value))
    assert len(server.requests) == QUICK.attempts


def test_what_one_call_left_the_next_goes_on_with(serve, server, tmp_path):
    url = serve("/a.tif", Remote(cut=CUT), *[(503, {}, b"")] * QUICK.attempts, Remote())
    with pytest.raises(DownloadError, match="503 Service Unavailable; give the same command again"):
        fetch(spec(url, CONTENT), cache=tmp_path, retry=QUICK)
    assert fetch(spec(url, CONTENT), cache=tmp_path, retry=QUICK).read_bytes() == CONTENT
    assert starts(server)[-1] > AT_LEAST


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_changed_meanwhile_starts_over(serve, server, tmp_path, ranges):
    other = np.random.default_rng(1).bytes(900_000)
    url = serve("/a.tif", Remote(cut=CUT), Remote(other, {"ETag": '"2"'}, ranges=ranges))
    path = fetch(spec(url), cache=tmp_path, retry=QUICK)
    assert path.read_bytes() == other
    assert starts(server)[1] > AT_LEAST


def test_a_server_that_splices_two_versions_is_found_out(serve, server, tmp_path):
    other = bytes(reversed(CONTENT))
    heedless = Remote(other, {"ETag": '"1"'})
    url = serve("/a.tif", Remote(cut=CUT), heedless, Remote(CONTENT))
    assert fetch(spec(url, CONTENT), cache=tmp_path, retry=QUICK).read_bytes() == CONTENT
    assert starts(server)[2] == 0


@pytest.mark.parametrize(
    "sent", [{}, {"Content-Range": "bytes 5-9/10"}, {"Content-Range": "x"}, {"ETag": '"2"'}], ids=str
)
def test_another_range_than_was_asked_for_is_not_taken(serve, server, tmp_path, sent):
    def wrong(handler):
        start = starts(server)[-1]
        headers = {"Content-Range": f"bytes {start}-{start + 9}/{start + 10}"} if "ETag" in sent else {}
        handler.send_response(206)
        for name, value in (headers | sent | {"Content-Length": "10"}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(b"0123456789")

    wanted = spec(serve("/a.tif", Remote(cut=CUT), wrong, Remote()), CONTENT)
    assert fetch(wanted, cache=tmp_path, retry=QUICK).read_bytes() == CONTENT
    assert starts(server)[2] == 0


def test_a_part_that_is_whole_already_is_taken(serve, server, tmp_path):
    url = serve("/a.tif", Remote())
    part = Part(tmp_path / "part")
    part.begin(url, VERSION)
    part.path.write_bytes(CONTENT)
    ResumingDownloader(part, QUICK)(url, str(tmp_path / "whole"), None)
    assert (tmp_path / "whole").read_bytes() == CONTENT
    assert files(tmp_path) == [tmp_path / "whole"]
    assert starts(server) == [len(CONTENT)]


def test_a_part_longer_than_the_file_starts_over(serve, server, tmp_path):
    url = serve("/a.tif", Remote())
    part = Part(tmp_path / "part")
    part.begin(url, VERSION)
    part.path.write_bytes(CONTENT + b"more")
    ResumingDownloader(part, QUICK)(url, str(tmp_path / "whole"), None)
    assert (tmp_path / "whole").read_bytes() == CONTENT


@pytest.mark.parametrize("note", ["", "{", "[]", "3", '{"url": 3}', '{"version": "1"}'])
def test_a_damaged_note_starts_over(serve, tmp_path, note):
    url = serve("/a.tif", Remote())
    part = Part(tmp_path / "part")
    part.begin(url, VERSION)
    part.path.write_bytes(b"damaged")
    (tmp_path / "part.json").write_text(note)
    ResumingDownloader(part, QUICK)(url, str(tmp_path / "whole"), None)
    assert (tmp_path / "whole").read_bytes() == CONTENT


# --- stalls, redirects, errors


def test_a_stall_is_overcome(serve, server, tmp_path, stalling):
    wanted = spec(serve("/a.tif", Remote(cut=CUT, stall=stalling), Remote()), CONTENT)
    assert fetch(wanted, cache=tmp_path, retry=QUICK).read_bytes() == CONTENT
    assert starts(server)[1] > AT_LEAST


def test_always_stalling_is_an_error(serve, server, tmp_path, stalling):
    wanted = spec(serve("/a.tif", Remote(cut=0, stall=stalling)), CONTENT)
    before = time.monotonic()
    with pytest.raises(DownloadError, match=r"^epfl: .*: the server sent nothing for 0.3 s$"):
        fetch(wanted, cache=tmp_path, retry=QUICK)
    assert time.monotonic() - before < 20
    assert len(server.requests) == QUICK.attempts
    assert files(tmp_path) == []


def test_a_server_that_never_answers_is_an_error(serve, tmp_path, stalling):
    wanted = spec(serve("/a.tif", lambda handler: stalling.wait(30)), CONTENT)
    with pytest.raises(DownloadError, match=r": the server sent nothing for 0.3 s$"):
        fetch(wanted, cache=tmp_path, retry=QUICK)


def test_a_redirect_is_followed_also_when_it_goes_on(serve, server, tmp_path):
    serve("/b.tif", Remote(cut=CUT), Remote())
    wanted = spec(serve("/a.tif", (302, {"Location": "/b.tif"}, b"")), CONTENT)
    assert fetch(wanted, cache=tmp_path, retry=QUICK).read_bytes() == CONTENT
    assert server.requests == ["/a.tif", "/b.tif"] * 2
    assert starts(server)[3] > AT_LEAST


def test_a_file_that_is_gone_leaves_no_part(serve, tmp_path):
    wanted = spec(serve("/a.tif", Remote(cut=CUT), (404, {}, b"")), CONTENT)
    with pytest.raises(DownloadError, match=r": the server answered 404 Not Found$"):
        fetch(wanted, cache=tmp_path, retry=QUICK)
    assert files(tmp_path) == []


def test_wrong_bytes_are_not_kept(serve, server, tmp_path):
    wanted = spec(serve("/a.tif", Remote(CONTENT[::-1])), CONTENT)
    with pytest.raises(DownloadError, match=r"expected .* but got"):
        fetch(wanted, cache=tmp_path, retry=QUICK)
    assert files(tmp_path) == []
    assert len(server.requests) == 2


# --- progress, and processes that are killed


def test_progress_shows_what_is_there_already(serve, tmp_path):
    begun = []

    class Noting(DownloadBar):
        def begin(self, there, total):
            begun.append((there, total))
            super().begin(there, total)

    bar = Noting("epfl")
    url = serve("/a.tif", Remote(cut=CUT), Remote())
    ResumingDownloader(Part(tmp_path / "part"), QUICK, bar)(url, str(tmp_path / "whole"), None)
    (first, total), (second, same) = begun
    assert first == 0
    assert AT_LEAST < second <= CUT
    assert total == same == len(CONTENT)
    task = bar._progress.tasks[0]
    assert task.completed == task.total == len(CONTENT)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system knows no SIGKILL")
def test_a_killed_process_is_continued(serve, server, tmp_path, stalling):
    url = serve("/a.tif", Remote(cut=CUT, stall=stalling), Remote())
    code = (
        "import sys; from pathlib import Path; from a2ibench.contracts import DatasetSpec; "
        "from a2ibench.data.fetch import fetch; "
        "fetch(DatasetSpec('epfl', 'E', (45, 15, 15), url=sys.argv[1]), cache=Path(sys.argv[2]))"
    )
    arguments = [sys.executable, "-c", code, url, str(tmp_path)]
    with subprocess.Popen(arguments, env=dict(os.environ)) as process:
        nap = threading.Event()
        for _ in range(1200):
            parts = [path for path in tmp_path.rglob("part") if path.stat().st_size > AT_LEAST]
            if parts or process.poll() is not None:
                break
            nap.wait(0.05)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    path = fetch(spec(url), cache=tmp_path, retry=QUICK)
    assert path.read_bytes() == CONTENT
    assert starts(server)[1] > AT_LEAST
    assert files(tmp_path) == [path, path.with_name(f"{path.name}.json")]
