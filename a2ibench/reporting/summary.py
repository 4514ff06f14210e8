"""One row for each dataset and method: means and spreads over the seeds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np

from a2ibench.bench.groups import Group
from a2ibench.bench.record import CEILING, Record
from a2ibench.bench.run import CUBIC, MODEL, metric_order, phase_order
from a2ibench.registry import host
from a2ibench.statistics import UNKNOWN, Interval, mean_half_width

OK, CONTROL = "ok", "control"


@dataclass(frozen=True)
class Sample:
    """Mean of values, and how they spread.

    Parameters
    ----------
    mean : float
        NaN where there is no value.
    std : float
        Sample standard deviation; NaN for fewer than two values.
    n : int
        Number of values.
    interval : Interval
        Student's 95 % interval of the mean, without ends for fewer than two values.
    """

    mean: float = math.nan
    std: float = math.nan
    n: int = 0
    interval: Interval = UNKNOWN

    @classmethod
    def of(cls, values: Iterable[float]) -> Sample:
        """Return the sample of the values that are numbers."""
        known = np.array([value for value in values if not math.isnan(value)], np.float64)
        if not known.size:
            return cls()
        spread = float(known.std(ddof=1)) if known.size > 1 and np.isfinite(known).all() else math.nan
        mean = float(known.mean())
        return cls(mean, spread, known.size, Interval.around(mean, mean_half_width(known.tolist())))


@dataclass(frozen=True)
class Row:
    """What the jobs of one method on one dataset came to, or the scores of a control.

    Parameters
    ----------
    dataset, method : str
        Names.
    statuses : tuple of str
        One for each seed.
    metrics, seconds, model : mapping of str to Sample
        By metric, phase and number of the model, over the seeds that are ok.
    learned : bool
        Whether each seed is a training.
    gain : float
        Mean PSNR above that of the cubic baseline, dB; NaN where one of them is missing.
    external : bool
        Whether it is a finished volume that was entered, and no job made it.
    control : bool
        Whether it is one of ``CONTROLS``, and no method.
    pretrained : bool
        Whether its method began with weights that other volumes have trained.
    shares : mapping of str to float
        By metric, how much of the way from cubic interpolation to the ceiling it goes.
    origin : str
        Which run it comes from, where several are merged; of more than one, with the seeds of each.
    """

    dataset: str
    method: str
    statuses: tuple[str, ...]
    metrics: Mapping[str, Sample]
    seconds: Mapping[str, Sample]
    model: Mapping[str, Sample]
    learned: bool = False
    gain: float = math.nan
    external: bool = False
    control: bool = False
    pretrained: bool = False
    shares: Mapping[str, float] = field(default_factory=dict)
    origin: str = ""

    @property
    def label(self) -> str:
        """The method's name, as tables show it."""
        if self.control:
            return f"({self.method})"
        marks = ["external"] * self.external + ["pretrained"] * self.pretrained
        return f"{self.method} ({', '.join(marks)})" if marks else self.method

    @property
    def ranked(self) -> bool:
        """Whether it takes part in what is best: no control does, and none that has seen other volumes."""
        return not self.control and not self.pretrained

    @property
    def error_removed(self) -> float:
        """Share of the root mean squared error of cubic interpolation that is gone; NaN without a gain."""
        # Records of other programs may hold any number, and a power beyond all numbers is an error.
        return 1 - 10 ** min(-self.gain / 20, 300)

    @property
    def status(self) -> str:
        """One word where all seeds ended alike, else how many ended how."""
        counts = Counter(self.statuses)
        if len(counts) == 1:
            return self.statuses[0]
        return ", ".join(
            f"{n} {status}" for status, n in sorted(counts.items(), key=lambda c: (c[0] != OK, c))
        )


def summarise(group: Group) -> list[Row]:
    """Return one row for each dataset and method of a group, in the order of its records.

    Below the methods of a dataset stand its controls, where a record has some.
    """
    found = group.controls
    rows: list[Row] = []
    for dataset, members in groupby(_methods(group), key=lambda row: row.dataset):
        methods = list(members)
        baseline = next((row for row in methods if row.method == CUBIC), None)
        controls = [_control(dataset, *told, baseline) for told in found.get(dataset, {}).items()]
        rows += _with_shares([*methods, *controls], baseline)
    return rows


def _control(dataset: str, name: str, scores: Mapping[str, float], baseline: Row | None) -> Row:
    metrics = {metric: Sample.of([value]) for metric, value in scores.items()}
    gain = metrics.get("psnr", Sample()).mean - _mean(baseline, "psnr")
    return Row(
        dataset, name, (CONTROL,), metrics, {}, {name: Sample() for name in MODEL}, gain=gain, control=True
    )


def _with_shares(rows: Sequence[Row], baseline: Row | None) -> list[Row]:
    ceiling = next((row for row in rows if row.control and row.method == CEILING), None)
    if ceiling is None:
        return list(rows)
    ways = {
        name: way
        for name in ceiling.metrics
        if _bounded(name) and math.isfinite(way := _mean(ceiling, name) - _mean(baseline, name)) and way
    }
    return [
        replace(
            row, shares={name: (_mean(row, name) - _mean(baseline, name)) / way for name, way in ways.items()}
        )
        for row in rows
    ]


def _bounded(metric: str) -> bool:
    # In decibels there is no way to go: an error of 0 is infinitely many.
    registered = host().metrics.get(metric)
    return registered is not None and registered.spec.unit != "dB"


def _mean(row: Row | None, metric: str) -> float:
    return math.nan if row is None else row.metrics.get(metric, Sample()).mean


def _methods(group: Group) -> list[Row]:
    jobs: dict[tuple[str, str], list[Record]] = {}
    for record in group.records:
        jobs.setdefault((record.dataset, record.method), []).append(record)
    psnr = {place: _score("psnr", records).mean for place, records in jobs.items()}
    return [
        _row(
            dataset,
            method,
            records,
            psnr[dataset, method] - psnr.get((dataset, CUBIC), math.nan),
            _origin(records, group.origins),
        )
        for (dataset, method), records in jobs.items()
    ]


def _origin(records: Sequence[Record], origins: Mapping[str, str]) -> str:
    seeds: dict[str, list[str]] = {}
    for record in records:
        seeds.setdefault(origins.get(record.name, ""), []).append(str(record.seed))
    if len(seeds) == 1:
        return next(iter(seeds))
    return "; ".join(
        f"{name}: seed{'s' * (len(of_it) > 1)} {', '.join(of_it)}" for name, of_it in seeds.items()
    )


def _row(dataset: str, method: str, records: Sequence[Record], gain: float, origin: str) -> Row:
    fine = [record for record in records if record.ok]
    metrics = metric_order({name for record in records for name in record.metrics})
    phases = phase_order({name for record in records for name in record.timings})
    return Row(
        dataset,
        method,
        tuple(record.status for record in records),
        {name: _score(name, records) for name in metrics},
        {name: _sample(name, [record.timings for record in fine]) for name in phases},
        {name: _sample(name, [record.model for record in fine]) for name in MODEL},
        any(record.learned for record in fine),
        gain,
        any(record.external is not None for record in records),
        pretrained=any(record.pretrained for record in records),
        origin=origin,
    )


def _score(name: str, records: Sequence[Record]) -> Sample:
    return Sample.of(record.metrics[name].value for record in records if record.ok and name in record.metrics)


def _sample(name: str, values: Sequence[Mapping[str, float]]) -> Sample:
    return Sample.of(known[name] for known in values if name in known)
