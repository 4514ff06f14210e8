"""Runs as their folders tell them: which are under way, and how far each has come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from a2ibench.bench.paths import RunFiles
from a2ibench.bench.record import FINISHED, Record, read_record
from a2ibench.bench.run_folder import existing_plan, stored_plan
from a2ibench.bench.run_lock import is_locked
from a2ibench.errors import InputError

RUNNING: Final = "running"
STOPPED: Final = "stopped"
DONE: Final = "finished"


@dataclass(frozen=True)
class RunState:
    """How far a run has come.

    Parameters
    ----------
    folder : Path
        Its folder.
    state : str
        ``"running"``, ``"finished"``, or ``"stopped"`` where no process runs in it and jobs are left.
    jobs : tuple of str
        Names of all its jobs, in order.
    records : mapping of str to Record
        By job; of those that have ended.
    begun : tuple of str
        Jobs whose folder tells that they run.
    """

    folder: Path
    state: str
    jobs: tuple[str, ...]
    records: Mapping[str, Record]
    begun: tuple[str, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many jobs are ok, skipped, failed, running and left."""
        found = Counter(record.status for record in self.records.values())
        failed = sum(count for status, count in found.items() if status not in FINISHED)
        return {
            "ok": found["ok"],
            "skipped": found["skipped"],
            "failed": failed,
            "running": len(self.begun),
            "left": len(self.jobs) - len(self.records) - len(self.begun),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"folder": str(self.folder), "state": self.state, "jobs": len(self.jobs), **self.counts}


def run_state(folder: Path) -> RunState:
    """Return how far the run in a folder has come.

    Raises
    ------
    OptionError
        If the folder holds no run.
    """
    jobs = tuple(existing_plan(folder, "follow").places())
    # The lock first: a run that ends meanwhile has left all its records by then.
    locked = is_locked(folder)
    files = RunFiles(folder)
    found = {name: read_record(files.job(name).folder) for name in jobs}
    records = {name: record for name, record in found.items() if record is not None}
    begun = tuple(n for n in jobs if locked and n not in records and files.job(n).request.exists())
    state = RUNNING if locked else DONE if len(records) == len(jobs) else STOPPED
    return RunState(folder, state, jobs, records, begun)


def list_runs(folder: Path) -> list[RunState]:
    """Return the runs in a folder, or the one that it is, the one changed last first.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the one that holds runs, such as reports")
    places = [folder, *(place for place in folder.iterdir() if place.is_dir())]
    places = [place for place in places if _holds_run(place)]
    return [run_state(place) for place in sorted(places, key=_changed, reverse=True)]


def _holds_run(folder: Path) -> bool:
    try:
        stored_plan(folder)
    except InputError:
        return False
    return True


def _changed(folder: Path) -> tuple[float, str]:
    files = RunFiles(folder)
    places = (files.plan, files.jobs, *(job.folder for job in files.all_jobs()))
    return max(place.stat().st_mtime for place in places if place.exists()), folder.name
