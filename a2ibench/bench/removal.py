"""Takes rows out of a run: their folders are moved aside within that of the run, never deleted."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from itertools import count
from pathlib import Path

from a2ibench.bench.growth import Place, RunPlan
from a2ibench.bench.paths import RunFiles
from a2ibench.bench.record import read_record
from a2ibench.errors import OptionError, UnknownNameError


def rows_named(names: Sequence[str], run_dir: Path, stored: RunPlan) -> list[str]:
    """Return the names of the jobs that names of methods or of jobs stand for.

    Parameters
    ----------
    names : sequence of str
        What to look for.
    run_dir : Path
        Folder of the run. Jobs whose folders lie in it count, also where `stored` does not have them.
    stored : RunPlan
        What run.json holds.

    Raises
    ------
    OptionError
        If the run has no such row.
    """
    places: dict[str, Place | None] = {**stored.places()}
    for job in RunFiles(run_dir).all_jobs():
        record = read_record(job.folder)
        if record is not None and record.name == job.folder.name:
            places.setdefault(record.name, (record.dataset, record.method, record.seed))
        elif job.folder.is_dir():
            places.setdefault(job.folder.name, None)
    found: dict[str, None] = {}
    for name in names:
        rows = [job for job, place in places.items() if name == job or (place and name == place[1])]
        if not rows:
            known = {*places, *(place[1] for place in places.values() if place)}
            unknown = UnknownNameError("row", name, known)
            raise OptionError("{remove}: {run}: {unknown}", run=run_dir, unknown=unknown)
        found |= dict.fromkeys(rows)
    return list(found)


def left_without(names: Collection[str], run_dir: Path, stored: RunPlan) -> RunPlan:
    """Return what run.json holds once jobs are taken out."""
    if not names:
        return stored
    records = (
        read_record(job.folder) for job in RunFiles(run_dir).all_jobs() if job.folder.name not in names
    )
    return stored.without(names, {one.dataset for one in records if one is not None and one.external})


def move_aside(names: Iterable[str], run_dir: Path) -> None:
    """Move the folders of jobs, as far as they are there, into ``removed/`` under numbers of their own.

    Raises
    ------
    OptionError
        If one cannot be moved.
    """
    files = RunFiles(run_dir)
    for name in names:
        _move(files.job(name).folder, files.removed)


def move_figures(datasets: Iterable[str], run_dir: Path) -> None:
    """Move the figures of datasets that a run has no longer, as `move_aside` does folders."""
    files = RunFiles(run_dir)
    for dataset in datasets:
        _move(files.figure(dataset), files.removed)


def _move(place: Path, removed: Path) -> None:
    if not os.path.lexists(place):
        return
    try:
        removed.mkdir(exist_ok=True)
        numbered = (removed / f"{place.name}.{number}" for number in count(1))
        place.rename(next(path for path in numbered if not os.path.lexists(path)))
    except OSError as error:
        raise OptionError(
            "{remove}: {place} cannot be moved into {removed} ({cause}); mend that; give the command again",
            place=place,
            removed=removed,
            cause=error.strerror,
        ) from error
