"""Published results of the same data: beside those of the run where the protocol matches, else why not."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from a2ibench.bench.groups import Group
from a2ibench.bench.run import Run
from a2ibench.errors import counted, one_line
from a2ibench.reporting.citations import Citation, entry
from a2ibench.reporting.layout import ABSENT, heading, metric_spec, metric_text
from a2ibench.reporting.published.matching import (
    Conditions,
    Reason,
    comparable,
    conditions,
    metric_here,
    reasons,
    sentences,
    shows_the_same,
)
from a2ibench.reporting.published.results import NOT_STATED, Published, PublishedRow, Value
from a2ibench.reporting.summary import Row, summarise

_LONGEST = 2000

Comparable = Sequence[tuple[PublishedRow, tuple[str, ...]]]


def published_results(run: Run, results: Sequence[Published]) -> list[dict[str, Any]]:
    """Return what is published of the datasets of a run.

    Parameters
    ----------
    run : Run
        The run.
    results : sequence of Published
        What is known of the literature.

    Returns
    -------
    list of dict
        For each dataset of which a number is published: ``dataset``, its name; ``beside``, a table of the
        run's scores and those published under the same protocol, or None where there are none; ``apart``,
        the other tables, each with its ``reasons``; and ``bibtex`` of the sources.
    """
    found = []
    for group in run.groups:
        for here in _datasets(group):
            of_it = [one for one in results if one.rows and shows_the_same(one, here)]
            if of_it:
                title = (
                    here.name if len(run.groups) == 1 else f"{here.name}, protocol version {group.protocol}"
                )
                found.append({"title": title, **_of_dataset(group, here, of_it)})
    return found


def _datasets(group: Group) -> Iterator[Conditions]:
    told: dict[str, Mapping[str, Any]] = {}
    for record in group.records:
        dataset = record.provenance.get("dataset")
        # Records of jobs that failed may tell less.
        if isinstance(dataset, Mapping) and len(dataset) > len(told.get(record.dataset, {})):
            told[record.dataset] = {**dataset, "name": record.dataset}
    return (conditions(one, group.versions) for one in told.values())


def _of_dataset(group: Group, here: Conditions, results: Iterable[Published]) -> dict[str, Any]:
    beside: list[tuple[Published, Comparable]] = []
    apart, sources = [], dict[str, str]()
    for one in results:
        against = reasons(one, here)
        shown = comparable(one, against)
        if shown:
            beside.append((one, shown))
        if against:
            apart.append(_table(one, against, partly=bool(shown)))
        if one.citation:
            sources[one.citation] = one.source
    return {
        "dataset": here.name,
        "beside": _beside(group, here.name, beside) if beside else None,
        "apart": apart,
        "bibtex": "\n\n".join(entry(Citation("source", key, text)) for text, key in sources.items()),
    }


def _beside(group: Group, dataset: str, found: Sequence[tuple[Published, Comparable]]) -> dict[str, Any]:
    shown = dict.fromkeys(
        str(metric_here(one, name)) for one, rows in found for _, names in rows for name in names
    )
    columns = [*shown]
    ours = [row for row in summarise(group) if row.dataset == dataset and not row.control]
    theirs = []
    for one, rows in found:
        told = []
        for row, names in rows:
            values = {metric_here(one, name): row.values[name] for name in names}
            told.append(
                {
                    "name": _text(row.name),
                    "method": _text(row.method) if row.method.lower() != row.name.lower() else "",
                    "cells": [_value(values.get(column)) for column in columns],
                }
            )
        theirs.append({"where": _place(one), "training": _text(one.training) or NOT_STATED, "rows": told})
    return {
        "columns": [heading(column) for column in columns],
        "ours": [{"name": row.label, "cells": [_score(row, column) for column in columns]} for row in ours],
        "theirs": theirs,
    }


def _table(one: Published, against: Sequence[Reason], *, partly: bool) -> dict[str, Any]:
    stated = sum(reason.stated for reason in against)
    counts = {"that cannot be matched": stated, NOT_STATED: len(against) - stated}
    told = [f"{counted(number, 'point')} {what}" for what, number in counts.items() if number]
    return {
        "title": _place(one),
        "verdict": f"{'in part ' * partly}not comparable: {', '.join(told)}",
        "data": _text(one.title) or NOT_STATED,
        "citation": _text(one.citation) or NOT_STATED,
        "training": _text(one.training) or NOT_STATED,
        "columns": [_text(heading(name)) for name in one.metrics],
        "rows": [
            {"name": _text(row.name), "cells": [_value(row.values.get(name)) for name in one.metrics]}
            for row in one.rows
        ],
        "reasons": [
            _text(line) for line in sentences(against, {name: _called(name) for name in one.metrics})
        ],
    }


def _called(metric: str) -> str:
    spec = metric_spec(metric)
    return (spec.heading if spec is not None else "") or metric


def _place(one: Published) -> str:
    return ", ".join(filter(None, (_text(one.name), _text(one.place))))


def _score(row: Row, metric: str) -> str:
    sample = row.metrics.get(metric)
    return ABSENT if sample is None else metric_text(metric, sample)


def _value(value: Value | None) -> str:
    if value is None:
        return ABSENT
    # As it is printed there: more digits would claim what nobody measured.
    text = f"{value.value:.10g}"
    return text if math.isnan(value.spread) else f"{text} ± {value.spread:.10g}"


def _text(text: str) -> str:
    return one_line(text, _LONGEST)
