"""What the records of a run come to for the gate, which overlooks none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from a2ibench.bench.gate.outcome import Outcome, Place, RunOutcome, amounts
from a2ibench.bench.growth import planned_places
from a2ibench.bench.record import BESIDE, Calibration, Record
from a2ibench.bench.run import Run, read_run
from a2ibench.errors import InputError, one_line, printable
from a2ibench.registry import host

_AGAIN = "run it again, or take the folder away"


def whole_run(run_dir: Path) -> Run:
    """Return the run in a folder, of which nothing may be missing.

    Raises
    ------
    InputError
        If the folder holds no run, or a record is damaged, was edited, or is another job's, or run.json
        cannot be read; names the file.
    """
    if not run_dir.is_dir():
        raise InputError(f"{run_dir}: is no folder; give the folder that a2ibench run wrote")
    run = read_run(run_dir)
    for file, problem in run.damaged.items():
        raise InputError(f"{printable(str(file))}: is damaged or was edited ({problem}); {_AGAIN}")
    return run


def places_of(run: Run) -> list[Place]:
    """Return the places of all jobs that a run was planned to have."""
    return list(planned_places(run.options).values())


_PROVENANCE = ("protocol_version", "profile", "budget", "device", "precision")
_DATASET = (
    *("sha256", "sha256_of", "shape", "voxel_size", "input_shape", "input_voxel_size"),
    *("intensity", "contrast", "padding", "dtype", "ratio", "simulated", "definition"),
)
_LIBRARIES = ("torch", "numpy")
_MODEL = ("params", "macs_per_voxel")
_SCORE_DIGITS, _TIME_DIGITS = 7, 4


def run_outcome(run: Run) -> RunOutcome:
    """Return what a run came to, without the directions of its metrics.

    Numbers are rounded here and not when they are written, so that a run agrees with its own baseline to
    the last digit.

    Raises
    ------
    InputError
        If a time or another amount of a record is none; names the file.
    """
    # Jobs that share a process share its peak, too.
    shared = run.options.get("executor") == "inline"
    return RunOutcome.of(_outcome(run.files_of(record).record, record, shared) for record in run.records)


def with_directions(run: RunOutcome) -> RunOutcome:
    """Return an outcome that knows of its metrics whether higher is better, as far as plugins tell.

    Installed plugins are asked for what it does not know yet.
    """
    unknown = sorted(run.metrics - set(run.higher_is_better))
    found = {name: up for name in unknown if (up := host().higher_is_better(name)) is not None}
    return replace(run, higher_is_better={**run.higher_is_better, **found})


def _outcome(file: Path, record: Record, shared: bool) -> Outcome:
    memory = {name: peak for name, peak in record.memory.items() if not (shared and name == "process")}
    model = {name: record.model[name] for name in _MODEL if name in record.model}
    try:
        timings = amounts("record.timings", record.timings)
        memory, model = amounts("record.memory", memory), amounts("record.model", model)
    except InputError as error:
        raise InputError(f"{printable(str(file))}: {error}") from None
    return Outcome(
        record.dataset,
        record.method,
        record.seed,
        record.status,
        metrics={
            name: replace(score, value=_rounded(score.value, _SCORE_DIGITS))
            for name, score in record.metrics.items()
        },
        metric_errors={name: one_line(error) for name, error in record.metric_errors.items()},
        timings={name: _rounded(seconds, _TIME_DIGITS) for name, seconds in timings.items()},
        calibration=_round_calibration(record.calibration),
        memory=memory,
        model={name: _rounded(value, _SCORE_DIGITS) for name, value in model.items()},
        identity=identity_of(record),
        information=_information(record.provenance),
    )


def _round_calibration(found: Calibration | None) -> Calibration | None:
    if found is None:
        return None
    return replace(
        found,
        seconds=_rounded(found.seconds, _TIME_DIGITS),
        serial_seconds=_rounded(found.serial_seconds, _TIME_DIGITS),
    )


def identity_of(record: Record) -> dict[str, Any]:
    """Return what must be the same in two jobs that are compared."""
    provenance = record.provenance
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
    made = "external: " if provenance.get("external") else ""
    return {
        "a2ibench": provenance.get("a2ibench"),
        "plugin": f"{made}{provenance.get('distribution')} {provenance.get('version')}",
        "python": environment.get("python"),
        **{name: libraries.get(name) for name in _LIBRARIES},
        "machine": provenance.get("device_name"),
        "threads": environment.get("threads"),
        **({BESIDE: True} if provenance.get(BESIDE) else {}),
    }


def _without_folder(value: Any) -> Any:
    # Where a file of weights lies is different on every machine.
    for kind in (PurePosixPath, PureWindowsPath):
        if isinstance(value, str) and kind(value).is_absolute():
            return kind(value).name
    return value


def _rounded(value: float, digits: int) -> float:
    return float(f"{float(value):.{digits}g}")
