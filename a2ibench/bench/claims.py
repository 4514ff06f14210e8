"""Whether the record that a worker left is one of its job; a worker runs code that may write anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from a2ibench.bench.events import Task
from a2ibench.bench.record import RECORD, Record, read_record
from a2ibench.bench.specs import Job
from a2ibench.errors import one_line

_NUMBERS = ("timings", "memory", "model")


def claimed_record(task: Task) -> tuple[Record | None, str]:
    """Return the record in a job's folder and an empty text, or None and why it is refused.

    The text is empty where there is no record, or none that is complete.
    """
    try:
        record = read_record(task.folder)
        refusal = "" if record is None else _refusal(record, task.job)
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        record, refusal = None, one_line(error)
    if refusal:
        return None, f"the worker left a {RECORD} that is not this job's: {refusal}"
    return record, ""


def _refusal(record: Record, job: Job) -> str:
    provenance = record["provenance"]
    claims = {
        "dataset": (record["dataset"], job.dataset.name),
        "method": (record["method"], job.method),
        "seed": (record["seed"], job.seed),
        "key": (provenance.get("key"), job.key),
        "profile": (provenance.get("profile"), job.profile),
    }
    for field, (claimed, true) in claims.items():
        if claimed != true or type(claimed) is not type(true):
            return one_line(f"{field} is {claimed!r} instead of {true!r}", 200)
    if unknown := set(record["metrics"]) - set(job.metrics):
        return one_line(f"holds the metric {min(unknown)!r}, which was not asked for", 200)
    for name, score in record["metrics"].items():
        if type(score["version"]) is not int:
            return one_line(f"version of {name!r} is {score['version']!r}, which is no whole number", 200)
    for field in _NUMBERS:
        for name, value in record[field].items():
            if not _is_number(value):
                return one_line(f"{field}: {name!r} is {value!r}, which is no number", 200)
    if not _are_texts(record.get("metric_errors", {})) or not _is_error(record["error"]):
        return "its errors are no texts"
    return ""


def _is_number(value: Any) -> bool:
    # Numbers that are not finite stand as texts in a record.
    if isinstance(value, str):
        return value in ("inf", "-inf", "nan")
    return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)


def _are_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for text in value.values())


def _is_error(value: Any) -> bool:
    return value is None or (_are_texts(value) and {"type", "message", "traceback"} <= set(value))
