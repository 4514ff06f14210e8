"""What a run came to, as far as other runs are compared with it, and how a baseline file says it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from a2ibench.bench.record import STATUSES, Calibration, read_calibration
from a2ibench.bench.score import Score, read_score, without_empty_settings
from a2ibench.errors import InputError, one_line
from a2ibench.values import Reader, boolean, each, fields, number, one_of, show, text, whole, within

FORMAT, FORMAT_VERSION = "a2ibench-baseline", 2
READABLE = (1, 2)
"""Versions of the format that are read; the first has no metric_errors, memory and model."""

_LONGEST = 80

Place = tuple[str, str, int]
"""Dataset, method and seed of a job."""


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
            "jobs": [without_empty_settings(asdict(outcome)) for outcome in self.jobs.values()],
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


_DEEPEST = 32


def parse(content: Any) -> RunOutcome:
    """Return the outcome that `RunOutcome.to_dict` described.

    Raises
    ------
    InputError
        If a field is missing or of another form.
    """
    head = _read("", _HEAD, content)
    version = head["format_version"]
    if version not in READABLE:
        raise InputError(
            f"format_version is {show(version)}, and this a2ibench reads "
            f"{' and '.join(map(str, READABLE))}; write the baseline again"
        )
    jobs = [
        Outcome(**_read(f"jobs[{index}]", _OUTCOME, _of_2(job, version)))
        for index, job in enumerate(head["jobs"])
    ]
    run = RunOutcome.of(jobs, {name: metric["higher_is_better"] for name, metric in head["metrics"].items()})
    if len(run.jobs) < len(jobs):
        places = [outcome.place for outcome in jobs]
        double = next(place for place in places if places.count(place) > 1)
        raise InputError(f"jobs: {place_text(double)} stands there {places.count(double)} times; keep one")
    return run


def amounts(where: str, values: Mapping[str, float]) -> dict[str, float]:
    """Return values that all are finite and at least 0.

    Raises
    ------
    InputError
        If one is not; names it.
    """
    amounts: dict[str, float] = _read(where, each(_AMOUNT), values)
    return amounts


def _read(where: str, read: Reader, value: Any) -> Any:
    try:
        return within(where, read, value)
    except ValueError as error:
        raise InputError(str(error).lstrip(". ") if not where else str(error)) from None


def _of_2(entry: Any, version: int) -> Any:
    if version != 1 or not isinstance(entry, Mapping):
        return entry
    return {**entry, "metric_errors": {}, "memory": {}, "model": {}}


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"is {show(value)}; give a list")
    return value


def _calibration(value: Any) -> Calibration | None:
    return None if value is None else read_calibration(value)


def _nested(value: Any, depth: int = 1) -> Any:
    if depth > _DEEPEST:
        raise ValueError(f"is nested more than {_DEEPEST} deep; write it again")
    if isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            _nested(item, depth + 1)
    return value


_AMOUNT = number("a number of at least 0", lambda value: 0 <= value < math.inf)
_HEAD = fields(
    {
        "format": one_of((FORMAT,)),
        "format_version": whole(),
        "metrics": each(fields({"higher_is_better": boolean})),
        "jobs": _list,
    }
)
_OUTCOME = fields(
    {
        "dataset": text,
        "method": text,
        "seed": whole(),
        "status": one_of(STATUSES),
        "metrics": each(read_score),
        "metric_errors": each(lambda value: one_line(text(value))),
        "timings": each(_AMOUNT),
        "calibration": _calibration,
        "memory": each(_AMOUNT),
        "model": each(_AMOUNT),
        "identity": each(_nested),
        "information": each(_nested),
    }
)
