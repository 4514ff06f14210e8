"""What a run came to, as far as other runs are compared with it, and how a baseline file says it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from a2ibench.bench.record import STATUSES
from a2ibench.errors import InputError, one_line, printable

FORMAT, FORMAT_VERSION = "a2ibench-baseline", 2
READABLE = (1, 2)
"""Versions of the format that are read; the first has no metric_errors, memory and model."""

_LONGEST = 80

Place = tuple[str, str, int]
"""Dataset, method and seed of a job."""


@dataclass(frozen=True)
class Score:
    """Value of a metric (plus infinity where it has no bound) and the metric's version."""

    value: float
    version: Any


@dataclass(frozen=True)
class Calibration:
    """How fast the machine was in wide and in serial work, see `a2ibench.bench.calibration`."""

    version: int
    kernel: str
    seconds: float
    serial_seconds: float


@dataclass(frozen=True)
class Outcome:
    """What one job came to.

    Parameters
    ----------
    dataset, method : str
        Names.
    seed : int
        Seed.
    status : str
        One of ``STATUSES``.
    metrics : mapping of str to Score
        By metric.
    metric_errors : mapping of str to str
        One line by metric that failed.
    timings : mapping of str to float
        Seconds by phase.
    calibration : Calibration or None
        Of the machine, right before the job trained.
    memory : mapping of str to float
        Peak bytes of the ``"process"`` and the ``"device"``, where they are the job's own.
    model : mapping of str to float
        ``"params"`` and ``"macs_per_voxel"``, where the method tells them.
    identity : mapping
        Nested fields that must be the same in two jobs that are compared.
    information : mapping
        Fields that may differ and are worth a note then: versions and the machine.
    """

    dataset: str
    method: str
    seed: int
    status: str
    metrics: Mapping[str, Score] = field(default_factory=dict)
    metric_errors: Mapping[str, str] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None
    memory: Mapping[str, float] = field(default_factory=dict)
    model: Mapping[str, float] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)
    information: Mapping[str, Any] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Dataset, method and seed."""
        return self.dataset, self.method, self.seed

    @property
    def ok(self) -> bool:
        """Whether it has results."""
        return self.status == "ok"


@dataclass(frozen=True)
class RunOutcome:
    """What a run came to.

    Parameters
    ----------
    jobs : mapping of Place to Outcome
        In the order of their places, whatever the order in which they ran.
    higher_is_better : mapping of str to bool
        By metric. It is kept with the scores because the plugin that could tell need not be installed where
        they are compared, and may have changed since.
    """

    jobs: Mapping[Place, Outcome]
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)

    @classmethod
    def of(
        cls, outcomes: Iterable[Outcome], higher_is_better: Mapping[str, bool] | None = None
    ) -> RunOutcome:
        """Return the outcome of a run whose jobs came to `outcomes`."""
        ordered = sorted(outcomes, key=lambda outcome: outcome.place)
        return cls({outcome.place: outcome for outcome in ordered}, higher_is_better or {})

    @property
    def metrics(self) -> set[str]:
        """Names of the metrics that any job has."""
        return {name for outcome in self.jobs.values() for name in outcome.metrics}

    def to_dict(self) -> dict[str, Any]:
        """Return what `a2ibench.bench.gate.outcome.parse` reads, all keys in alphabetical order."""
        content = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "metrics": {name: {"higher_is_better": up} for name, up in self.higher_is_better.items()},
            "jobs": [asdict(outcome) for outcome in self.jobs.values()],
        }
        ordered: dict[str, Any] = _in_order(content)
        return ordered


def place_text(place: Place) -> str:
    """Return a place for people."""
    dataset, method, seed = place
    return f"{one_line(dataset, _LONGEST)} {one_line(method, _LONGEST)} seed {seed}"


def _in_order(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _in_order(value[name]) for name in sorted(value)}
    return [_in_order(item) for item in value] if isinstance(value, list | tuple) else value


_TEXTS = ("dataset", "method")
_CALIBRATED = ("seconds", "serial_seconds")
_OBJECTS = ("metrics", "timings", "identity", "information")
_OBJECTS_OF_2 = ("metric_errors", "memory", "model")
_DEEPEST = 32
_LONGEST_SHOWN = 80


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
    if not _is_whole(version) or version not in READABLE:
        raise InputError(
            f"format_version: got {_shown(version)}, and this a2ibench reads "
            f"{' and '.join(map(str, READABLE))}; write the baseline again"
        )
    metrics, jobs = content.get("metrics"), content.get("jobs")
    _require(isinstance(metrics, Mapping), "metrics", metrics, "an object")
    _require(isinstance(jobs, list), "jobs", jobs, "a list")
    outcomes = [parse_outcome(f"jobs[{index}]", _of_2(entry, version)) for index, entry in enumerate(jobs)]
    run = RunOutcome.of(outcomes, {name: _direction(name, entry) for name, entry in metrics.items()})
    if len(run.jobs) < len(outcomes):
        places = [outcome.place for outcome in outcomes]
        double = next(place for place in places if places.count(place) > 1)
        raise InputError(f"jobs: {place_text(double)} stands there {places.count(double)} times; keep one")
    return run


def parse_outcome(where: str, entry: Any) -> Outcome:
    """Return what one job came to.

    Parameters
    ----------
    where : str
        What the entry is called in messages.
    entry : object
        One of the jobs of a baseline of format 2.

    Raises
    ------
    InputError
        If a field is missing or of another form.
    """
    _require(isinstance(entry, Mapping), where, entry, "an object")
    for name in _TEXTS:
        _require(isinstance(entry.get(name), str), f"{where}.{name}", entry.get(name), "a text")
    seed, status = entry.get("seed"), entry.get("status")
    _require(_is_whole(seed), f"{where}.seed", seed, "a whole number")
    _require(status in STATUSES, f"{where}.status", status, f"one of {', '.join(STATUSES)}")
    for name in (*_OBJECTS, *_OBJECTS_OF_2):
        _require(isinstance(entry.get(name), Mapping), f"{where}.{name}", entry.get(name), "an object")
    for name in ("identity", "information"):
        _check_depth(f"{where}.{name}", entry[name])
    return Outcome(
        dataset=entry["dataset"],
        method=entry["method"],
        seed=entry["seed"],
        status=entry["status"],
        metrics={name: _score(f"{where}.metrics.{_key(name)}", e) for name, e in entry["metrics"].items()},
        metric_errors=_each(where, "metric_errors", entry, _text),
        timings=_each(where, "timings", entry, _amount),
        calibration=_calibration(f"{where}.calibration", entry.get("calibration")),
        memory=_each(where, "memory", entry, _amount),
        model=_each(where, "model", entry, _amount),
        identity=entry["identity"],
        information=entry["information"],
    )


def _of_2(entry: Any, version: int) -> Any:
    if version != 1 or not isinstance(entry, Mapping):
        return entry
    return {**entry, **{name: {} for name in _OBJECTS_OF_2}}


def _each(where: str, field: str, entry: Mapping[str, Any], read: Any) -> dict[str, Any]:
    return {name: read(f"{where}.{field}.{_key(name)}", value) for name, value in entry[field].items()}


def _calibration(where: str, entry: Any) -> Calibration | None:
    if entry is None:
        return None
    right = isinstance(entry, Mapping) and {"version", "kernel", *_CALIBRATED} <= set(entry)
    _require(right, where, entry, "an object with version, kernel, seconds and serial_seconds")
    _require(_is_whole(entry["version"]), f"{where}.version", entry["version"], "a whole number")
    _require(isinstance(entry["kernel"], str), f"{where}.kernel", entry["kernel"], "a text")
    seconds = {name: _number(f"{where}.{name}", entry[name]) for name in _CALIBRATED}
    for name, value in seconds.items():
        _require(value > 0, f"{where}.{name}", value, "a positive number")
    return Calibration(entry["version"], entry["kernel"], **seconds)


def _direction(name: str, entry: Any) -> bool:
    up = entry.get("higher_is_better") if isinstance(entry, Mapping) else None
    _require(isinstance(up, bool), f"metrics.{_key(name)}.higher_is_better", up, "true or false")
    return bool(up)


def _score(where: str, entry: Any) -> Score:
    right = isinstance(entry, Mapping) and {"value", "version"} <= set(entry)
    _require(right, where, entry, "an object with value and version")
    value, version = entry["value"], entry["version"]
    known = isinstance(version, str) or _is_whole(version)
    _require(known, f"{where}.version", version, "a whole number or a text")
    # A record that was read holds the number, a file the text.
    infinite = value in ("inf", math.inf)
    return Score(math.inf if infinite else _number(f"{where}.value", value), version)


def _amount(where: str, value: Any) -> float:
    number = _number(where, value)
    _require(number >= 0, where, value, "a number of at least 0")
    return number


def _number(where: str, value: Any) -> float:
    _require(isinstance(value, int | float) and not isinstance(value, bool), where, value, "a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InputError(f"{where}: is no finite number; give one")
    return number


def _text(where: str, value: Any) -> str:
    _require(isinstance(value, str), where, value, "a text")
    return one_line(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _check_depth(where: str, value: Any, depth: int = 0) -> None:
    if depth > _DEEPEST:
        raise InputError(f"{where}: is nested more than {_DEEPEST} deep; write it again")
    if isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            _check_depth(where, item, depth + 1)


def _key(name: str) -> str:
    return one_line(name, _LONGEST_SHOWN)


def _require(right: bool, where: str, value: Any, wanted: str) -> None:
    if not right:
        raise InputError(f"{where}: got {_shown(value)}; give {wanted}")


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return repr(value) if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]!r}..."
    if isinstance(value, int) and abs(value) > 1 << 64:
        return "a huge number"
    if isinstance(value, int | float):
        return printable(repr(value))
    return "an object" if isinstance(value, Mapping) else f"a {type(value).__name__}"
