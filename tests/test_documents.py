"""Documents that are deep, huge, double or of other kinds are one line each, and soon."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest

from a2ibench.documents import MOST_BYTES, parse_json, read_json, read_toml
from a2ibench.errors import CatalogueError, InputError

JSON = {
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 200_000,
    "a long whole number": b'{"seed": ' + b"7" * 10_000 + b"}",
    "a large number": b'{"psnr": -3e4000}',
    "a number that is none": b'{"psnr": NaN}',
    "a key twice": b'{"a": {"status": "ok", "status": "error"}}',
    "a key twice that steers": rb'{"\u001b[2J": 1, "\u001b[2J": 2}',
    "many keys, the last twice": b"{" + b",".join(b'"k%d":0' % (n % 99_999) for n in range(100_000)) + b"}",
    "another encoding": '{"ä": 1}'.encode("latin-1"),
    "a zero byte": b'{"a": 1}\0',
    "nothing": b"",
    "cut short": b'{"a": [1, 2',
}


@pytest.mark.parametrize("content", JSON.values(), ids=JSON)
def test_json_that_is_none_is_a_value_error_of_one_line(content: bytes) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match=r".") as caught:
        parse_json(content)
    assert str(caught.value).isprintable()
    assert time.monotonic() - start < 5


def test_json_that_is_strict_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": [1, -2.5e3, true, null, "\\ud800"], "b": {"a": {}}}')
    assert read_json(path) == {"a": [1, -2500.0, True, None, "\ud800"], "b": {"a": {}}}


def test_a_file_without_end_is_not_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.touch()
    os.truncate(path, MOST_BYTES + 1)
    with pytest.raises(ValueError, match="larger than 32 MiB"):
        read_json(path)
    if Path("/dev/zero").exists():
        with pytest.raises(ValueError, match="larger than 32 MiB"):
            read_json(Path("/dev/zero"))
        with pytest.raises(InputError, match="larger than 4 MiB"):
            read_toml(Path("/dev/zero"), "a run file")


TOML = {
    "deep lists": "a = " + "[" * 50_000,
    "deep tables": "a = " + "{a = " * 5_000 + "1" + "}" * 5_000,
    "a key of many parts": ".".join("a" * 20_000) + " = 1",
    "a quoted key of many parts": ".".join(['"a b"', "'c.d'"] * 20_000) + " = 1",
    "a heading of many parts": f"[{' . '.join('a' * 20_000)}]",
    "a key of many parts within a table": "a = {" + ".".join("a" * 20_000) + " = 1}",
    "a long whole number": "a = " + "7" * 5_000,
    "a key twice": "a = 1\na = 2",
    "a control character": 'a = "\x1b[2J"',
    "a half of a pair": 'a = "\\ud800"',
    "a date that is none": "a = 2024-02-30",
    "nothing but a bracket": "[",
}


@pytest.mark.parametrize("text", TOML.values(), ids=TOML)
def test_toml_that_is_none_is_one_line_that_names_the_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    start = time.monotonic()
    with pytest.raises(CatalogueError) as caught:
        read_toml(path, "a catalogue", CatalogueError)
    assert str(caught.value).startswith(f"{path}: not valid TOML: ")
    assert str(caught.value).isprintable()
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_toml_as_editors_write_it_is_read(tmp_path: Path, ends: str) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbf" + f'a.b = "1.2.3"{ends}["c.d"]{ends}e = [1.5, 2]{ends}'.encode())
    assert read_toml(path, "a run file") == {"a": {"b": "1.2.3"}, "c.d": {"e": [1.5, 2]}}


def test_dots_in_a_text_are_no_key(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f'a = "{"." * 500}"\nb = "{". ".join("word" for _ in range(20))}"\n')
    assert set(read_toml(path, "a run file")) == {"a", "b"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system knows no named pipes")
def test_toml_from_a_pipe_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("a = 1",))
    writer.start()
    assert read_toml(path, "a run file") == {"a": 1}
    writer.join()
