"""The records of a run for the gate, which overlooks none, and what they come to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from a2ibench.bench.gate.outcome import (
    Calibration,
    Outcome,
    Place,
    RunOutcome,
    Score,
    parse_outcome,
    place_text,
)
from a2ibench.bench.record import Record, check_record, read_record
from a2ibench.bench.run_files import JobFiles, RunFiles
from a2ibench.documents import read_json
from a2ibench.errors import A2IBenchError, InputError, one_line, printable

_AGAIN = "run it again, or take the folder away"


def records_of(run_dir: Path) -> list[tuple[Path, Record]]:
    """Return every record of a run with its file, in the order of the folders' names.

    A folder without record.json is a job that has not ended, and has none.

    Raises
    ------
    InputError
        If a record is damaged, was edited, or is the second of its dataset, method and seed; names the
        file.
    """
    found: dict[Place, Path] = {}
    records = []
    for folder in _folders(run_dir):
        file = JobFiles(folder).record
        record = _record(folder, file)
        place = record["dataset"], record["method"], record["seed"]
        if place in found:
            raise InputError(
                f"{printable(str(found[place]))} and {printable(str(file))}: "
                f"both are {place_text(place)}; keep one"
            )
        found[place] = file
        records.append((file, record))
    return records


def plan_of(run_dir: Path) -> dict[str, Any]:
    """Return the plan in a run's run.json; nothing where there is no such file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    file = RunFiles(run_dir).plan
    if not file.exists():
        return {}
    try:
        return dict(read_json(file)["plan"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{printable(str(file))}: is damaged ({one_line(error)}); {_AGAIN}") from None


def places_of(plan: dict[str, Any], run_dir: Path) -> list[Place]:
    """Return the places of all jobs of a plan.

    Raises
    ------
    InputError
        If the plan has another form.
    """
    try:
        names = [dataset["name"] for dataset in plan.get("datasets", [])]
        jobs = [(d, m, s) for d in names for m in plan.get("methods", []) for s in plan.get("seeds", [])]
        # What cannot be looked up is no place.
        return list(dict.fromkeys(jobs))
    except (LookupError, TypeError, AttributeError):
        raise InputError(
            f"{printable(str(RunFiles(run_dir).plan))}: its plan names no jobs; {_AGAIN}"
        ) from None


def _folders(run_dir: Path) -> Iterator[Path]:
    for job in RunFiles(run_dir).all_jobs():
        # A link that leads nowhere is there, too.
        if job.record.exists() or job.record.is_symlink():
            yield job.folder


def _record(folder: Path, file: Path) -> Record:
    try:
        record = read_record(folder)
    except ArithmeticError:
        record = None
    if record is not None:
        return record
    try:
        check_record(read_json(file))
    except (OSError, ValueError, RecursionError) as error:
        problem = one_line(error)
    else:
        problem = "it was changed after it was written"
    raise InputError(f"{printable(str(file))}: is damaged or was edited ({problem}); {_AGAIN}")


_PROVENANCE = ("protocol_version", "profile", "budget", "device", "precision")
_DATASET = (
    *("sha256", "sha256_of", "shape", "voxel_size", "input_shape", "input_voxel_size"),
    *("intensity", "contrast", "padding", "dtype", "ratio", "simulated", "definition"),
)
_LIBRARIES = ("torch", "numpy")
_MODEL = ("params", "macs_per_voxel")
_SCORE_DIGITS, _TIME_DIGITS = 7, 4


def run_outcome(run_dir: Path) -> RunOutcome:
    """Return what the run in a folder came to, without the directions of its metrics.

    Numbers are rounded here and not when they are written, so that a run agrees with its own baseline to
    the last digit.

    Raises
    ------
    InputError
        If the folder holds no run, or a record is damaged, edited or double; names the file.
    """
    records = records_of(run_dir)
    files = RunFiles(run_dir)
    if not records and not (files.plan.is_file() and files.jobs.is_dir()):
        raise InputError(f"{run_dir}: holds no run; give the folder that a2ibench run wrote, or a baseline")
    # Jobs that share a process share its peak, too.
    shared = plan_of(run_dir).get("executor") == "inline"
    return RunOutcome.of(_outcome(file, record, shared) for file, record in records)


def with_directions(run: RunOutcome) -> RunOutcome:
    """Return an outcome that knows of its metrics whether higher is better, as far as plugins tell.

    Installed plugins are asked for what it does not know yet.
    """
    unknown = sorted(run.metrics - set(run.higher_is_better))
    found = {name: up for name in unknown if (up := _higher_is_better(name)) is not None}
    return replace(run, higher_is_better={**run.higher_is_better, **found})


def _outcome(file: Path, record: Record, shared: bool) -> Outcome:
    memory = record["memory"]
    entry = {
        **{name: record[name] for name in ("dataset", "method", "seed", "status", "metrics", "timings")},
        "metric_errors": record.get("metric_errors") or {},
        "calibration": record.get("calibration"),
        "memory": {name: peak for name, peak in memory.items() if not (shared and name == "process")},
        "model": {name: record["model"][name] for name in _MODEL if name in record["model"]},
        "identity": _identity(record["provenance"]),
        "information": _information(record["provenance"]),
    }
    try:
        outcome = parse_outcome("record", entry)
    except InputError as error:
        raise InputError(f"{printable(str(file))}: {error}") from None
    return replace(
        outcome,
        metrics={
            name: Score(_rounded(score.value, _SCORE_DIGITS), score.version)
            for name, score in outcome.metrics.items()
        },
        timings={name: _rounded(seconds, _TIME_DIGITS) for name, seconds in outcome.timings.items()},
        calibration=_round_calibration(outcome.calibration),
        model={name: _rounded(value, _SCORE_DIGITS) for name, value in outcome.model.items()},
    )


def _higher_is_better(metric: str) -> bool | None:
    from a2ibench.registry import host

    try:
        return bool(host().load("metric", metric).higher_is_better)
    except (A2IBenchError, AttributeError):
        return None


def _round_calibration(found: Calibration | None) -> Calibration | None:
    if found is None:
        return None
    return replace(
        found,
        seconds=_rounded(found.seconds, _TIME_DIGITS),
        serial_seconds=_rounded(found.serial_seconds, _TIME_DIGITS),
    )


def _identity(provenance: Mapping[str, Any]) -> dict[str, Any]:
    dataset = provenance.get("dataset") or {}
    # A method that does not tell its configuration still has the settings it was given.
    settings = (provenance.get("settings") or {}) | (provenance.get("configuration") or {})
    return {name: provenance.get(name) for name in _PROVENANCE} | {
        "settings": {name: _without_folder(value) for name, value in settings.items()},
        "dataset": {name: dataset[name] for name in _DATASET if name in dataset},
    }


def _information(provenance: Mapping[str, Any]) -> dict[str, Any]:
    environment = provenance.get("environment") or {}
    libraries = environment.get("libraries") or {}
    return {
        "a2ibench": provenance.get("a2ibench"),
        "plugin": f"{provenance.get('distribution')} {provenance.get('version')}",
        "python": environment.get("python"),
        **{name: libraries.get(name) for name in _LIBRARIES},
        "machine": provenance.get("device_name"),
        "threads": environment.get("threads"),
    }


def _without_folder(value: Any) -> Any:
    # Where a file of weights lies is different on every machine.
    for kind in (PurePosixPath, PureWindowsPath):
        if isinstance(value, str) and kind(value).is_absolute():
            return kind(value).name
    return value


def _rounded(value: float, digits: int) -> float:
    return float(f"{float(value):.{digits}g}")
