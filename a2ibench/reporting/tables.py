"""The tables of a run, and the columns of table.csv."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.table import Table

from a2ibench.bench.frame import job_frame, whole
from a2ibench.bench.groups import Group
from a2ibench.bench.merge import RUN_COLUMN
from a2ibench.bench.paths import RECORD
from a2ibench.bench.record import CEILING
from a2ibench.bench.run import CUBIC, MODEL, Run, metric_order, phase_order
from a2ibench.bench.standings import Standing, Standings
from a2ibench.errors import printable
from a2ibench.files import write_bytes
from a2ibench.reporting.layout import TableContent, table_content
from a2ibench.reporting.markup import latex, markdown, terminal
from a2ibench.reporting.summary import OK, Row, Sample, summarise
from a2ibench.statistics import Interval

_NONE = Sample()


def summary_columns(parts: Sequence[tuple[Group, Standings]]) -> pd.DataFrame:
    """Return one row for each dataset and method of groups whose methods have been compared.

    The columns are those of `a2ibench.reporting.tables.summary_frame`.
    """
    metrics = metric_order({name for part, _ in parts for name in part.versions})
    phases = phase_order({name for part, _ in parts for record in part.records for name in record.timings})
    compared = metric_order(_compared(found for _, found in parts))
    external = any(record.external is not None for part, _ in parts for record in part.records)
    pretrained = any(record.pretrained for part, _ in parts for record in part.records)
    summaries = [(part, found, summarise(part)) for part, found in parts]
    shared = metric_order({name for *_, rows in summaries for row in rows for name in row.shares})
    controls = any(row.control for *_, rows in summaries for row in rows)
    settings = {name for part, _ in parts for name in part.settings}
    rows = [
        _jobs(part, row)
        # Only where there is one, so that other tables stay as they were.
        | ({RUN_COLUMN: row.origin} if part.origins else {})
        | ({"external": row.external} if external else {})
        | ({"pretrained": row.pretrained} if pretrained else {})
        | _scores(part, row, metrics, settings)
        | _comparisons(row, {} if row.control else found.get((row.dataset, row.method), {}), compared)
        | ({"error_removed": row.error_removed} if controls else {})
        | {f"{name}_share_of_{CEILING}": row.shares.get(name, math.nan) for name in shared}
        | _costs(row, phases)
        | _errors(part, row)
        for part, found, summary in summaries
        for row in summary
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
    out: dict[str, Any] = {f"{metric}_gain_over_{CUBIC}": standing.gain.value}
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
        for compared in found.values()
        for name, standing in compared.items()
        if standing.gain.known or standing.lead.known
    }


def _jobs(part: Group, row: Row) -> dict[str, Any]:
    out: dict[str, Any] = {"protocol_version": part.protocol, "dataset": row.dataset, "method": row.method}
    jobs = 0 if row.control else len(row.statuses)
    return out | {"status": row.status, "jobs": jobs, "jobs_ok": row.statuses.count(OK)}


def _errors(part: Group, row: Row) -> dict[str, Any]:
    failed = [
        f"{line} (seed {record.seed})"
        for record in part.records
        if not row.control and (record.dataset, record.method) == (row.dataset, row.method)
        for line in record.failed_metrics
    ]
    return {"metric_errors": "; ".join(failed) or None}


def _scores(part: Group, row: Row, metrics: Sequence[str], settings: Collection[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in metrics:
        sample = row.metrics.get(name, _NONE)
        out |= {f"{name}_mean": sample.mean, f"{name}_std": sample.std}
        out |= {f"{name}_low": sample.interval.low, f"{name}_high": sample.interval.high}
        out |= {f"{name}_n": sample.n, f"{name}_version": part.versions.get(name, pd.NA)}
        if name in settings:
            out[f"{name}_settings"] = " ".join(f"{k}={v}" for k, v in part.settings.get(name, {}).items())
    return out


def _comparisons(row: Row, standing: Mapping[str, Standing], compared: Sequence[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in compared:
        out |= comparison_columns(name, standing.get(name, Standing()))
    # Scores have a gain also where those of their slices are missing.
    return out | {f"psnr_gain_over_{CUBIC}": row.gain}


def _costs(row: Row, phases: Sequence[str]) -> dict[str, Any]:
    out: dict[str, Any] = {name: row.model[name].mean for name in MODEL}
    # A method may find in training how many it needs, another number with each seed.
    out["params"] = np.rint(out["params"])
    for name in phases:
        sample = row.seconds.get(name, _NONE)
        out |= {f"{name}_seconds_mean": sample.mean, f"{name}_seconds_std": sample.std}
    return out


def write_tables(run: Run) -> list[Path]:
    """Write table.csv, table.md, table.tex and timing.csv from the records of a run.

    The same records give the same files, byte by byte.

    Parameters
    ----------
    run : Run
        The run.

    Returns
    -------
    list of Path
        What was written: nothing where there is no record.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    if not run.records:
        return []
    texts = table_texts(run, compared_groups(run))
    written = [write_bytes(run.files.table(suffix), text.encode()) for suffix, text in texts.items()]
    return [*written, write_bytes(run.files.timing, timing_text(run).encode())]


def table_texts(run: Run, parts: Sequence[tuple[Group, Standings]]) -> dict[str, str]:
    """Return what table.csv, table.md and table.tex hold, by suffix.

    Parameters
    ----------
    run : Run
        The run.
    parts : sequence of tuple
        As `compared_groups` gives them.
    """
    contents = _contents(run, parts)
    return {
        "csv": csv_text(summary_columns(parts)),
        "md": markdown(contents),
        "tex": latex(contents),
    }


def timing_text(run: Run) -> str:
    """Return what timing.csv holds."""
    return csv_text(timing_frame(run))


def console_table(run: Run) -> Table:
    """Return the table of table.md for the terminal."""
    return terminal(_contents(run, compared_groups(run)))


def summary_frame(run: Run) -> pd.DataFrame:
    """Return one row for each dataset and method, with means over the seeds that are ok.

    Returns
    -------
    pandas.DataFrame
        Columns: protocol_version, dataset, method, status, jobs, jobs_ok; for each metric ``<metric>_mean``,
        ``<metric>_std`` (sample standard deviation), ``<metric>_low`` and ``<metric>_high`` (95 % interval of
        the mean over seeds), ``<metric>_n`` and ``<metric>_version``, and where a metric was given settings
        ``<metric>_settings``, with checksums of files; for each metric with scores of slices
        the comparisons of `a2ibench.reporting.tables.comparison_columns`; psnr_gain_over_cubic (dB) always;
        where controls were scored, error_removed, the share of cubic's root mean squared error that is gone,
        and ``<metric>_share_of_ceiling``, how much of the way from cubic to the ceiling a mean goes, for
        metrics that are not in decibels and whose ceiling is finite;
        voxels_per_second, params (the mean, rounded), macs_per_voxel; ``<phase>_seconds_mean`` and
        ``<phase>_seconds_std``; metric_errors, the metrics that failed; where there is a finished volume,
        external, whether the row is one, where a method began with weights from other volumes, pretrained,
        and of merged runs, run, that which the row comes from. Records of different
        protocol or metric versions, or metric settings, stand in different rows. Controls follow the methods
        of their dataset, of status control and 0 jobs.
    """
    return summary_columns(compared_groups(run))


def timing_frame(run: Run) -> pd.DataFrame:
    """Return one row for each job with what it took: the columns of `Run.to_frame` without scores."""
    return job_frame(run.records).drop(columns=[*run.metrics, "metric_errors", "message"], errors="ignore")


def compared_groups(run: Run) -> list[tuple[Group, Standings]]:
    """Return the groups of a run, each with how its methods compare."""
    return [(part, run.standings(part)) for part in run.groups]


def _contents(run: Run, parts: Sequence[tuple[Group, Standings]]) -> list[TableContent]:
    contents = [table_content(part, found) for part, found in parts]
    lost = lost_jobs(run)
    if contents:
        contents[-1] = replace(contents[-1], notes=(*contents[-1].notes, *lost))
    return contents


def lost_jobs(run: Run) -> list[str]:
    """Return one line for each job that is left out, since its record is damaged."""
    return [
        f"{file.parent.name}: {RECORD} is damaged, so this job is left out"
        for file in run.damaged
        if file.name == RECORD
    ]


def csv_text(table: pd.DataFrame) -> str:
    """Return a table as CSV whose texts are printable."""
    texts = table.select_dtypes(["object", "string"])
    table = table.assign(**{str(name): texts[name].map(_printable) for name in texts})
    table = table.rename(columns=_printable)
    return str(table.to_csv(index=False, lineterminator="\n"))


def _printable(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value
