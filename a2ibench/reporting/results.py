"""The records of a run: in order, in groups that may be compared, and as a pandas DataFrame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from a2ibench.bench.run_files import RunFiles
from a2ibench.contracts import MetricSpec
from a2ibench.documents import read_json
from a2ibench.errors import A2IBenchError, one_line
from a2ibench.registry import host


def higher_is_better(metric: str) -> bool | None:
    """Return a metric's sense; None where it is no longer installed, so that nothing is called best."""
    try:
        return bool(host().build("metric", metric).higher_is_better)
    except (A2IBenchError, AttributeError):
        return None


def metric_spec(metric: str) -> MetricSpec | None:
    """Return what is registered as a metric; None where it is no longer installed."""
    registered = host().metrics.get(metric)
    return None if registered is None else registered.spec


Record = Mapping[str, Any]

CUBIC = "cubic"
METRICS = ("psnr", "ssim", "ssim_3d")
PHASES = ("setup", "load", "simulate", "fit", "reconstruct", "score", "write")

MODEL = ("voxels_per_second", "params", "macs_per_voxel")


@dataclass(frozen=True)
class Group:
    """Records that may share a table: one version of the protocol, and one of every metric.

    Parameters
    ----------
    protocol : int
        Protocol version.
    versions : mapping of str to int
        Version by metric.
    records : tuple of mapping
        In their given order.
    """

    protocol: int
    versions: Mapping[str, int]
    records: tuple[Record, ...]


def group(records: Sequence[Record]) -> list[Group]:
    """Divide records by protocol and metric versions, the newest last.

    A record without a metric, such as that of a failed job, counts as of the metric's newest version, so
    that it stands in one table only.
    """
    known = [version for record in records if (version := _protocol(record)) is not None]
    parts: dict[tuple[int, tuple[tuple[str, int], ...]], list[Record]] = {}
    by_protocol: dict[int, list[Record]] = {}
    for record in records:
        version = _protocol(record)
        by_protocol.setdefault(max(known, default=0) if version is None else version, []).append(record)
    for protocol, members in by_protocol.items():
        newest: dict[str, int] = {}
        for record in members:
            for name, score in record["metrics"].items():
                newest[name] = max(newest.get(name, 0), version_of(score))
        for record in members:
            own = {name: version_of(score) for name, score in record["metrics"].items()}
            key = protocol, tuple(sorted((newest | own).items()))
            parts.setdefault(key, []).append(record)
    return [
        Group(protocol, dict(versions), tuple(parts[protocol, versions]))
        for protocol, versions in sorted(parts)
    ]


def version_of(score: Mapping[str, Any]) -> int:
    """Return the version of a recorded score; 0 where it is no whole number."""
    return _whole_number(score.get("version")) or 0


def ordered(records: Iterable[Record], run_dir: Path | None = None) -> list[Record]:
    """Sort records by dataset, method and seed: in the order of a run's plan, else by name."""
    datasets, methods = _plan_order(run_dir)

    def place(record: Record) -> tuple[int, str, int, str, int]:
        dataset, method = record["dataset"], record["method"]
        return (
            datasets.get(dataset, len(datasets)),
            dataset,
            methods.get(method, len(methods)),
            method,
            record["seed"],
        )

    return sorted(records, key=place)


def metric_order(names: Iterable[str]) -> list[str]:
    """Sort metric names: the leading ones of this benchmark, then by name."""
    return sorted(names, key=lambda name: (METRICS.index(name) if name in METRICS else len(METRICS), name))


def phase_order(names: Iterable[str]) -> list[str]:
    """Sort phases as they follow each other in a job; unknown ones last, by name."""
    return sorted(names, key=lambda name: (PHASES.index(name) if name in PHASES else len(PHASES), name))


def number(value: Any) -> float:
    """Return a recorded number as a float; NaN where there is none."""
    return math.nan if value is None else float(value)


def frame(records: Iterable[Record]) -> pd.DataFrame:
    """Return one row for each record.

    Parameters
    ----------
    records : iterable of mapping
        As ``a2ibench.bench.record.read_records`` gives them.

    Returns
    -------
    pandas.DataFrame
        Columns: dataset, method, seed, status, one for each metric, ``<phase>_seconds``,
        ``total_seconds``, ``peak_<where>_bytes``, ``voxels_per_second``, ``params``, ``macs_per_voxel``,
        what else the model tells, profile, device, precision, protocol_version, metric_errors (metrics that
        failed, and why), message (the reason of a skipped job, the error of a failed one). NaN stands where
        a job has no such number.
    """
    records = list(records)
    metrics = metric_order({name for record in records for name in record["metrics"]})
    phases = phase_order({name for record in records for name in record["timings"]})
    memory = sorted({name for record in records for name in record["memory"]}, reverse=True)
    others = {name for record in records for name in record["model"]} - set(MODEL)
    rows = []
    for record in records:
        timings, provenance = record["timings"], record["provenance"]
        row: dict[str, Any] = {name: record[name] for name in ("dataset", "method", "seed", "status")}
        row |= {name: number(record["metrics"].get(name, {}).get("value")) for name in metrics}
        row |= {f"{name}_seconds": number(timings.get(name)) for name in phases}
        row["total_seconds"] = sum(timings.values()) if timings else math.nan
        row |= {f"peak_{name}_bytes": number(record["memory"].get(name)) for name in memory}
        row |= {name: number(record["model"].get(name)) for name in MODEL}
        row |= {name: record["model"].get(name) for name in sorted(others)}
        row |= {name: provenance.get(name) for name in ("profile", "device", "precision")}
        row["protocol_version"] = _protocol(record)
        row["metric_errors"] = "; ".join(metric_errors(record)) or None
        row["message"] = message(record)
        rows.append(row)
    table = pd.DataFrame(rows, columns=None if rows else ["dataset", "method", "seed", "status"])
    return whole(table, ["params", "protocol_version", *(f"peak_{name}_bytes" for name in memory)])


def whole(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Return a table whose named columns, where it has them, hold whole numbers or nothing."""
    return table.astype({name: "Int64" for name in columns if name in table})


def message(record: Record) -> str | None:
    """Return in one line why a job has no result; None where it has."""
    error = record.get("error") or {}
    text = record.get("reason") or error.get("message") or error.get("type")
    return " ".join(str(text).split()) if text else None


def metric_errors(record: Record) -> list[str]:
    """Return one line for each metric that failed, which begins with its name."""
    errors = record.get("metric_errors")
    if not isinstance(errors, Mapping):
        return []
    return [one_line(f"{name} failed: {errors[name]}") for name in sorted(errors)]


def _protocol(record: Record) -> int | None:
    return _whole_number(record["provenance"].get("protocol_version"))


def _whole_number(value: Any) -> int | None:
    # Records of other programs, or edited ones, hold texts and NaN too.
    try:
        return None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _plan_order(run_dir: Path | None) -> tuple[dict[str, int], dict[str, int]]:
    if run_dir is None:
        return {}, {}
    try:
        plan = read_json(RunFiles(run_dir).plan)["plan"]
        datasets = [dataset["name"] for dataset in plan["datasets"]]
        methods = list(plan["methods"])
    except (OSError, ValueError, LookupError, TypeError):
        # Records can be reported without the plan they come from; names then give the order.
        return {}, {}
    return _places(datasets), _places(methods)


def _places(names: Sequence[str]) -> dict[str, int]:
    return {name: place for place, name in enumerate(names)}
