"""How each method stands beside the baseline and beside the best of its dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from a2ibench.bench.record import JOBS, belongs
from a2ibench.bench.score import SCORES
from a2ibench.reporting import sense
from a2ibench.reporting.evidence.paired import Repeats, difference
from a2ibench.reporting.evidence.slices import Rows, read_slices, shares
from a2ibench.reporting.results import BASELINE, Group, Record, number
from a2ibench.reporting.summary import OK
from a2ibench.statistics import UNKNOWN, Interval


@dataclass(frozen=True)
class Standing:
    """How the score of a method compares.

    Parameters
    ----------
    gain : Interval
        Above the baseline.
    lead : Interval
        Above the best of the dataset.
    best : str
        The method with the best mean of the dataset; empty where there is none.
    """

    gain: Interval = UNKNOWN
    lead: Interval = UNKNOWN
    best: str = ""


Standings = Mapping[tuple[str, str], Mapping[str, Standing]]
"""By dataset and method, then by metric."""


def standings(group: Group, run_dir: Path | None) -> Standings:
    """Compare the methods of every dataset by each metric.

    Parameters
    ----------
    group : Group
        Records that may be compared.
    run_dir : Path or None
        Folder of their run, with the scores of the slices; without it, and where they are missing, values
        have no intervals.
    """
    jobs: dict[str, dict[str, list[tuple[Record, Rows]]]] = {}
    for record in group.records:
        if record["status"] == OK:
            rows = _slices(run_dir, record) if run_dir else {}
            methods = jobs.setdefault(record["dataset"], {})
            methods.setdefault(record["method"], []).append((record, rows))
    found: dict[tuple[str, str], dict[str, Standing]] = {}
    for dataset, methods in jobs.items():
        for metric in group.versions:
            known = {method: repeats for method, of in methods.items() if (repeats := _repeats(metric, of))}
            for method, standing in _stand(metric, known).items():
                found.setdefault((dataset, method), {})[metric] = standing
    return found


def _slices(run_dir: Path, record: Record) -> Rows:
    folder = run_dir / JOBS / f"{record['dataset']}--{record['method']}--s{record['seed']}"
    return read_slices(folder) if belongs(dict(record), folder, SCORES) else {}


def _repeats(metric: str, jobs: list[tuple[Record, Rows]]) -> Repeats | None:
    scored = [
        (number(record["metrics"][metric]["value"]), rows)
        for record, rows in jobs
        if metric in record["metrics"]
    ]
    if not scored:
        return None
    return Repeats.of([value for value, _ in scored], [shares(metric, value, rows) for value, rows in scored])


def _stand(metric: str, known: Mapping[str, Repeats]) -> dict[str, Standing]:
    higher = sense.higher_is_better(metric)
    finite = {method: repeats.mean for method, repeats in known.items() if math.isfinite(repeats.mean)}
    best = ""
    if finite and higher is not None:
        best = (max if higher else min)(finite, key=lambda method: finite[method])
    return {
        method: Standing(_beside(method, BASELINE, known), _beside(method, best, known), best)
        for method in known
    }


def _beside(method: str, other: str, known: Mapping[str, Repeats]) -> Interval:
    if other not in known:
        return UNKNOWN
    if method == other:
        return Interval(0.0)
    return difference(known[method], known[other])
