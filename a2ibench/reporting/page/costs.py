"""What the methods cost: time by phase, memory, size and speed, and times that machines can share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from a2ibench.bench.groups import Group
from a2ibench.bench.record import Record
from a2ibench.bench.run import phase_order
from a2ibench.reporting.layout import ABSENT, count_text, seconds_text
from a2ibench.reporting.summary import Row, summarise

_GIB = 1 << 30
_CALIBRATED = ("fit", "reconstruct")


def costs(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return a table of costs for each dataset of each group, means over the seeds that are ok."""
    found = []
    for group in groups:
        records: dict[tuple[str, str], list[Record]] = {}
        for record in group.records:
            if record.ok and record.external is None:
                records.setdefault((record.dataset, record.method), []).append(record)
        rows = [row for row in summarise(group) if (row.dataset, row.method) in records and not row.control]
        for dataset, members in groupby(rows, key=lambda row: row.dataset):
            table = _table(
                list(members), {method: jobs for (_, method), jobs in records.items() if _ == dataset}
            )
            title = dataset if len(groups) == 1 else f"{dataset}, protocol version {group.protocol}"
            found.append({"dataset": dataset, "title": title, **table})
    return found


def _table(rows: Sequence[Row], records: Mapping[str, Sequence[Record]]) -> dict[str, Any]:
    phases = phase_order({name for row in rows for name, sample in row.seconds.items() if sample.n})
    places = sorted(
        {place for jobs in records.values() for job in jobs for place in job.memory}, reverse=True
    )
    compared = [
        name
        for name in _CALIBRATED
        if name in phases and any(not math.isnan(calibrated(jobs, name)) for jobs in records.values())
    ]
    columns = [{"heading": f"{name} (s)", "about": "mean wall time"} for name in phases]
    columns += [
        {
            "heading": f"{name} (calibrated)",
            "about": "time over that of a fixed computation beside it",
        }
        for name in compared
    ]
    columns += [
        {"heading": f"peak {place} memory (GiB)", "about": "the most that a job took"} for place in places
    ]
    columns += [
        {"heading": "voxels per second", "about": "of the output, while it reconstructs"},
        {"heading": "parameters", "about": "numbers that were trained"},
        {"heading": "multiply-adds per voxel", "about": "of the output"},
    ]
    return {
        "columns": columns,
        "rows": [
            {
                "name": row.method,
                "label": row.label,
                "marks": [row.origin] if row.origin else [],
                "cells": _cells(row, records[row.method], phases, compared, places),
            }
            for row in rows
        ],
    }


def _cells(
    row: Row, jobs: Sequence[Record], phases: Iterable[str], compared: Iterable[str], places: Iterable[str]
) -> list[dict[str, Any]]:
    seconds = {name: row.seconds[name].mean if name in row.seconds else math.nan for name in phases}
    cells = [_cell(seconds_text(value), value) for value in seconds.values()]
    for name in compared:
        value = calibrated(jobs, name)
        cells.append(_cell(ABSENT if math.isnan(value) else f"{value:,.0f}", value))
    for place in places:
        most = max((job.memory[place] for job in jobs if place in job.memory), default=math.nan)
        cells.append(_cell(ABSENT if math.isnan(most) else f"{most / _GIB:.2f}", most))
    speed, params, macs = (row.model[name].mean for name in ("voxels_per_second", "params", "macs_per_voxel"))
    cells.append(_cell(count_text(speed), speed))
    cells.append(_cell(count_text(params), params))
    cells.append(_cell(count_text(macs), macs))
    return cells


def _cell(text: str, value: float) -> dict[str, Any]:
    return {"text": text, "value": None if math.isnan(value) else value}


def calibrated(jobs: Iterable[Record], phase: str) -> float:
    """Return the mean time of a phase over that of the calibration of its own job; NaN where none has one.

    Jobs whose calibrations are of different kinds have no such mean.
    """
    told = [
        (job.calibration, job.timings[phase])
        for job in jobs
        if job.calibration is not None and phase in job.timings
    ]
    if not told or len({(one.version, one.kernel) for one, _ in told}) > 1:
        return math.nan
    return math.fsum(seconds / one.seconds for one, seconds in told) / len(told)
