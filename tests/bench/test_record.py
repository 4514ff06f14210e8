from __future__ import annotations

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from a2ibench import files
from a2ibench.bench.paths import RECORD
from a2ibench.bench.record import Calibration, Failure, Record, is_damaged, read_record, write_record
from a2ibench.bench.result_files import belongs, files_are_whole
from a2ibench.bench.score import Score
from a2ibench.errors import InputError
from a2ibench.files import plain, write_json

RECORDED = Record(
    "d",
    "m",
    0,
    metrics={"psnr": Score(30.5, 1)},
    timings={"fit": 1.0},
    memory={"process": 1 << 30},
    model={"params": 12, "macs_per_voxel": 0.5},
    calibration=Calibration(2, "torch", 0.25, 0.125),
    provenance={"protocol_version": 1, "dataset": {"shape": [1, 2, 3]}},
)


def older(**changes: Any) -> dict[str, Any]:
    """What a release wrote that knew neither calibrations, failed metrics nor digests."""
    since = ("reason", "metric_errors", "calibration")
    content = {name: value for name, value in RECORDED.to_dict().items() if name not in since}
    return content | changes


def read_back(folder: Path) -> Record:
    """Return a record without the checksums that writing it added."""
    record = read_record(folder)
    assert record is not None
    assert record.files == {}
    assert len(record.digest or "") == 64
    return replace(record, files=None, digest=None)


@pytest.mark.parametrize(
    "record",
    [
        RECORDED,
        replace(RECORDED, status="skipped", reason="too thin", metrics={}, calibration=None),
        replace(RECORDED, status="oom", error=Failure("MemoryError", "full", "Traceback ..."), metrics={}),
        replace(RECORDED, controls={"ceiling": {"psnr": Score(math.inf, 2)}, "linear": {}}),
        replace(RECORDED, metric_errors={"mine": "ValueError: flat"}, metrics={"psnr": Score(math.inf, 2)}),
    ],
)
def test_a_record_comes_back_as_it_was(tmp_path: Path, record: Record) -> None:
    write_record(tmp_path, record)
    assert read_back(tmp_path) == record
    assert [file.name for file in tmp_path.iterdir()] == [RECORD]


@pytest.mark.parametrize(
    ("model", "kept", "learned"),
    [
        ({"params": 12}, [], True),
        ({}, ["checkpoint/weights.npz"], True),
        ({"params": 0, "voxels_per_second": 1e6}, ["scores.npz"], False),
    ],
)
def test_methods_that_learn_tell_of_parameters_or_leave_a_checkpoint(
    tmp_path: Path, model: dict[str, float], kept: list[str], learned: bool
) -> None:
    for name in kept:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert write_record(tmp_path, replace(RECORDED, model=model)).learned is learned


def test_scores_that_are_not_finite_leave_strict_json(tmp_path: Path) -> None:
    values = {"same": math.inf, "none": math.nan, "worst": -math.inf, "numpy": np.float32(0.5)}
    scores = {name: Score(value, 1) for name, value in values.items()}
    write_record(tmp_path, replace(RECORDED, metrics=scores, timings={"fit": math.inf}))
    text = (tmp_path / RECORD).read_text()
    assert "Infinity" not in text
    assert "NaN" not in text
    assert json.loads(text)["metrics"]["same"]["value"] == "inf"
    back = read_record(tmp_path)
    assert back is not None
    assert back.metrics == {"same": Score(math.inf, 1), "numpy": Score(0.5, 1)}
    assert back.timings == {"fit": math.inf}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"status": "fine"}, "record.status is 'fine'; give one of ok, skipped, error"),
        ({"seed": "0"}, "record.seed is '0'; give a whole number"),
        ({"seed": True}, "record.seed is true; give a whole number"),
        ({"error": "bad"}, "record.error is 'bad'; give an object"),
        ({"error": {"type": 5}}, "record.error.type is 5; give a text"),
        ({"metrics": {"psnr": {"value": 1.0}}}, "record.metrics.psnr.version is missing"),
        ({"metrics": {"psnr": {"value": True, "version": 1}}}, "record.metrics.psnr.value is true"),
        ({"metrics": {"psnr": {"value": "nan", "version": 1}}}, "record.metrics.psnr.value is 'nan'"),
        ({"timings": {"fit": "fast"}}, "record.timings.fit is 'fast'; give a number"),
        ({"memory": {"process": [1]}}, "record.memory.process is a list of 1; give a number"),
        ({"model": {"params": None}}, "record.model.params is missing; give a number"),
        ({"provenance": None}, "record.provenance is missing; give an object"),
        ({"calibration": {"version": 1}}, "record.calibration.kernel is missing"),
        ({"metric_errors": {"psnr": 5}}, "record.metric_errors.psnr is 5; give a text"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        Record.from_dict(older(**changes))
    assert str(caught.value).startswith(problem)
    write_json(tmp_path / RECORD, older(**changes))
    assert is_damaged(tmp_path)


@pytest.mark.parametrize("content", [None, [], "record", 3])
def test_what_is_no_object_is_no_record(content: Any) -> None:
    with pytest.raises(InputError, match=r"^record: is .*; give an object"):
        Record.from_dict(content)


def test_a_record_with_a_wrong_field_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"record\.status is 'fine'"):
        write_record(tmp_path, replace(RECORDED, status="fine"))
    assert not list(tmp_path.iterdir())


def test_what_a_record_says_of_a_job() -> None:
    assert (RECORDED.name, RECORDED.ok, RECORDED.finished, RECORDED.message) == ("d--m--s0", True, True, None)
    skipped = replace(RECORDED, status="skipped", reason="too\nthin")
    assert (skipped.ok, skipped.finished, skipped.message) == (False, True, "too thin")
    failed = replace(RECORDED, status="oom", error=Failure("MemoryError", ""))
    assert (failed.ok, failed.finished, failed.message) == (False, False, "MemoryError")
    assert [
        replace(RECORDED, provenance={"protocol_version": v}).protocol_version for v in (3, "3", None, "x")
    ] == [
        3,
        3,
        None,
        None,
    ]


def test_a_write_that_fails_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_record(tmp_path, RECORDED)

    def full_disk(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_record(tmp_path, replace(RECORDED, status="error"))
    assert read_back(tmp_path) == RECORDED
    assert [file.name for file in tmp_path.iterdir()] == [RECORD]


@pytest.mark.parametrize(
    ("old", "new"),
    [("30.5", "31.5"), ('"ok"', '"skipped"'), ('"fit": 1.0', '"fit": 0.1'), ('"seed": 0', '"seed": 1')],
)
def test_a_record_that_was_edited_is_none(tmp_path: Path, old: str, new: str) -> None:
    folder = tmp_path / "jobs" / "d--m--s0"
    folder.mkdir(parents=True)
    write_record(folder, RECORDED)
    assert not is_damaged(folder)
    file = folder / RECORD
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert read_record(folder) is None
    assert is_damaged(folder)
    file.write_text(json.dumps(json.loads(text), indent=None))
    assert read_record(folder) is not None  # other spaces say the same
    content = json.loads(text)
    del content["digest"]
    file.write_text(json.dumps(content))
    assert read_record(folder) is None  # removed, so that the edit be not seen


def test_a_record_of_an_older_release_is_read_with_any_files(tmp_path: Path) -> None:
    write_json(tmp_path / RECORD, older(of_a_later_release=1))
    record = read_record(tmp_path)
    assert record == replace(RECORDED, calibration=None)
    (tmp_path / "scores.npz").write_bytes(b"x")
    assert belongs(record, tmp_path, "scores.npz")
    assert not files_are_whole(record, tmp_path)


@pytest.mark.parametrize("name", ["scores.npz", "slices.npz", "checkpoint/weights.safetensors"])
def test_results_beside_a_record_are_part_of_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "checkpoint").mkdir()
    for one in ("scores.npz", "slices.npz", "checkpoint/weights.safetensors", "log.txt"):
        (tmp_path / one).write_bytes(one.encode())
    write_record(tmp_path, RECORDED)
    record = read_record(tmp_path)
    assert record is not None
    assert name in (record.files or {})
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
