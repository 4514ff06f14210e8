"""Records that a worker's code forged are refused, whatever they claim."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from a2ibench.bench.executors.events import Task
from a2ibench.bench.executors.process import claimed_record
from a2ibench.bench.provenance import failed_record
from a2ibench.bench.record import write_record
from a2ibench.bench.run_files import RECORD
from a2ibench.bench.specs import Job
from a2ibench.contracts import Budget, DatasetSpec


@pytest.fixture
def task(tmp_path: Path) -> Task:
    spec = DatasetSpec("cells", "cells", voxel_size=(30.0, 10.0, 10.0), path=tmp_path / "cells.tif")
    job = Job(
        dataset=spec, method="cubic", seed=1, profile="smoke", device="cpu", precision="auto",
        budget=Budget(steps=1), metrics=("psnr",), key="0" * 64,
    )  # fmt: skip
    return Task(job, tmp_path, 1, 1)


def genuine(task: Task) -> dict[str, Any]:
    found = {"status": "ok", "error": None, "metrics": {"psnr": {"value": 30.0, "version": 1}}}
    numbers = {"timings": {"fit": 1.0}, "memory": {"process": 5}, "model": {"params": 0}}
    return failed_record(task.job, "error", "E", "m") | found | numbers


def test_the_record_of_the_job_is_taken(task: Task) -> None:
    write_record(task.folder, genuine(task))
    record, refusal = claimed_record(task)
    assert record is not None
    assert (record["status"], refusal) == ("ok", "")


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        ({"dataset": "other"}, "dataset is 'other' instead of 'cells'"),
        ({"method": "pssr"}, "method is 'pssr' instead of 'cubic'"),
        ({"seed": 0}, "seed is 0 instead of 1"),
        ({"seed": True}, "seed is True instead of 1"),
        ({"metrics": {"best": {"value": 99.0, "version": 1}}}, "'best', which was not asked for"),
        ({"metrics": {"psnr": {"value": 99.0, "version": "1"}}}, "version of 'psnr' is '1'"),
        ({"metrics": {"psnr": {"value": 99.0, "version": True}}}, "version of 'psnr' is True"),
        ({"timings": {"fit": "fast"}}, "timings: 'fit' is 'fast', which is no number"),
        ({"memory": {"process": [1]}}, "memory: 'process' is [1]"),
        ({"model": {"params": None}}, "model: 'params' is None"),
        ({"model": {"params": True}}, "model: 'params' is True"),
        ({"metric_errors": {"psnr": 5}}, "its errors are no texts"),
        ({"status": "error", "error": {"type": "E"}}, "its errors are no texts"),
        ({"timings": {"a\x1b[2J\n": {}}}, "timings: "),
    ],
)
def test_one_that_claims_something_else_is_refused(task: Task, forged: dict[str, Any], said: str) -> None:
    write_record(task.folder, genuine(task) | forged)
    record, refusal = claimed_record(task)
    assert record is None
    assert refusal.startswith("the worker left a record.json that is not this job's: ")
    assert said in refusal
    assert refusal.isprintable()


@pytest.mark.parametrize("field", ["key", "profile"])
def test_so_is_one_of_another_run(task: Task, field: str) -> None:
    forged = genuine(task)
    forged["provenance"] = forged["provenance"] | {field: "1" * 64}
    write_record(task.folder, forged)
    record, refusal = claimed_record(task)
    assert record is None
    assert f"{field} is " in refusal


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", "[" * 100_000, '{"dataset": 1e999}', '{"seed": 0, "seed": 1}']
)
def test_what_is_no_record_counts_as_none(task: Task, content: str) -> None:
    (task.folder / RECORD).write_text(content)
    assert claimed_record(task) == (None, "")


def test_one_that_was_edited_counts_as_none(task: Task) -> None:
    write_record(task.folder, genuine(task))
    file = task.folder / RECORD
    file.write_text(file.read_text().replace("30.0", "40.0"))
    assert claimed_record(task) == (None, "")


def test_undefined_scores_are_left_out_and_texts_for_times_stay(task: Task) -> None:
    write_record(
        task.folder,
        genuine(task) | {"metrics": {"psnr": {"value": math.nan, "version": 1}}, "timings": {"fit": "nan"}},
    )
    record, refusal = claimed_record(task)
    assert record is not None
    assert (record["metrics"], refusal) == ({}, "")
