"""The tables of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from a2ibench.bench.record import read_records
from a2ibench.reporting.files import replace_file
from a2ibench.reporting.markup import latex, markdown, terminal
from a2ibench.reporting.results import (
    MODEL,
    Group,
    Record,
    frame,
    group,
    metric_order,
    ordered,
    phase_order,
    whole,
)
from a2ibench.reporting.sheet import make_sheet
from a2ibench.reporting.summary import OK, Row, Sample, summarise

__all__ = ["console_table", "frame", "summary_frame", "timing_frame", "write_tables"]


def write_tables(run_dir: Path) -> list[Path]:
    """Write table.csv, table.md, table.tex and timing.csv from the records of a run.

    The same records give the same files, byte by byte.

    Parameters
    ----------
    run_dir : Path
        Folder of a run.

    Returns
    -------
    list of Path
        What was written: nothing where there is no record.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    records = ordered(read_records(run_dir), run_dir)
    if not records:
        return []
    sheets = [make_sheet(part) for part in group(records)]
    return [
        replace_file(run_dir / "table.csv", _csv(summary_frame(records))),
        replace_file(run_dir / "table.md", markdown(sheets)),
        replace_file(run_dir / "table.tex", latex(sheets)),
        replace_file(run_dir / "timing.csv", _csv(timing_frame(records))),
    ]


def console_table(records: Sequence[Record], run_dir: Path | None = None) -> Table:
    """Return the table of table.md for the terminal.

    Parameters
    ----------
    records : sequence of mapping
        As ``a2ibench.bench.record.read_records`` gives them.
    run_dir : Path, optional
        Folder of their run, whose plan then gives the order; otherwise names do.
    """
    return terminal([make_sheet(part) for part in group(ordered(records, run_dir))])


def summary_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Return one row for each dataset and method, with means over the seeds that are ok.

    Returns
    -------
    pandas.DataFrame
        Columns: protocol_version, dataset, method, status, jobs, jobs_ok; for each metric ``<metric>_mean``,
        ``<metric>_std`` (sample standard deviation), ``<metric>_n`` and ``<metric>_version``;
        psnr_gain_over_cubic (dB); voxels_per_second, params, macs_per_voxel; ``<phase>_seconds_mean`` and
        ``<phase>_seconds_std``. Records of different protocol or metric versions stand in different rows.
    """
    groups = group(records)
    metrics = metric_order({name for part in groups for name in part.versions})
    phases = phase_order({name for record in records for name in record["timings"]})
    rows = [_summary_row(part, row, metrics, phases) for part in groups for row in summarise(part)]
    whole_numbers = ["params", "protocol_version", *(f"{name}_version" for name in metrics)]
    return whole(pd.DataFrame(rows), whole_numbers)


def _summary_row(part: Group, row: Row, metrics: Sequence[str], phases: Sequence[str]) -> dict[str, Any]:
    none = Sample()
    out: dict[str, Any] = {"protocol_version": part.protocol, "dataset": row.dataset, "method": row.method}
    out |= {"status": row.status, "jobs": len(row.statuses), "jobs_ok": row.statuses.count(OK)}
    for name in metrics:
        sample = row.metrics.get(name, none)
        out |= {f"{name}_mean": sample.mean, f"{name}_std": sample.std, f"{name}_n": sample.n}
        out[f"{name}_version"] = part.versions.get(name, pd.NA)
    out["psnr_gain_over_cubic"] = row.gain
    out |= {name: row.model[name].mean for name in MODEL}
    for name in phases:
        sample = row.seconds.get(name, none)
        out |= {f"{name}_seconds_mean": sample.mean, f"{name}_seconds_std": sample.std}
    return out


def timing_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Return one row for each job with what it took: the columns of `frame` without scores."""
    scores = {name for record in records for name in record["metrics"]}
    everything = frame(records)
    return everything.drop(columns=[*(scores & set(everything.columns)), "message"])


def _csv(table: pd.DataFrame) -> str:
    return str(table.to_csv(index=False, lineterminator="\n"))
