"""What was begun is continued with the rest of the same file, or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

import numpy as np
import pytest

from a2ibench.contracts import DatasetSpec
from a2ibench.data.fetch import fetch
from a2ibench.data.fetch.http import Part, ResumingDownloader, Version
from a2ibench.data.fetch.transfer import RetryPolicy

OLD, NEW = (np.random.default_rng(seed).bytes(300_000) for seed in (5, 6))
CUT = 100_000
QUICK = RetryPolicy(connect=5, read=0.5, attempts=3, wait=0)
LONG_AGO = "Wed, 21 Oct 2015 07:28:00 GMT"


def answer(status, headers, content):
    """Return an answer whose headers are these and no others, of a length that may be too much."""

    def send(handler):
        handler.send_response_only(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return send


def begun(headers, content=OLD):
    return answer(200, {"Content-Length": str(len(content))} | headers, content[:CUT])


def rest(headers, content, total=None):
    size = len(content)
    part = {
        "Content-Range": f"bytes {CUT}-{size - 1}/{total or size}",
        "Content-Length": str(size - CUT),
    }
    return answer(206, part | headers, content[CUT:])


def now(seconds=0):
    return format_datetime(datetime.now(UTC) - timedelta(seconds=seconds), usegmt=True)


def both(modified, **more):
    return {"Last-Modified": modified, "Date": now()} | more


SPLICED = {
    "another date": (both(LONG_AGO), rest(both("Thu, 22 Oct 2015 07:28:00 GMT"), NEW)),
    "no date at all": (both(LONG_AGO), rest({}, NEW)),
    "another size": (both(LONG_AGO), rest(both(LONG_AGO), NEW, total=len(NEW) + 7)),
    "a size that is not told": (both(LONG_AGO), rest(both(LONG_AGO), NEW, total="*")),
    "a date of the same second": (both(now()), rest(both(now()), NEW)),
    "a date without that of the answer": (
        {"Last-Modified": LONG_AGO},
        rest({"Last-Modified": LONG_AGO}, NEW),
    ),
    "a date that is none": (both("yesterday"), rest(both("yesterday"), NEW)),
    "the same date, another weak tag": (
        both(LONG_AGO, ETag='W/"1"'),
        rest(both(LONG_AGO, ETag='W/"2"'), NEW),
    ),
    "another tag": ({"ETag": '"1"'}, rest({"ETag": '"2"'}, NEW)),
    "the tag, but another size": ({"ETag": '"1"'}, rest({"ETag": '"1"'}, NEW, total=5_000_000)),
    "no tag": ({"ETag": '"1"'}, rest({}, NEW)),
    "a tag and another date": (
        {"ETag": '"1"', "Last-Modified": LONG_AGO},
        rest({"ETag": '"1"', "Last-Modified": now()}, NEW),
    ),
    "nothing that tells": ({}, rest({}, NEW)),
}


@pytest.mark.parametrize(("before", "after"), SPLICED.values(), ids=SPLICED)
def test_the_tail_of_another_file_is_never_taken(serve, tmp_path, before, after):
    url = serve("/a.tif", begun(before), after, answer(200, {"Content-Length": str(len(NEW))}, NEW))
    spec = DatasetSpec("epfl", "E", (45.0, 15.0, 15.0), url=url)
    got = fetch(spec, cache=tmp_path, retry=QUICK).read_bytes()
    assert got == NEW


SAME = {
    "tag": ({"ETag": '"1"'}, {"ETag": '"1"'}),
    "tag, and a date that is left out": ({"ETag": '"1"', "Last-Modified": LONG_AGO}, {"ETag": '"1"'}),
    "date": (both(LONG_AGO), both(LONG_AGO)),
    "date of two minutes ago": (both(now(120)), None),
}


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME)
def test_the_rest_of_the_same_file_is_taken(serve, server, tmp_path, before, after):
    url = serve("/a.tif", begun(before), rest(after or before, OLD))
    spec = DatasetSpec("epfl", "E", (45.0, 15.0, 15.0), url=url)
    assert fetch(spec, cache=tmp_path, retry=QUICK).read_bytes() == OLD
    assert server.ranges == [None, f"bytes={CUT}-"]


def test_a_whole_file_instead_of_a_part_replaces_it(serve, tmp_path):
    whole = answer(200, {"Content-Length": str(len(NEW))}, NEW)
    spec = DatasetSpec("epfl", "E", (45.0, 15.0, 15.0), url=serve("/a.tif", begun({"ETag": '"1"'}), whole))
    assert fetch(spec, cache=tmp_path, retry=QUICK).read_bytes() == NEW


def test_the_end_of_another_file_is_not_that_of_this(serve, tmp_path):
    url = serve("/a.tif", answer(416, {"Content-Range": f"bytes */{CUT}"}, b""), NEW)
    part = Part(tmp_path / "part")
    part.begin(url, Version('"1"', '"1"', None, len(OLD)))
    part.path.write_bytes(OLD[:CUT])
    ResumingDownloader(part, QUICK)(url, str(tmp_path / "whole"), None)
    assert (tmp_path / "whole").read_bytes() == NEW


VERSION = {"condition": '"1"', "etag": '"1"', "modified": None, "total": 9}
NOTES = [
    None,
    3,
    [],
    {},
    VERSION | {"total": True},
    VERSION | {"total": -9},
    VERSION | {"total": "9"},
    VERSION | {"etag": 1},
    VERSION | {"condition": None},
    VERSION | {"condition": '"2"'},
    VERSION | {"more": 1},
]


@pytest.mark.parametrize("version", NOTES, ids=str)
def test_a_note_of_another_form_is_no_version(tmp_path, version):
    part = Part(tmp_path / "part")
    part.path.write_bytes(b"123")
    (tmp_path / "part.json").write_text(json.dumps({"url": "http://a", "version": VERSION}))
    assert part.version("http://a") == Version('"1"', '"1"', None, 9)
    (tmp_path / "part.json").write_text(json.dumps({"url": "http://a", "version": version}))
    assert part.version("http://a") is None


def test_a_date_in_the_header_is_compared_with_the_servers_own_clock():
    later = format_datetime(parsedate_to_datetime(LONG_AGO) + timedelta(seconds=61))
    sooner = format_datetime(parsedate_to_datetime(LONG_AGO) + timedelta(seconds=59))
    assert Version.from_headers({"Last-Modified": LONG_AGO, "Date": later}, 9) is not None
    assert Version.from_headers({"Last-Modified": LONG_AGO, "Date": sooner}, 9) is None
    assert Version.from_headers({"Last-Modified": LONG_AGO, "Date": later}, None) is None
