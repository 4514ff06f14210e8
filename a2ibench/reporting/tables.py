"""The tables of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from a2ibench.bench.record import damaged_records, read_records
from a2ibench.errors import printable
from a2ibench.reporting.columns import summary_columns
from a2ibench.reporting.evidence import standings
from a2ibench.reporting.files import replace_file
from a2ibench.reporting.markup import latex, markdown, terminal
from a2ibench.reporting.results import Record, frame, group, ordered
from a2ibench.reporting.sheet import make_sheet

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
    parts = [(part, standings(part, run_dir)) for part in group(records)]
    sheets = [make_sheet(part, found=found) for part, found in parts]
    sheets[-1] = replace(sheets[-1], notes=(*sheets[-1].notes, *_lost(run_dir)))
    return [
        replace_file(run_dir / "table.csv", _csv(summary_columns(parts))),
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
        Folder of their run: its plan gives the order, which names do otherwise, and its jobs hold the
        scores of the slices, without which there are no intervals of gains.
    """
    sheets = [make_sheet(part, run_dir) for part in group(ordered(records, run_dir))]
    if sheets and run_dir is not None:
        sheets[-1] = replace(sheets[-1], notes=(*sheets[-1].notes, *_lost(run_dir)))
    return terminal(sheets)


def summary_frame(records: Sequence[Record], run_dir: Path | None = None) -> pd.DataFrame:
    """Return one row for each dataset and method, with means over the seeds that are ok.

    Parameters
    ----------
    records : sequence of mapping
        As ``a2ibench.bench.record.read_records`` gives them.
    run_dir : Path, optional
        Folder of their run, with the scores of the slices.

    Returns
    -------
    pandas.DataFrame
        Columns: protocol_version, dataset, method, status, jobs, jobs_ok; for each metric ``<metric>_mean``,
        ``<metric>_std`` (sample standard deviation), ``<metric>_low`` and ``<metric>_high`` (95 % interval of
        the mean over seeds), ``<metric>_n`` and ``<metric>_version``; for each metric with scores of slices
        the comparisons of `a2ibench.reporting.columns.comparison_columns`; psnr_gain_over_cubic (dB) always;
        voxels_per_second, params, macs_per_voxel; ``<phase>_seconds_mean`` and ``<phase>_seconds_std``;
        metric_errors, the metrics that failed.
        Records of different protocol or metric versions stand in different rows.
    """
    return summary_columns([(part, standings(part, run_dir)) for part in group(records)])


def timing_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Return one row for each job with what it took: the columns of `frame` without scores."""
    scores = {name for record in records for name in record["metrics"]}
    everything = frame(records)
    return everything.drop(
        columns=[*(scores & set(everything.columns)), "metric_errors", "message"], errors="ignore"
    )


def _lost(run_dir: Path) -> list[str]:
    return [
        f"{file.parent.name}: record.json is damaged, so this job is left out"
        for file in damaged_records(run_dir)
    ]


def _csv(table: pd.DataFrame) -> str:
    texts = table.select_dtypes(["object", "string"])
    table = table.assign(**{str(name): texts[name].map(_printable) for name in texts})
    table = table.rename(columns=_printable)
    return str(table.to_csv(index=False, lineterminator="\n"))


def _printable(value: Any) -> Any:
    return printable(value) if isinstance(value, str) else value
