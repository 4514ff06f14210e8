"""Which records and scores a table for a paper is made of."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from a2ibench.bench.groups import Group, group
from a2ibench.bench.record import Record
from a2ibench.bench.run import Run
from a2ibench.errors import InputError, OptionError, UnknownNameError, one_line
from a2ibench.reporting.captions import versions_told
from a2ibench.reporting.layout import in_tables
from a2ibench.reporting.page.ranking import needs_reference


@dataclass(frozen=True)
class Selection:
    """What was chosen of a run.

    Parameters
    ----------
    group : Group
        The chosen records with the chosen scores, in the order of the names.
    metrics, datasets : tuple of str
        In the order of the table.
    compared : bool
        Whether the metrics compare with a reference.
    """

    group: Group
    metrics: tuple[str, ...]
    datasets: tuple[str, ...]
    compared: bool


def select(
    run: Run, metrics: Sequence[str] | None, datasets: Sequence[str] | None, methods: Sequence[str] | None
) -> Selection:
    """Choose records and scores of a run; None is all datasets, all methods, and the metrics of its tables.

    Metrics are by default those that compare with a reference, where there are some. Controls are chosen
    by naming them among the methods.

    Raises
    ------
    InputError
        If nothing that was chosen has a result, metrics with and without a reference are chosen, or records
        that may not share a table.
    UnknownNameError
        If the run has no such metric, dataset or method.
    """
    places = _known("dataset", datasets, run.datasets)
    controls = {name for record in run.records for name in record.controls}
    names = _known("method", methods, run.methods, controls)
    mine = [one for one in run.records if one.dataset in places and one.method in names]
    shown = _metrics(run, metrics, mine)
    part = _group(run, mine, shown, places, names)
    return Selection(part, tuple(shown), tuple(places), needs_reference(shown[0]))


def _known(
    kind: str, given: Sequence[str] | None, known: Sequence[str], more: Collection[str] = ()
) -> list[str]:
    names = list(known if given is None else dict.fromkeys(given))
    for name in names:
        if name not in known and name not in more:
            raise UnknownNameError(kind, name, {*known, *more})
    return names


def _metrics(run: Run, given: Sequence[str] | None, records: Sequence[Record]) -> list[str]:
    scored = {
        name
        for record in records
        if record.ok
        for name, score in record.metrics.items()
        if not math.isnan(score.value)
    }
    if not scored:
        raise InputError(f"{run.folder}: nothing that was chosen has a score; there is nothing to show")
    if given is None:
        known = [name for name in run.metrics if name in scored]
        compared = [name for name in known if needs_reference(name)] or known
        return [name for name in compared if in_tables(name)] or compared
    names = _known("metric", given, run.metrics)
    kinds = {needs_reference(name): name for name in reversed(names)}
    if len(kinds) > 1:
        raise OptionError(
            "{metrics}: {one} compares with a reference and {other} does not, so they may not stand side by "
            "side; make a table of each",
            one=one_line(kinds[True]),
            other=one_line(kinds[False]),
        )
    for name in names:
        if name not in scored:
            raise OptionError(
                "{metrics}: nothing that was chosen has a score of {name}; leave it out", name=one_line(name)
            )
    return names


def _group(
    run: Run, records: Sequence[Record], shown: Sequence[str], places: Sequence[str], names: Sequence[str]
) -> Group:
    controls = {}
    for record in run.records:
        if record.controls and record.dataset not in controls:
            told = {name: of for name, of in record.controls.items() if name in names}
            controls[record.dataset] = {
                name: {metric: score for metric, score in of.items() if metric in shown}
                for name, of in told.items()
            }
    order = sorted(records, key=lambda one: (places.index(one.dataset), names.index(one.method), one.seed))
    # With the first of each dataset, since the job that scored the controls may be left out.
    kept = [
        replace(
            record,
            metrics={name: score for name, score in record.metrics.items() if name in shown},
            controls=controls.pop(record.dataset, {}),
        )
        for record in order
    ]
    parts = group(kept)
    if len(parts) > 1:
        raise OptionError(
            "{folder}: {what}: they may not share a table; leave one out with {methods} or {datasets}",
            folder=run.folder,
            what=_apart(parts[0], parts[-1]),
        )
    return parts[0]


def _apart(one: Group, other: Group) -> str:
    """Return what two groups of records differ in, each with the first of its jobs."""
    differing = [name for name in one.versions if _kind(one, name) != _kind(other, name)]
    told = [
        f"protocol version {part.protocol}"
        if one.protocol != other.protocol
        else versions_told(part, differing).removeprefix("metric versions: ")
        for part in (one, other)
    ]
    jobs = [f"{part.records[0].method} on {part.records[0].dataset}" for part in (one, other)]
    return one_line(f"{jobs[0]} is of {told[0]} and {jobs[1]} of {told[1]}", 300)


def _kind(part: Group, metric: str) -> object:
    return part.versions.get(metric), part.settings.get(metric)
