"""The tables of scores of the page: sortable, with and without a reference apart, and the mean ranks."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from a2ibench.bench.groups import Group
from a2ibench.bench.merge import RUN_COLUMN
from a2ibench.bench.record import Record
from a2ibench.bench.run import Run
from a2ibench.bench.standings import Standings
from a2ibench.errors import A2IBenchError
from a2ibench.registry import host
from a2ibench.reporting.captions import TIED
from a2ibench.reporting.layout import (
    ABSENT,
    REMOVED,
    Cell,
    TableContent,
    heading,
    in_tables,
    metric_spec,
    table_content,
)
from a2ibench.reporting.ranks import mean_ranks, ranks

KINDS = {
    True: "Compared with a reference",
    False: "Without a reference",
}
_ABOUT = {
    True: "The reconstruction is compared with the isotropic volume that the input was made of.",
    False: "No reference is used: planes that were held out, or the input itself, are compared. These scores "
    "say nothing of the distance from a truth, and are not to be read beside the others.",
}


def needs_reference(metric: str) -> bool:
    """Whether a metric compares with a reference; yes, too, where no working plugin tells."""
    try:
        return bool(host().build("metric", metric).needs_reference)
    except (A2IBenchError, AttributeError):
        return True


def scores(run: Run, parts: Sequence[tuple[Group, Standings]]) -> list[dict[str, Any]]:
    """Return for each group of records its tables: those with a reference, then those without.

    Parameters
    ----------
    run : Run
        The run.
    parts : sequence of tuple
        As `a2ibench.reporting.tables.compared_groups` gives them.
    """
    found = []
    for group, standings in parts:
        compared: set[str] = set()
        kinds = {metric: needs_reference(metric) for metric in group.versions}
        for kind, title in KINDS.items():
            wanted = {metric for metric, of in kinds.items() if of is kind}
            content = table_content(group, standings, wanted) if wanted else None
            tables = [] if content is None else _tables(group, content, compared)
            compared |= {table["dataset"] for table in tables}
            if content is not None and tables:
                found.append(
                    {
                        "title": title if len(parts) == 1 else f"{title}, protocol version {group.protocol}",
                        "about": _ABOUT[kind],
                        "caption": content.caption,
                        "tables": tables,
                        "ranks": _mean_ranks(tables),
                    }
                )
    return found


def _tables(group: Group, content: TableContent, shown: Collection[str]) -> list[dict[str, Any]]:
    """Return a table for each dataset that has a score, with costs where the dataset is not `shown` yet."""
    marks = _marks(group.records)
    columns = _columns(content)
    tables = []
    for block in content.blocks:
        scored = [place for place, one in enumerate(columns) if one["metric"]]
        if all(math.isnan(row[place].value) for row in block.rows for place in scored):
            continue
        kept = scored if block.dataset in shown else range(1, len(columns))
        found = {place: ranks(block, place, columns[place]["metric"]) for place in scored}
        rows: list[dict[str, Any]] = [
            {
                "name": row.method,
                "label": row.label,
                "control": row.control,
                "more": row.control
                and all(math.isnan(cells[place].value) for place in scored if not columns[place]["more"]),
                "marks": [] if row.control else marks.get(row.method, []),
                "cells": [_cell(cells[place]) for place in kept],
            }
            for row, cells in zip(block.of, block.rows, strict=True)
        ]
        order = next((place for place in scored if found[place] and not columns[place]["more"]), None)
        if order is not None:
            rows.sort(key=_in_order(list(kept).index(order), columns[order]["higher"]))
        tables.append(
            {
                "dataset": block.dataset,
                "sorted_by": None if order is None else columns[order]["metric"],
                "columns": [columns[place] for place in kept],
                "rows": rows,
                "ranks": {
                    columns[place]["metric"]: {block.of[index].method: rank for index, rank in by_row.items()}
                    for place, by_row in found.items()
                    if by_row and not columns[place]["more"]
                },
            }
        )
    return tables


def _in_order(place: int, higher: bool) -> Callable[[Mapping[str, Any]], tuple[bool, float]]:
    """Return a key that sorts rows by a cell as its heading does; controls, which stand last, stay there."""

    def key(row: Mapping[str, Any]) -> tuple[bool, float]:
        value = row["cells"][place]["value"]
        if row["control"] or value is None:
            return row["control"], math.inf
        return False, -value if higher else value

    return key


def _columns(content: TableContent) -> list[dict[str, Any]]:
    """Return what a reader may know of each column; those of ``more`` are shown when asked for."""
    columns = []
    main = {name for name in content.metrics if in_tables(name)} or set(content.metrics)
    for place, text in enumerate(content.headings):
        metric = content.metrics[place - 1] if 0 < place <= len(content.metrics) else ""
        spec = metric_spec(metric) if metric else None
        up = host().higher_is_better(metric) if metric else None
        columns.append(
            {
                "heading": heading(metric) if metric else text,
                "metric": metric,
                "about": spec.summary if spec is not None else _EXPLAINED.get(text, ""),
                "higher": True if not metric and text.startswith(("gain", REMOVED)) else up,
                "more": bool(metric) and metric not in main,
            }
        )
    return columns


_EXPLAINED = {
    "gain (dB)": "PSNR above that of cubic interpolation, with its 95 % interval",
    REMOVED: "share of the root mean squared error of cubic interpolation that is gone",
    "params": "numbers that were trained",
    "fit (s)": "wall time of the training",
    "reconstruct (s)": "wall time of the reconstruction",
    "status": "how the jobs ended",
    RUN_COLUMN: "which of the merged runs it comes from",
}


def _cell(cell: Cell) -> dict[str, Any]:
    text = cell.text.removeprefix(TIED).strip() if cell.tied else cell.text
    text, bracket, ends = text.partition(" [")
    return {
        "text": text,
        "interval": f"[{ends}" if bracket else cell.interval,
        "value": None if math.isnan(cell.value) else cell.value,
        "best": cell.best,
        "tied": cell.tied,
    }


def _mean_ranks(tables: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return the mean ranks of methods over the datasets; None where fewer than two datasets are ranked."""
    metrics = list(dict.fromkeys(name for table in tables for name in table["ranks"]))
    names = list(
        dict.fromkeys(row["name"] for table in tables for row in table["rows"] if not row["control"])
    )
    columns, cells = [], {name: list[dict[str, Any]]() for name in names}
    for metric in metrics:
        ranked = [table["ranks"][metric] for table in tables if metric in table["ranks"]]
        means = mean_ranks(ranked, names)
        if not means:
            continue
        columns.append({"metric": metric, "heading": heading(metric), "datasets": len(ranked)})
        for name, value in means.items():
            text = ABSENT if value is None else f"{value:.2f}"
            cells[name].append({"text": text, "value": value})
    if not columns:
        return None
    rows = [{"name": name, "cells": cells[name]} for name in names]
    rows.sort(key=lambda row: _or_last(row["cells"][0]["value"]))
    return {"columns": columns, "rows": rows}


def _or_last(value: float | None) -> float:
    return math.inf if value is None else value


def _marks(records: Sequence[Record]) -> dict[str, list[str]]:
    """Return by method what a reader should know of how it came to its scores."""
    found: dict[str, list[str]] = {}
    for record in records:
        told = record.provenance
        marks = found.setdefault(record.method, [])
        for mark in (
            f"variant of {told['variant_of']}" if told.get("variant_of") else "",
            "off the grid" if told.get("misaligned") else "",
        ):
            if mark and mark not in marks:
                marks.append(mark)
    return found
