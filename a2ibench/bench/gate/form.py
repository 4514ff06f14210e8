"""Reads the JSON of a baseline; every wrong field is an error of one line that names it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from a2ibench.bench.gate.outcome import (
    FORMAT,
    FORMAT_VERSION,
    Calibration,
    Outcome,
    RunOutcome,
    Score,
    place_text,
)
from a2ibench.bench.record import STATUSES
from a2ibench.errors import InputError

_TEXTS = ("dataset", "method")
_CALIBRATED = ("seconds", "serial_seconds")
_OBJECTS = ("metrics", "timings", "identity", "information")


def parse(content: Any) -> RunOutcome:
    """Return the outcome that `RunOutcome.to_dict` described.

    Raises
    ------
    InputError
        If a field is missing or of another form.
    """
    _require(isinstance(content, Mapping), "file", content, f"a file of format {FORMAT}")
    _require(content.get("format") == FORMAT, "format", content.get("format"), FORMAT)
    version = content.get("format_version")
    if version != FORMAT_VERSION:
        raise InputError(
            f"format_version: got {version!r}, and this a2ibench reads {FORMAT_VERSION}; "
            "write the baseline again"
        )
    metrics, jobs = content.get("metrics"), content.get("jobs")
    _require(isinstance(metrics, Mapping), "metrics", metrics, "an object")
    _require(isinstance(jobs, list), "jobs", jobs, "a list")
    outcomes = [_outcome(f"jobs[{index}]", entry) for index, entry in enumerate(jobs)]
    run = RunOutcome.of(outcomes, {name: _direction(name, entry) for name, entry in metrics.items()})
    if len(run.jobs) < len(outcomes):
        places = [outcome.place for outcome in outcomes]
        double = next(place for place in places if places.count(place) > 1)
        raise InputError(f"jobs: {place_text(double)} stands there {places.count(double)} times; keep one")
    return run


def parse_calibration(where: str, entry: Any) -> Calibration | None:
    """Return a calibration as records and baselines hold it.

    Raises
    ------
    InputError
        If it has another form.
    """
    if entry is None:
        return None
    right = isinstance(entry, Mapping) and {"version", "kernel", *_CALIBRATED} <= set(entry)
    _require(right, where, entry, "an object with version, kernel, seconds and serial_seconds")
    seconds = {name: _number(f"{where}.{name}", entry[name]) for name in _CALIBRATED}
    for name, value in seconds.items():
        _require(value > 0, f"{where}.{name}", value, "a positive number")
    return Calibration(entry["version"], entry["kernel"], **seconds)


def _outcome(where: str, entry: Any) -> Outcome:
    _require(isinstance(entry, Mapping), where, entry, "an object")
    for name in _TEXTS:
        _require(isinstance(entry.get(name), str), f"{where}.{name}", entry.get(name), "a text")
    seed, status = entry.get("seed"), entry.get("status")
    _require(isinstance(seed, int) and not isinstance(seed, bool), f"{where}.seed", seed, "a whole number")
    _require(status in STATUSES, f"{where}.status", status, f"one of {', '.join(STATUSES)}")
    for name in _OBJECTS:
        _require(isinstance(entry.get(name), Mapping), f"{where}.{name}", entry.get(name), "an object")
    return Outcome(
        dataset=entry["dataset"],
        method=entry["method"],
        seed=entry["seed"],
        status=entry["status"],
        metrics={name: _score(f"{where}.metrics.{name}", e) for name, e in entry["metrics"].items()},
        timings={name: _number(f"{where}.timings.{name}", e) for name, e in entry["timings"].items()},
        calibration=parse_calibration(f"{where}.calibration", entry.get("calibration")),
        identity=entry["identity"],
        information=entry["information"],
    )


def _direction(name: str, entry: Any) -> bool:
    up = entry.get("higher_is_better") if isinstance(entry, Mapping) else None
    _require(isinstance(up, bool), f"metrics.{name}.higher_is_better", up, "true or false")
    return bool(up)


def _score(where: str, entry: Any) -> Score:
    right = isinstance(entry, Mapping) and {"value", "version"} <= set(entry)
    _require(right, where, entry, "an object with value and version")
    value = entry["value"]
    return Score(math.inf if value == "inf" else _number(f"{where}.value", value), entry["version"])


def _number(where: str, value: Any) -> float:
    _require(isinstance(value, int | float) and not isinstance(value, bool), where, value, "a number")
    return float(value)


def _require(right: bool, where: str, value: Any, wanted: str) -> None:
    if not right:
        shown = repr(value) if isinstance(value, str | int | float) else _kind(value)
        raise InputError(f"{where}: got {shown}; give {wanted}")


def _kind(value: Any) -> str:
    if value is None:
        return "nothing"
    return "an object" if isinstance(value, Mapping) else f"a {type(value).__name__}"
