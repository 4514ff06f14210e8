"""The columns of table.csv."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from a2ibench.reporting.evidence import Standing, Standings
from a2ibench.reporting.results import BASELINE, MODEL, Group, metric_errors, metric_order, phase_order, whole
from a2ibench.reporting.summary import OK, Row, Sample, summarise
from a2ibench.statistics import Interval

_NONE = Sample()


def summary_columns(parts: Sequence[tuple[Group, Standings]]) -> pd.DataFrame:
    """Return one row for each dataset and method of groups whose methods have been compared.

    The columns are those of `a2ibench.reporting.tables.summary_frame`.
    """
    metrics = metric_order({name for part, _ in parts for name in part.versions})
    phases = phase_order({name for part, _ in parts for record in part.records for name in record["timings"]})
    compared = metric_order(_compared(found for _, found in parts))
    rows = [
        _identity(part, row)
        | _scores(part, row, metrics)
        | _comparisons(row, found.get((row.dataset, row.method), {}), compared)
        | _costs(row, phases)
        | _errors(part, row)
        for part, found in parts
        for row in summarise(part)
    ]
    return whole(pd.DataFrame(rows), ["params", "protocol_version", *(f"{name}_version" for name in metrics)])


def comparison_columns(metric: str, standing: Standing) -> dict[str, Any]:
    """Return what table.csv says of how a score compares.

    Returns
    -------
    dict
        ``<metric>_gain_over_cubic``, the ends of its 95 % interval, ``<metric>_gain_low`` and ``..._high``,
        and ``<metric>_gain_significant``, whether zero is outside; ``<metric>_best``, the method with the
        best mean, ``<metric>_above_best``, the difference from it, and in the same way
        ``<metric>_above_best_low``, ``..._high`` and ``..._significant``.
    """
    out: dict[str, Any] = {f"{metric}_gain_over_{BASELINE}": standing.gain.value}
    out |= _ends(f"{metric}_gain", standing.gain)
    out |= {f"{metric}_best": standing.best or None, f"{metric}_above_best": standing.lead.value}
    return out | _ends(f"{metric}_above_best", standing.lead)


def _ends(name: str, interval: Interval) -> dict[str, Any]:
    significant = interval.excludes_zero if interval.known else None
    return {f"{name}_low": interval.low, f"{name}_high": interval.high, f"{name}_significant": significant}


def _compared(all_found: Iterable[Standings]) -> set[str]:
    return {
        name
        for found in all_found
        for of in found.values()
        for name, standing in of.items()
        if standing.gain.known or standing.lead.known
    }


def _identity(part: Group, row: Row) -> dict[str, Any]:
    out: dict[str, Any] = {"protocol_version": part.protocol, "dataset": row.dataset, "method": row.method}
    return out | {"status": row.status, "jobs": len(row.statuses), "jobs_ok": row.statuses.count(OK)}


def _errors(part: Group, row: Row) -> dict[str, Any]:
    failed = [
        f"{line} (seed {record['seed']})"
        for record in part.records
        if (record["dataset"], record["method"]) == (row.dataset, row.method)
        for line in metric_errors(record)
    ]
    return {"metric_errors": "; ".join(failed) or None}


def _scores(part: Group, row: Row, metrics: Sequence[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in metrics:
        sample = row.metrics.get(name, _NONE)
        out |= {f"{name}_mean": sample.mean, f"{name}_std": sample.std}
        out |= {f"{name}_low": sample.interval.low, f"{name}_high": sample.interval.high}
        out |= {f"{name}_n": sample.n, f"{name}_version": part.versions.get(name, pd.NA)}
    return out


def _comparisons(row: Row, standing: Mapping[str, Standing], compared: Sequence[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in compared:
        out |= comparison_columns(name, standing.get(name, Standing()))
    # Scores have a gain also where those of their slices are missing.
    return out | {f"psnr_gain_over_{BASELINE}": row.gain}


def _costs(row: Row, phases: Sequence[str]) -> dict[str, Any]:
    out: dict[str, Any] = {name: row.model[name].mean for name in MODEL}
    for name in phases:
        sample = row.seconds.get(name, _NONE)
        out |= {f"{name}_seconds_mean": sample.mean, f"{name}_seconds_std": sample.std}
    return out
