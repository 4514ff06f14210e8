from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench import files
from a2ibench.bench import record
from a2ibench.bench.record import (
    belongs,
    damaged_records,
    files_are_whole,
    read_record,
    read_records,
    write_record,
)
from a2ibench.bench.run_files import RECORD
from a2ibench.errors import InputError
from a2ibench.files import plain, write_json


def a_record(**changes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "dataset": "d",
        "method": "m",
        "seed": 0,
        "status": "ok",
        "metrics": {"psnr": {"value": 30.5, "version": 1}},
        "timings": {"fit": 1.0},
        "memory": {},
        "model": {},
        "provenance": {},
        "error": None,
    }
    return whole | changes


def read_back(folder: Path) -> dict[str, Any]:
    """Return a record without the checksums that writing it added."""
    record = read_record(folder)
    assert record is not None
    assert len(record.pop("digest")) == 64
    assert record.pop("files") == {}
    return record


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    write_record(tmp_path, a_record())
    assert read_back(tmp_path) == a_record()
    assert [file.name for file in tmp_path.iterdir()] == [RECORD]


def test_scores_that_are_not_finite_leave_strict_json(tmp_path: Path) -> None:
    values = {"same": math.inf, "none": math.nan, "worst": -math.inf, "numpy": np.float32(0.5)}
    scores = {name: {"value": value, "version": 1} for name, value in values.items()}
    write_record(tmp_path, a_record(metrics=scores, timings={"fit": math.inf}))
    text = (tmp_path / RECORD).read_text()
    assert "Infinity" not in text
    assert "NaN" not in text
    assert json.loads(text)["metrics"]["same"]["value"] == "inf"
    back = read_record(tmp_path)
    assert back is not None
    assert {name: score["value"] for name, score in back["metrics"].items()} == {
        "same": math.inf,
        "numpy": 0.5,
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "fine"}, "status"),
        ({"seed": "0"}, "seed"),
        ({"error": "bad"}, "error"),
        ({"metrics": {"psnr": {"value": 1.0}}}, "psnr"),
        ({"metrics": {"psnr": {"value": True, "version": 1}}}, "psnr"),
    ],
)
def test_a_malformed_record_is_not_written(tmp_path: Path, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError, match=field):
        write_record(tmp_path, a_record(**changes))
    assert not list(tmp_path.iterdir())


def test_a_missing_field_is_named() -> None:
    whole = a_record()
    del whole["provenance"]
    with pytest.raises(InputError, match="'provenance' is missing"):
        record.check_record(whole)


def test_only_complete_records_are_read(tmp_path: Path) -> None:
    for name in ("a--m--s0", "b--m--s0", "c--m--s0", "d--m--s0", "e--m--s0"):
        (tmp_path / "jobs" / name).mkdir(parents=True)
    write_record(tmp_path / "jobs/b--m--s0", a_record(dataset="b"))
    write_record(tmp_path / "jobs/a--m--s0", a_record(dataset="a"))
    whole = (tmp_path / "jobs/b--m--s0" / RECORD).read_text()
    (tmp_path / "jobs/c--m--s0" / RECORD).write_text(whole[: len(whole) // 2])
    (tmp_path / "jobs/d--m--s0" / ".record.json.1.tmp").write_text(whole)
    (tmp_path / "jobs/e--m--s0" / RECORD).write_text(whole.replace("30.5", "NaN"))
    (tmp_path / "jobs/notes.txt").write_text("mine")
    assert [entry["dataset"] for entry in read_records(tmp_path)] == ["a", "b"]
    assert read_record(tmp_path / "jobs/c--m--s0") is None


def test_a_folder_without_jobs_has_no_records(tmp_path: Path) -> None:
    assert read_records(tmp_path) == []
    assert read_records(tmp_path / "missing") == []


def test_a_write_that_fails_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_record(tmp_path, a_record())

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_record(tmp_path, a_record(status="error"))
    assert read_back(tmp_path) == a_record()
    assert [file.name for file in tmp_path.iterdir()] == [RECORD]


@pytest.mark.parametrize(
    ("old", "new"),
    [("30.5", "31.5"), ('"ok"', '"skipped"'), ('"fit": 1.0', '"fit": 0.1'), ('"seed": 0', '"seed": 1')],
)
def test_a_record_that_was_edited_is_none(tmp_path: Path, old: str, new: str) -> None:
    folder = tmp_path / "jobs" / "d--m--s0"
    folder.mkdir(parents=True)
    write_record(folder, a_record())
    assert damaged_records(tmp_path) == []
    file = folder / RECORD
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert read_record(folder) is None
    assert read_records(tmp_path) == []
    assert damaged_records(tmp_path) == [file]
    file.write_text(json.dumps(json.loads(text), indent=None))
    assert read_record(folder) is not None  # other spaces say the same
    content = json.loads(text)
    del content["digest"]
    file.write_text(json.dumps(content))
    assert read_record(folder) is None  # removed, so that the edit be not seen


def test_a_record_of_an_older_release_is_read_with_any_files(tmp_path: Path) -> None:
    write_json(tmp_path / RECORD, a_record())
    assert read_record(tmp_path) == a_record()
    (tmp_path / "scores.npz").write_bytes(b"x")
    assert belongs(a_record(), tmp_path, "scores.npz")
    assert not files_are_whole(a_record(), tmp_path)


@pytest.mark.parametrize("name", ["scores.npz", "slices.npz", "checkpoint/weights.safetensors"])
def test_results_beside_a_record_are_part_of_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "checkpoint").mkdir()
    for one in ("scores.npz", "slices.npz", "checkpoint/weights.safetensors", "log.txt"):
        (tmp_path / one).write_bytes(one.encode())
    write_record(tmp_path, a_record())
    record = read_record(tmp_path)
    assert record is not None
    assert name in record["files"]
    (tmp_path / "log.txt").write_text("more")
    assert files_are_whole(record, tmp_path)
    kept = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(kept[::-1])
    assert not files_are_whole(record, tmp_path)
    assert not belongs(record, tmp_path, name)
    (tmp_path / name).write_bytes(kept)
    assert files_are_whole(record, tmp_path)
    (tmp_path / name).unlink()
    assert not files_are_whole(record, tmp_path)
    shutil.rmtree(tmp_path / "checkpoint")
    assert not files_are_whole(record, tmp_path)


def test_plain_converts_what_configurations_hold() -> None:
    given = {"a": np.arange(2), "b": (np.int64(1), np.bool_(True)), "c": Path("x"), 3: math.nan, "d": None}
    assert plain(given) == {"a": [0, 1], "b": [1, True], "c": "x", "3": "nan", "d": None}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@settings(max_examples=50)
@given(json_values)
def test_plain_always_gives_strict_json_and_is_idempotent(value: Any) -> None:
    once = plain(value)
    assert json.loads(json.dumps(once, allow_nan=False)) == once == plain(once)


def test_written_json_ends_in_a_line(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": 1})
    assert (tmp_path / "x.json").read_text() == '{\n  "a": 1\n}\n'
