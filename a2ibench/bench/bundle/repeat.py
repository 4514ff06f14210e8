"""Repeats cells of a bundle on this machine, and says whether their results hold."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from a2ibench.bench.benchmark import Results, benchmark
from a2ibench.bench.bundle.plans import drawn_phantom, left_out, plan_for, plan_of, why_no_row, why_not
from a2ibench.bench.bundle.reading import Bundle
from a2ibench.bench.executors.events import Events
from a2ibench.bench.gate.compare import Comparison, find_differences
from a2ibench.bench.gate.limits import CUBIC, MACS, PARAMS
from a2ibench.bench.gate.outcome import RunOutcome
from a2ibench.bench.gate.records import run_outcome, with_directions
from a2ibench.bench.gate.rules import Difference
from a2ibench.bench.record import Record
from a2ibench.errors import InputError, UnknownNameError

_SAME_VOXELS = 1e-3


def chosen(bundle: Bundle, jobs: int | None, name: str | None, seed: int) -> list[Record]:
    """Choose the cells to repeat.

    Parameters
    ----------
    bundle : Bundle
        The bundle.
    jobs : int, optional
        How many, drawn with `seed`; by default the one that took the shortest time.
    name : str, optional
        Name of a job, instead.
    seed : int
        Of the draw.

    Raises
    ------
    InputError
        If there is no such job, or it cannot be repeated; or none can.
    """
    records = {record.name: record for record in bundle.run.records}
    if name is not None:
        if name not in records:
            raise UnknownNameError("job", name, records)
        reason = why_not(bundle, records[name])
        if reason is not None:
            raise InputError(f"{bundle.path}: {name} cannot be repeated: {reason}")
        return [records[name]]
    if jobs == 0:
        return []
    able = [
        record for record in sorted(records.values(), key=lambda one: one.name) if not why_not(bundle, record)
    ]
    if not able:
        reasons = "; ".join(f"{record.name}: {why_not(bundle, record)}" for record in bundle.run.records)
        raise InputError(f"{bundle.path}: no job can be repeated here ({reasons[:300]})")
    if jobs is None:
        return [min(able, key=lambda one: math.fsum(one.timings.values()))]
    drawn = random.Random(seed).sample(able, min(jobs, len(able)))  # noqa: S311 - to be repeated, not secret
    return sorted(drawn, key=lambda one: able.index(one))


@dataclass(frozen=True)
class Verdict:
    """What repeated cells came to.

    Parameters
    ----------
    cells : tuple of str
        Names of the jobs that were repeated.
    comparison : Comparison
        The bundle as baseline, and the repeat beside it.
    failed : mapping of str to str
        Why a job has no result here, by name.
    same_voxels : tuple of str
        Jobs whose reconstruction is the same, voxel by voxel.
    """

    cells: tuple[str, ...]
    comparison: Comparison
    failed: Mapping[str, str] = field(default_factory=dict)
    same_voxels: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every cell was repeated, and no value is further away than allowed, either way."""
        return self.comparison.ok and not self.failed


def repeat(
    bundle: Bundle,
    cells: Sequence[Record],
    folder: Path,
    catalogue: Path | None = None,
    events: Events | None = None,
    executor: str = "process",
) -> Verdict:
    """Run cells with the bundle's plan, and compare.

    Parameters
    ----------
    bundle : Bundle
        The bundle.
    cells : sequence of Record
        As `chosen` gives them.
    folder : Path
        Where to run; a folder for each cell is made in it.
    catalogue : Path, optional
        Where datasets with files are listed; by default the catalogue that ships.
    events : Events, optional
        Told how it goes.
    executor : str
        A name in ``EXECUTORS``.

    Raises
    ------
    InputError
        If the plan cannot be carried out here, or the repeat measured something else; names the field.
    """
    plans = [replace(plan_of(bundle, cell, catalogue), executor=executor) for cell in cells]
    runs = [
        benchmark(plan, out=folder / cell.name, events=events).run
        for cell, plan in zip(cells, plans, strict=True)
    ]
    new = {record.name: record for run in runs for record in run.records}
    failed = {
        cell.name: f"{one.status}: {one.message}" if (one := new.get(cell.name)) else "interrupted"
        for cell in cells
        if cell.name not in new or not new[cell.name].ok
    }
    done = [cell for cell in cells if cell.name not in failed]
    outcome = RunOutcome.of(job for run in runs for job in run_outcome(run).jobs.values() if job.ok)
    same = tuple(cell.name for cell in done if _voxels(cell) and _voxels(cell) == _voxels(new[cell.name]))
    comparison = _judged(bundle, done, outcome)
    odd = [d for cell in done if cell.name in same for d in _odd_scores(cell, new[cell.name])]
    if odd:
        known = {(d.dataset, d.method, d.subject) for d in odd}
        rest = [d for d in comparison.differences if (d.dataset, d.method, d.subject) not in known]
        comparison = replace(comparison, differences=(*odd, *rest))
    return Verdict(tuple(cell.name for cell in cells), comparison, failed, same)


def _voxels(record: Record) -> Any:
    told = record.provenance.get("reconstruction")
    return told.get("sha256") if isinstance(told, Mapping) else None


def _odd_scores(there: Record, here: Record) -> list[Difference]:
    """Return scores of the same voxels that are not the same."""
    found = []
    for metric in there.metrics.keys() & here.metrics.keys():
        old, new = there.metrics[metric].value, here.metrics[metric].value
        if not math.isclose(old, new, rel_tol=_SAME_VOXELS, abs_tol=1e-6):
            text = f"{metric} {old:.6g} -> {new:.6g}, of a reconstruction that is the same voxel by voxel"
            found.append(
                Difference(there.dataset, there.method, metric, "metric", "worse", text, old, new, new - old)
            )
    return found


def _judged(bundle: Bundle, cells: Sequence[Record], new: RunOutcome) -> Comparison:
    places = {(cell.dataset, cell.method, cell.seed) for cell in cells}
    whole = run_outcome(bundle.run)
    # With cubic, by whose score limits are held against gains.
    wanted = places | {(dataset, CUBIC, seed) for dataset, _, seed in places}
    left = left_out(bundle)
    jobs = {
        place: replace(
            job,
            metrics={name: score for name, score in job.metrics.items() if name not in left},
            metric_errors={name: error for name, error in job.metric_errors.items() if name not in left},
        )
        for place, job in whole.jobs.items()
        if place in wanted
    }
    old = with_directions(replace(whole, jobs=jobs))
    try:
        found = find_differences(new, old)
    except InputError as error:
        raise InputError(f"{bundle.path}: {_in_words(str(error)).partition('; run it as')[0]}") from None
    kept = [
        # A result that was made to look worse does not hold either.
        replace(one, verdict="worse") if one.verdict == "better" else one
        for one in found.differences
        if one.kind == "metric" or (one.kind == "resource" and one.subject in (PARAMS, MACS))
    ]
    if cells and not any(d.kind == "metric" and d.limit is not None for d in kept):
        raise InputError(f"{bundle.path}: no metric of the repeated jobs has a limit, so nothing was judged")
    kept.sort(key=lambda d: d.verdict != "worse")
    notes = [_in_words(note) for note in found.notes if "not compared" not in note]
    return Comparison(tuple(kept), tuple(notes))


def _in_words(text: str) -> str:
    # What the gate calls the two sides.
    text = re.sub(r"\bRUN\b", "the repeat", text)
    return re.sub(r"\bBASELINE\b", "the bundle", text)


def phantom_run(
    bundle: Bundle, seed: int, folder: Path, events: Events | None = None, executor: str = "process"
) -> tuple[Results, list[str]]:
    """Run the methods of a bundle on a phantom that nobody had seen: one drawn with another seed.

    Parameters
    ----------
    bundle : Bundle
        Its plan decides all but the dataset, which is its own phantom, or the one that ships, with `seed`.
    seed : int
        Of the phantom.
    folder : Path
        Where to run.
    events : Events, optional
        Told how it goes.
    executor : str
        A name in ``EXECUTORS``.

    Returns
    -------
    results : Results
        Of the run.
    left_out : list of str
        Rows that cannot be run here, one line each.
    """
    rows = dict.fromkeys(bundle.run.options.get("methods", ()))
    reasons = {row: why_no_row(bundle, row) for row in rows}
    able = [row for row, reason in reasons.items() if reason is None]
    if not able:
        raise InputError(f"{bundle.path}: no method of it can be run here")
    spec = drawn_phantom(bundle, seed)
    plan = plan_for(bundle, able, spec, tuple(bundle.run.options.get("seeds", (0,))))
    left = [f"{row}: {reason}" for row, reason in reasons.items() if reason is not None]
    return benchmark(replace(plan, executor=executor), out=folder, events=events), left
