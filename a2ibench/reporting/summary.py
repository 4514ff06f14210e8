"""One row for each dataset and method: means and spreads over the seeds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from a2ibench.bench.record import Record
from a2ibench.bench.run import CUBIC, MODEL, Group, metric_order, phase_order
from a2ibench.statistics import UNKNOWN, Interval, mean_half_width

OK = "ok"


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
    """What the jobs of one method on one dataset came to.

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

    @property
    def label(self) -> str:
        """The method's name, as tables show it."""
        return f"{self.method} (external)" if self.external else self.method

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
    """Return one row for each dataset and method of a group, in the order of its records."""
    jobs: dict[tuple[str, str], list[Record]] = {}
    for record in group.records:
        jobs.setdefault((record.dataset, record.method), []).append(record)
    psnr = {place: _score("psnr", records).mean for place, records in jobs.items()}
    return [
        _row(dataset, method, records, psnr[dataset, method] - psnr.get((dataset, CUBIC), math.nan))
        for (dataset, method), records in jobs.items()
    ]


def _row(dataset: str, method: str, records: Sequence[Record], gain: float) -> Row:
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
    )


def _score(name: str, records: Sequence[Record]) -> Sample:
    return Sample.of(record.metrics[name].value for record in records if record.ok and name in record.metrics)


def _sample(name: str, values: Sequence[Mapping[str, float]]) -> Sample:
    return Sample.of(known[name] for known in values if name in known)
