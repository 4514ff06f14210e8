"""Checksums are taken again exactly where a file may have changed, also by the next process."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest

from a2ibench.data import cache_folder, checksums

LARGE = 5 << 20


@pytest.fixture
def reads(tmp_path, monkeypatch):
    """Files that are read, in a cache folder of its own where every file counts as settled."""
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(checksums, "_GRANULARITY", -1)
    found = []
    digest = hashlib.file_digest
    monkeypatch.setattr(
        hashlib, "file_digest", lambda file, name: found.append(file.name) or digest(file, name)
    )
    yield found
    checksums._known.clear()
    checksums._opened_cache.cache_clear()


def next_process():
    checksums._known.clear()
    checksums._opened_cache.cache_clear()


def file_of(path, content):
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def test_another_process_knows_a_large_file(tmp_path, reads):
    path, expected = file_of(tmp_path / "a.tif", os.urandom(LARGE))
    assert checksums.sha256_of(path) == expected
    next_process()
    assert checksums.sha256_of(path) == expected
    assert len(reads) == 1


def test_a_small_file_is_not_worth_an_entry(tmp_path, reads):
    path, _ = file_of(tmp_path / "a.tif", b"few")
    checksums.sha256_of(path)
    next_process()
    checksums.sha256_of(path)
    assert len(reads) == 2
    assert not (cache_folder() / checksums.NAME).exists()


@pytest.mark.parametrize("how", ["written in place", "replaced", "touched back"])
def test_a_change_is_noticed(tmp_path, reads, how):
    path, _ = file_of(tmp_path / "a.tif", bytes(LARGE))
    checksums.sha256_of(path)
    before = path.stat()
    content = b"\1" + bytes(LARGE - 1)
    if how == "replaced":
        other, _ = file_of(tmp_path / "b.tif", content)
        other.replace(path)
    else:
        with path.open("r+b") as file:
            file.write(b"\1")
    if how != "written in place":
        # Size and time of modification as before; the time of change cannot be set.
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    for _ in range(2):
        assert checksums.sha256_of(path) == hashlib.sha256(content).hexdigest()
        next_process()


@pytest.mark.parametrize("damage", ["cut", "edited", "deep", "another file", "a folder"])
def test_a_damaged_cache_counts_as_none(tmp_path, reads, damage):
    path, expected = file_of(tmp_path / "a.tif", os.urandom(LARGE))
    checksums.sha256_of(path)
    cache = cache_folder() / checksums.NAME
    text = cache.read_text()
    assert expected in text
    if damage == "a folder":
        cache.unlink()
        cache.mkdir()
    else:
        changed = {
            "cut": text[: len(text) // 2],
            "edited": text.replace(expected, "0" * 64),
            "deep": "[" * 100_000,
            "another file": json.dumps({"entries": {"a": 1}, "digest": None}),
        }
        cache.write_text(changed[damage])
    next_process()
    assert checksums.sha256_of(path) == expected
    assert len(reads) == 2


def test_a_file_that_changes_while_it_is_read_is_not_remembered(tmp_path, reads, monkeypatch):
    path, _ = file_of(tmp_path / "a.tif", bytes(LARGE))
    read = checksums._sha256

    def slowly(path):
        found = read(path)
        path.write_bytes(b"\1" * LARGE)
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(checksums, "_sha256", slowly)
        checksums.sha256_of(path)
    assert checksums.sha256_of(path) == hashlib.sha256(b"\1" * LARGE).hexdigest()


def test_a_young_file_is_read_each_time(tmp_path, reads, monkeypatch):
    monkeypatch.setattr(checksums, "_GRANULARITY", 2_000_000_000)
    path, _ = file_of(tmp_path / "a.tif", bytes(LARGE))
    checksums.sha256_of(path)
    checksums.sha256_of(path)
    assert len(reads) == 2


def test_processes_that_write_at_once_leave_a_whole_cache(tmp_path):
    script = (
        "import sys; from pathlib import Path; from a2ibench.data import checksums\n"
        "checksums._GRANULARITY = -1\n"
        "for path in sys.argv[1:]: checksums.sha256_of(Path(path))"
    )
    files = [file_of(tmp_path / f"{n}.bin", os.urandom(LARGE)) for n in range(6)]
    environment = os.environ | {"A2IBENCH_CACHE": str(tmp_path / "cache")}
    parts = [[sys.executable, "-c", script, *(str(path) for path, _ in files[n::2])] for n in range(2)]
    running = [subprocess.Popen(part, env=environment) for part in parts]
    assert [process.wait(60) for process in running] == [0, 0]
    entries = json.loads((tmp_path / "cache" / checksums.NAME).read_text())["entries"]
    known = {name.partition(" ")[2]: found for name, (_, found) in entries.items()}
    assert 3 <= len(known) <= 6
    assert known.items() <= {str(path): found for path, found in files}.items()
