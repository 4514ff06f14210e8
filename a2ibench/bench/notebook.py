"""How a run shows itself: in one line, and in a notebook."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from a2ibench.bench.groups import Group
from a2ibench.bench.record import Record
from a2ibench.bench.result_files import belongs
from a2ibench.bench.run import CUBIC, Run, metric_order
from a2ibench.bench.standings import Standing, Standings
from a2ibench.contracts.notebook import box, figure, html_or_none, table
from a2ibench.errors import counted, printable
from a2ibench.registry import host
from a2ibench.statistics import Interval

_QUALITY = ("psnr", "in_plane_psnr", "reduced_psnr")
_HEADS = ("dataset", "method", "jobs", "metric", "mean", f"over {CUBIC} [95 %]", "fit (s)", "reconstruct (s)")
_MOST_ROWS = 40
_ABSENT = "-"
_NO_TIME = 0.0005
_NONE = Standing()


def in_words(run: Run) -> str:
    """Return a run in one line."""
    about = [
        counted(len(run.datasets), "dataset"),
        counted(len(run.methods), "method"),
        f"{counted(len(run.records), 'job')} ({_statuses(run.records) or 'none'})",
    ]
    if run.damaged:
        about.append(f"{counted(len(run.damaged), 'damaged file')}")
    return f"<Run {printable(str(run.folder))}: {', '.join(about)}>"


def _statuses(records: Sequence[Record]) -> str:
    counts = Counter(record.status for record in records)
    ordered = sorted(counts.items(), key=lambda one: (one[0] != "ok", one))
    return ", ".join(f"{number} {status}" for status, number in ordered)


def run_html(run: Run) -> str:
    """Return a run with a row for each dataset and method, and a plane of the best of its first dataset."""
    if not run.groups:
        return box(run.folder.absolute().name, "", note=in_words(run).strip("<>"))
    group = run.groups[-1]
    found = run.standings(group)
    jobs: dict[tuple[str, str], list[Record]] = {}
    for record in group.records:
        jobs.setdefault((record.dataset, record.method), []).append(record)
    rows = [_row(dataset, method, records, found) for (dataset, method), records in jobs.items()]
    picture = html_or_none(lambda: _picture(run, group, found)) or ""
    return box(
        run.folder.absolute().name,
        picture,
        table(rows[:_MOST_ROWS], _HEADS, numbers=4),
        note=_note(run, len(rows)),
    )


def _note(run: Run, rows: int) -> str:
    parts = [_statuses(run.records)]
    if rows > _MOST_ROWS:
        parts.append(f"{counted(rows - _MOST_ROWS, 'row')} more")
    if len(run.groups) > 1:
        parts.append("only the newest versions of protocol and metrics are shown")
    if run.damaged:
        parts.append(counted(len(run.damaged), "damaged file"))
    return "; ".join(parts)


def main_metric(records: Sequence[Record]) -> str | None:
    """Return the metric that says most about jobs: a PSNR, else the first one whose direction is known."""
    names = metric_order({name for record in records if record.ok for name in record.metrics})
    leading = [name for name in _QUALITY if name in names]
    return next(iter(leading or [name for name in names if host().ranked_upwards(name) is not None]), None)


def _row(dataset: str, method: str, records: Sequence[Record], found: Standings) -> list[str]:
    fine = [record for record in records if record.ok]
    metric = main_metric(fine)
    score = gain = _ABSENT
    if metric is not None:
        score = f"{_mean([record.metrics[metric].value for record in fine if metric in record.metrics]):.4g}"
        gain = _gain(found.get((dataset, method), {}).get(metric, _NONE).gain)
    times = [
        _mean([record.timings[phase] for record in fine if phase in record.timings])
        for phase in ("fit", "reconstruct")
    ]
    seconds = [_ABSENT if math.isnan(time) else "0" if time < _NO_TIME else f"{time:.3g}" for time in times]
    return [dataset, method, _statuses(records), metric or _ABSENT, score, gain, *seconds]


def _gain(gain: Interval) -> str:
    if math.isnan(gain.value):
        return _ABSENT
    ends = f" [{gain.low:+.3g}, {gain.high:+.3g}]" if gain.known else ""
    return f"{gain.value:+.3g}{ends}"


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan


def _picture(run: Run, group: Group, found: Standings) -> str:
    """Return the kept xz plane of the best method of the first dataset that has one; nothing without any."""
    for dataset in run.datasets:
        records = [record for record in group.records if record.ok and record.dataset == dataset]
        metric = main_metric(records)
        best = "" if metric is None else _best(dataset, metric, records, found)
        for record in sorted(records, key=lambda one: (one.method != best, one.method == CUBIC)):
            picture = _kept_plane(run, record)
            if picture:
                return picture
    return ""


def _best(dataset: str, metric: str, records: Sequence[Record], found: Standings) -> str:
    # Where too few seeds tell which is best, the highest score will do to look at.
    for record in records:
        told = found.get((dataset, record.method), {}).get(metric, _NONE).best
        if told:
            return told
    sign = -1.0 if host().ranked_upwards(metric) is False else 1.0
    scored = [record for record in records if metric in record.metrics]
    return max(scored, key=lambda one: sign * one.metrics[metric].value).method if scored else ""


def _kept_plane(run: Run, record: Record) -> str:
    job = run.files_of(record)
    if not (job.planes.is_file() and belongs(record, job.folder, job.planes.name)):
        return ""
    try:
        with np.load(job.planes, allow_pickle=False) as stored:
            planes, levels = stored["prediction_xz"], stored["contrast"]
    except (OSError, ValueError, LookupError, EOFError, zipfile.BadZipFile, zlib.error):
        return ""
    words = f"{record.dataset}, {record.method}, seed {record.seed}: an xz plane"
    return figure(planes[len(planes) // 2], (float(levels[0]), float(levels[1])), words)
