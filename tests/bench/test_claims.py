"""Records that a worker's code forged are refused, whatever they claim."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from a2ibench.bench.executors.events import Task
from a2ibench.bench.executors.process import claimed_record
from a2ibench.bench.job import Job
from a2ibench.bench.paths import RECORD
from a2ibench.bench.provenance import failed_record
from a2ibench.bench.record import content_digest
from a2ibench.contracts import Budget, DatasetSpec
from a2ibench.files import plain, write_json


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
    return failed_record(task.job, "error", "E", "m").to_dict() | found | numbers | {"files": {}}


def leave(task: Task, content: dict[str, Any]) -> None:
    """Write what a worker's code may, with the digest that belongs to it."""
    content = plain(content)
    write_json(task.folder / RECORD, content | {"digest": content_digest(content)})


def test_the_record_of_the_job_is_taken(task: Task) -> None:
    leave(task, genuine(task))
    record, refusal = claimed_record(task)
    assert record is not None
    assert (record.status, refusal) == ("ok", "")


@pytest.mark.parametrize(
    ("forged", "said"),
    [
        ({"dataset": "other"}, "dataset is 'other' instead of 'cells'"),
        ({"method": "pssr"}, "method is 'pssr' instead of 'cubic'"),
        ({"seed": 0}, "seed is 0 instead of 1"),
        ({"seed": True}, "record.seed is true; give a whole number"),
        ({"metrics": {"best": {"value": 99.0, "version": 1}}}, "'best', which was not asked for"),
        ({"metrics": {"psnr": {"value": 99.0, "version": "1"}}}, "version of 'psnr' is '1'"),
        (
            {"metrics": {"psnr": {"value": 99.0, "version": True}}},
            "record.metrics.psnr.version is true",
        ),
        ({"timings": {"fit": "fast"}}, "record.timings.fit is 'fast'; give a number"),
        ({"memory": {"process": [1]}}, "record.memory.process is a list of 1"),
        ({"model": {"params": None}}, "record.model.params is missing"),
        ({"model": {"params": True}}, "record.model.params is true"),
        ({"metric_errors": {"psnr": 5}}, "record.metric_errors.psnr is 5; give a text"),
        ({"status": "error", "error": {"type": ["E"]}}, "record.error.type is a list of 1; give a text"),
        ({"timings": {"a\x1b[2J\n": {}}}, "record.timings.a"),
    ],
)
def test_one_that_claims_something_else_is_refused(task: Task, forged: dict[str, Any], said: str) -> None:
    leave(task, genuine(task) | forged)
    record, refusal = claimed_record(task)
    assert record is None
    assert refusal.startswith("the worker left a record.json that is not this job's: ")
    assert said in refusal
    assert refusal.isprintable()


@pytest.mark.parametrize("field", ["key", "profile"])
def test_so_is_one_of_another_run(task: Task, field: str) -> None:
    forged = genuine(task)
    forged["provenance"] = forged["provenance"] | {field: "1" * 64}
    leave(task, forged)
    record, refusal = claimed_record(task)
    assert record is None
    assert f"{field} is " in refusal


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, '{"dataset": 1e999}', '{"seed": 0, "seed": 1}'])
def test_what_is_no_record_counts_as_none(task: Task, content: str) -> None:
    (task.folder / RECORD).write_text(content)
    assert claimed_record(task) == (None, "")


@pytest.mark.parametrize("content", ["[]", "null", "3"])
def test_what_is_another_document_is_said(task: Task, content: str) -> None:
    (task.folder / RECORD).write_text(content)
    record, refusal = claimed_record(task)
    assert record is None
    assert "give an object" in refusal


def test_one_that_was_edited_counts_as_none(task: Task) -> None:
    leave(task, genuine(task))
    file = task.folder / RECORD
    file.write_text(file.read_text().replace("30.0", "40.0"))
    assert claimed_record(task) == (None, "")


def test_texts_for_times_that_are_no_numbers_stay(task: Task) -> None:
    leave(task, genuine(task) | {"timings": {"fit": "nan"}})
    record, refusal = claimed_record(task)
    assert record is not None
    assert math.isnan(record.timings["fit"])
    assert refusal == ""
