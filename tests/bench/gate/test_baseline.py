"""Baselines: what they hold of a run, and what is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.bench.gate.baseline import read_outcome, write_baseline
from a2ibench.bench.gate.compare import compare
from a2ibench.bench.gate.limits import Thresholds
from a2ibench.bench.gate.outcome import Outcome, RunOutcome, parse
from a2ibench.bench.gate.records import with_directions
from a2ibench.bench.record import Calibration
from a2ibench.bench.run import read_run
from a2ibench.bench.score import Score
from a2ibench.errors import InputError
from a2ibench.files import plain

Write = Callable[..., Path]

NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NUMBERS | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.dictionaries(NAMES, TREES, max_size=3)
OUTCOMES = st.builds(
    Outcome,
    dataset=NAMES,
    method=NAMES,
    seed=st.integers(0, 99),
    status=st.sampled_from(["ok", "error", "skipped"]),
    metrics=st.dictionaries(NAMES, st.builds(Score, NUMBERS | st.just(math.inf), st.integers()), max_size=3),
    timings=st.dictionaries(NAMES, st.floats(0, 1e6), max_size=3),
    calibration=st.none()
    | st.builds(Calibration, st.integers(1, 9), NAMES, st.floats(1e-9, 9), st.floats(1e-9, 9)),
    identity=FIELDS,
    information=FIELDS,
)
RUNS = st.builds(
    RunOutcome.of, st.lists(OUTCOMES, max_size=4), st.dictionaries(NAMES, st.booleans(), max_size=3)
)


def older(content: dict[str, Any]) -> dict[str, Any]:
    """Make a record one of a release that wrote no digest."""
    del content["digest"], content["files"]
    return content


def record(method: str = "cubic", seed: int = 0, **fields: Any) -> dict[str, Any]:
    provenance = {
        "key": "k",
        "plugin": "cubic",
        "distribution": "a2ibench",
        "version": "0.1.0",
        "settings": {"a": -0.5},
        "configuration": {"a": -0.5, "weights": "/home/someone/weights.safetensors"},
        "dataset": {
            "name": "cells",
            "title": "Cells",
            "sha256": "a" * 64,
            "sha256_of": "file",
            "shape": [9, 8, 8],
            "ratio": 3.0,
            "noise": 0.03,
            "definition": {"bin": 1, "crop": None, "key": None, "phantom": None, "simulate": {"ratio": 3.0}},
        },
        "a2ibench": "0.1.0",
        "protocol_version": 1,
        "profile": "smoke",
        "device": "cpu",
        "precision": "auto",
        "budget": "10steps",
        "device_name": "A processor",
        "environment": {
            "python": "CPython 3.11",
            "threads": 2,
            "libraries": {"torch": "2.7", "numpy": "2.1", "rich": "15"},
            "git": {"commit": "c" * 40},
        },
    }
    return {
        "dataset": "cells",
        "method": method,
        "seed": seed,
        "status": "ok",
        "metrics": {"psnr": {"value": 29.741283189992647, "version": 1}},
        "timings": {"fit": 12.345678, "reconstruct": 0.5},
        "calibration": {"version": 1, "kernel": "torch", "seconds": 0.0123456, "serial_seconds": 0.00345678},
        "memory": {"process": 3 << 30},
        "model": {},
        "provenance": provenance,
        "error": None,
    } | fields


@given(RUNS)
def test_an_outcome_survives_json(run: RunOutcome) -> None:
    text = json.dumps(plain(run.to_dict()), allow_nan=False)
    again = parse(json.loads(text))
    assert again == run
    assert list(again.jobs) == list(run.jobs)


def test_a_baseline_holds_what_is_compared_and_nothing_else(run_folder: Write, tmp_path: Path) -> None:
    path = write_baseline(run_folder(record()), "smoke", tmp_path / "new" / "reference")
    assert path == tmp_path / "new" / "reference" / "smoke.json"
    content = json.loads(path.read_text())
    assert content["metrics"] == {"psnr": {"higher_is_better": True}}
    (job,) = content["jobs"]
    assert job["metrics"] == {"psnr": {"value": 29.74128, "version": 1}}
    assert job["timings"] == {"fit": 12.35, "reconstruct": 0.5}
    assert job["calibration"] == {
        "version": 1, "kernel": "torch", "seconds": 0.01235, "serial_seconds": 0.003457
    }  # fmt: skip
    assert job["identity"]["settings"] == {"a": -0.5, "weights": "weights.safetensors"}
    assert job["identity"]["dataset"]["definition"]["simulate"] == {"ratio": 3.0}
    assert (job["identity"]["profile"], job["identity"]["protocol_version"]) == ("smoke", 1)
    assert job["information"] == {
        "a2ibench": "0.1.0", "plugin": "a2ibench 0.1.0", "python": "CPython 3.11", "torch": "2.7",
        "numpy": "2.1", "machine": "A processor", "threads": 2,
    }  # fmt: skip
    assert "home" not in path.read_text()
    assert path.stat().st_size < 3000


def test_the_same_records_give_the_same_bytes_whatever_their_order(run_folder: Write, tmp_path: Path) -> None:
    jobs = [record(seed=0), record(seed=1), record("other")]
    first = write_baseline(run_folder(*jobs, name="one", seeds=1), "a", tmp_path)
    second = write_baseline(run_folder(*jobs[::-1], name="two", seeds=1), "b", tmp_path)
    assert first.read_bytes() == second.read_bytes()

    def keys(value: Any) -> list[list[str]]:
        if isinstance(value, dict):
            return [list(value), *(found for item in value.values() for found in keys(item))]
        return [found for item in value for found in keys(item)] if isinstance(value, list) else []

    assert all(names == sorted(names) for names in keys(json.loads(first.read_text())))


def test_a_run_agrees_with_its_own_baseline_to_the_last_digit(run_folder: Write, tmp_path: Path) -> None:
    folder = run_folder(record(), record("perfect", metrics={"psnr": {"value": math.inf, "version": 1}}))
    path = write_baseline(folder, "own", tmp_path)
    limits = Thresholds({"psnr": 0.0, "slowdown": 1.0})
    comparison = compare(read_outcome(folder), read_outcome(path), limits)
    assert {difference.verdict for difference in comparison.differences} == {"within"}
    subjects = {difference.subject for difference in comparison.differences}
    assert subjects == {"psnr", "fit", "process memory"}
    assert len(comparison.differences) == 6
    assert comparison.notes == ()


def test_an_existing_baseline_is_replaced_only_when_asked(run_folder: Write, tmp_path: Path) -> None:
    folder = run_folder(record())
    path = write_baseline(folder, "smoke.json", tmp_path)
    assert path.name == "smoke.json"
    older = '{"format": "a2ibench-baseline", "format_version": 99}'
    path.write_text(older)
    with pytest.raises(InputError, match=r"smoke\.json: exists already; .* force=True"):
        write_baseline(folder, "smoke", tmp_path)
    assert path.read_text() == older
    write_baseline(folder, "smoke", tmp_path, force=True)
    assert json.loads(path.read_text())["format"] == "a2ibench-baseline"
    assert list(tmp_path.glob(".*.tmp")) == []


@pytest.mark.parametrize(
    "content",
    [
        "precious",
        "",
        "[]",
        '{"format": "a2ibench-comparison"}',
        '{"format": "a2ibench-baseline", "jobs": 1e999}',
        '{"format": "x", "format": "a2ibench-baseline"}',
        None,
    ],
)
def test_what_is_no_baseline_is_not_replaced(run_folder: Write, tmp_path: Path, content: str | None) -> None:
    folder = run_folder(record())
    path = tmp_path / "kept.json"
    path.mkdir() if content is None else path.write_text(content)
    with pytest.raises(InputError, match=r"kept\.json: is no baseline, so it is not replaced; choose"):
        write_baseline(folder, "kept", tmp_path, force=True)
    assert path.is_dir() if content is None else path.read_text() == content
    # As it would be by whoever writes a baseline of that name beside the run.
    plan = (folder / "run.json").read_bytes()
    with pytest.raises(InputError, match=r"run\.json: is no baseline"):
        write_baseline(folder, "run", folder, force=True)
    assert (folder / "run.json").read_bytes() == plan


def test_a_metric_that_failed_is_in_a_baseline_only_where_it_is_allowed(
    run_folder: Write, tmp_path: Path
) -> None:
    folder = run_folder(record(metric_errors={"mine": "ValueError: flat\nline", "other": "x"}))
    with pytest.raises(
        InputError, match=r"cells cubic seed 0: metric mine failed \(ValueError: flat line\) \(and 1 more\);"
    ):
        write_baseline(folder, "smoke", tmp_path)
    assert not (tmp_path / "smoke.json").exists()
    path = write_baseline(folder, "smoke", tmp_path, allow_failed=True)
    (job,) = json.loads(path.read_text())["jobs"]
    assert job["metric_errors"] == {"mine": "ValueError: flat line", "other": "x"}
    assert read_outcome(path) == with_directions(read_outcome(folder))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda r: r["metrics"]["psnr"].update(value=31.0), "it was changed after it was written"),
        (lambda r: r["provenance"].update(profile="full"), "it was changed after it was written"),
        (lambda r: r.update(metric_errors={"psnr": "none"}), "it was changed after it was written"),
        (lambda r: r.pop("metrics"), "it was changed after it was written"),
        (lambda r: older(r).update(status="fine"), "record.status is 'fine'; give one of ok, skipped"),
        (lambda r: older(r).pop("metrics"), "record.metrics is missing; give an object"),
        (lambda r: older(r).update(seed=1), "it is that of cells--other--s1"),
    ],
)
def test_a_record_that_was_edited_is_no_part_of_a_baseline_nor_of_a_comparison(
    run_folder: Write, tmp_path: Path, change: Callable[[dict[str, Any]], Any], problem: str
) -> None:
    folder = run_folder(record(), record("other"))
    file = folder / "jobs" / "cells--other--s0" / "record.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    assert list(read_run(folder).damaged) == [file]
    for attempt in (
        lambda: write_baseline(folder, "smoke", tmp_path, allow_failed=True),
        lambda: read_outcome(folder),
    ):
        with pytest.raises(InputError) as caught:
            attempt()
        assert str(caught.value).startswith(f"{file}: is damaged or was edited (")
        assert problem in str(caught.value)
    assert not (tmp_path / "smoke.json").exists()


def test_a_record_that_is_cut_off_or_leads_nowhere_is_not_overlooked(
    run_folder: Write, tmp_path: Path
) -> None:
    folder = run_folder(record(), record("other"))
    file = folder / "jobs" / "cells--other--s0" / "record.json"
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(InputError, match="is damaged or was edited"):
        write_baseline(folder, "smoke", tmp_path)
    file.unlink()
    file.symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match="is damaged or was edited"):
        write_baseline(folder, "smoke", tmp_path)
    file.unlink()
    with pytest.raises(InputError, match="cells other seed 0 has no record"):
        write_baseline(folder, "smoke", tmp_path)


def test_a_baseline_of_the_first_format_is_read_and_compared(run_folder: Write, tmp_path: Path) -> None:
    path = write_baseline(run_folder(record(model={"params": 9})), "new", tmp_path)
    content = json.loads(path.read_text())
    content["format_version"] = 1
    for job in content["jobs"]:
        for name in ("metric_errors", "memory", "model"):
            del job[name]
    old = tmp_path / "old.json"
    old.write_text(json.dumps(content))
    outcome = read_outcome(old)
    (job,) = outcome.jobs.values()
    assert (job.metric_errors, job.memory, job.model) == ({}, {}, {})
    comparison = compare(read_outcome(path), outcome)
    assert comparison.ok
    assert {d.subject for d in comparison.differences} == {"psnr", "fit"}
    assert "params is not compared: BASELINE does not tell it (cells cubic)" in comparison.notes
    # What stands there although the first format has no such field is none of it.
    content["jobs"][0]["model"] = {"params": "many"}
    old.write_text(json.dumps(content))
    assert read_outcome(old) == outcome
    content["jobs"][0]["metrics"]["psnr"]["value"] = 31.0
    old.write_text(json.dumps(content))
    assert not compare(read_outcome(path), read_outcome(old)).ok


def test_a_run_that_did_not_finish_is_no_baseline_unless_allowed(run_folder: Write, tmp_path: Path) -> None:
    failed = record(
        "fails", status="error", metrics={}, calibration=None, error={"type": "E", "message": "m"}
    )
    folder = run_folder(record(), failed, seeds=2)
    with pytest.raises(
        InputError, match=r"cells fails seed 0 ended as error \(and 2 more\); .*allow_failed=True"
    ):
        write_baseline(folder, "smoke", tmp_path)
    path = write_baseline(folder, "smoke", tmp_path, allow_failed=True)
    assert [job["status"] for job in json.loads(path.read_text())["jobs"]] == ["ok", "error"]
    incomplete = run_folder(record(), name="incomplete", seeds=2)
    with pytest.raises(InputError, match="cells cubic seed 1 has no record"):
        write_baseline(incomplete, "other", tmp_path)


def test_a_skipped_job_is_no_failure(run_folder: Write, tmp_path: Path) -> None:
    skipped = record("skips", status="skipped", metrics={}, timings={}, calibration=None)
    assert write_baseline(run_folder(record(), skipped), "smoke", tmp_path).is_file()


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "a b", ".json"])
def test_a_name_is_no_path(run_folder: Write, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="NAME: got"):
        write_baseline(run_folder(record()), name, tmp_path)


def test_what_is_no_run_is_refused(run_folder: Write, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputError, match="empty: holds no run"):
        write_baseline(empty, "x", tmp_path)
    with pytest.raises(InputError, match="nowhere: is no folder"):
        write_baseline(tmp_path / "nowhere", "x", tmp_path)
    with pytest.raises(InputError, match="no job has a result"):
        write_baseline(run_folder(record(status="oom", metrics={})), "x", tmp_path, allow_failed=True)
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(InputError, match="cannot be made"):
        write_baseline(run_folder(record(), name="good"), "x", file / "reference")


def test_a_metric_without_a_plugin_is_no_part_of_a_baseline(run_folder: Write, tmp_path: Path) -> None:
    folder = run_folder(record(metrics={"gone": {"value": 1.0, "version": 1}}))
    with pytest.raises(InputError, match="metric gone: no plugin tells whether higher is better"):
        write_baseline(folder, "x", tmp_path)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c.clear(), "format is missing; give one of a2ibench-baseline"),
        (lambda c: c.update(format_version=9), "format_version is 9, and this a2ibench reads 1"),
        (lambda c: c.update(jobs={}), "jobs is a table; give a list"),
        (lambda c: c.update(metrics={"psnr": {}}), "metrics.psnr.higher_is_better is missing; give true"),
        (lambda c: c["jobs"].append(c["jobs"][0]), "jobs: cells cubic seed 0 stands there 2 times"),
        (lambda c: c["jobs"][0].update(seed="0"), r"jobs\[0\].seed is '0'; give a whole number"),
        (lambda c: c["jobs"][0].update(status="fine"), r"jobs\[0\].status is 'fine'; give one of ok"),
        (lambda c: c["jobs"][0].pop("identity"), r"jobs\[0\].identity is missing; give an object"),
        (lambda c: c["jobs"][0]["metrics"].update(psnr=3), r"jobs\[0\].metrics.psnr is 3; give an object"),
        (
            lambda c: c["jobs"][0]["metrics"]["psnr"].update(value="high"),
            r"jobs\[0\].metrics.psnr.value is 'high'; give a finite number",
        ),
        (lambda c: c["jobs"][0]["timings"].update(fit=None), r"jobs\[0\].timings.fit is missing"),
        (
            lambda c: c["jobs"][0]["calibration"].update(seconds=0),
            r"jobs\[0\].calibration.seconds is 0; give a positive number",
        ),
        (
            lambda c: c["jobs"][0].update(calibration={}),
            r"jobs\[0\].calibration.version is missing; give a whole",
        ),
        (lambda c: c["jobs"][0].update(identity=[1]), r"jobs\[0\].identity is a list of 1; give an object"),
    ],
)
def test_a_wrong_field_is_named(
    run_folder: Write, tmp_path: Path, edit: Callable[[dict[str, Any]], Any], message: str
) -> None:
    path = write_baseline(run_folder(record()), "smoke", tmp_path)
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=rf"smoke\.json: {message}") as caught:
        read_outcome(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '{"format": NaN}', "\udcff"])
def test_what_is_no_baseline_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError, match=r"x\.json"):
        read_outcome(path)
    with pytest.raises(InputError, match=r"none\.json: does not exist"):
        read_outcome(tmp_path / "none.json")
