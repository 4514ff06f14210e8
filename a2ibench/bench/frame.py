"""The jobs of a run as a DataFrame, with how their methods compare."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from a2ibench.bench.record import Record
from a2ibench.bench.run import CUBIC, MODEL, Run, metric_order, phase_order
from a2ibench.bench.standings import gains
from a2ibench.statistics import UNKNOWN, Interval

_FIRST = ("dataset", "method", "seed", "status")
_ASKED = ("profile", "device", "precision", "precision_used")


def run_frame(run: Run) -> pd.DataFrame:
    """Return what `Run.to_frame` does."""
    table = job_frame(run.records)
    found = _gains_by_job(run)
    compared = metric_order({name for told in found.values() for name, gain in told.items() if _told(gain)})
    columns = [_columns(found.get(record.name, {}), compared) for record in run.records]
    # All at once: columns that are added one by one leave a table in pieces.
    more = pd.DataFrame(columns, index=table.index)
    more["folder"] = pd.Series(
        [str(run.files_of(record).folder.absolute()) for record in run.records], table.index, dtype=object
    )
    table = pd.concat([table, more], axis=1)
    # A text, as what writes tables into files takes no paths.
    table.attrs["folder"] = str(run.folder.absolute())
    return table


def _gains_by_job(run: Run) -> dict[str, Mapping[str, Interval]]:
    """Return by job the gains of its method, in the group that the job is of."""
    found: dict[str, Mapping[str, Interval]] = {}
    for part in run.groups:
        compared = gains(part, lambda record: run.scores_of(record).slices)
        for record in part.records:
            if record.ok:
                found[record.name] = compared.get((record.dataset, record.method), {})
    return found


def _told(gain: Interval) -> bool:
    return not math.isnan(gain.value)


def _columns(found: Mapping[str, Interval], metrics: Sequence[str]) -> dict[str, float]:
    out: dict[str, float] = {}
    for name in metrics:
        gain = found.get(name, UNKNOWN)
        out |= {f"{name}_gain_over_{CUBIC}": gain.value}
        out |= {f"{name}_gain_low": gain.low, f"{name}_gain_high": gain.high}
    return out


def job_frame(records: Sequence[Record]) -> pd.DataFrame:
    """Return one row for each record, without anything that takes other records or files."""
    metrics = metric_order({name for record in records for name in record.metrics})
    phases = phase_order({name for record in records for name in record.timings})
    memory = sorted({name for record in records for name in record.memory}, reverse=True)
    others = sorted({name for record in records for name in record.model} - set(MODEL))
    # Only where there are any, so that the tables of other runs stay as they were.
    beside = any(record.beside for record in records)
    rows = []
    for record in records:
        row: dict[str, Any] = {name: getattr(record, name) for name in _FIRST}
        row |= {name: record.metrics[name].value if name in record.metrics else math.nan for name in metrics}
        row |= {f"{name}_seconds": float(record.timings.get(name, math.nan)) for name in phases}
        row["total_seconds"] = sum(record.timings.values()) if record.timings else math.nan
        row |= {f"peak_{name}_bytes": float(record.memory.get(name, math.nan)) for name in memory}
        row |= {name: float(record.model.get(name, math.nan)) for name in MODEL}
        row |= {name: record.model.get(name) for name in others}
        row |= {name: record.provenance.get(name) for name in _ASKED}
        row |= {"beside": record.beside} if beside else {}
        row["protocol_version"] = record.protocol_version
        row["metric_errors"] = "; ".join(record.failed_metrics) or None
        row["message"] = record.message
        rows.append(row)
    table = pd.DataFrame(rows, columns=None if rows else list(_FIRST))
    return whole(table, ["params", "protocol_version", *(f"peak_{name}_bytes" for name in memory)])


def whole(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return a table whose named columns, where it has them, hold whole numbers or nothing."""
    return table.astype({name: "Int64" for name in columns if name in table})
