"""The records of a run while it goes on, so that whatever plugins do to its folder, none is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench.bench.executors.events import Events, Quiet
from a2ibench.bench.growth import RunPlan
from a2ibench.bench.job import Job
from a2ibench.bench.paths import RECORD, RunFiles
from a2ibench.bench.record import Record, read_record, restore_record
from a2ibench.bench.run import Run, ordered
from a2ibench.bench.run_folder import check_run_folder, stored_plan, write_run
from a2ibench.environment import environment
from a2ibench.errors import InputError, one_line

if TYPE_CHECKING:
    from a2ibench.bench.plan import Plan


class Keeping:
    """Events that keep every record, and pass on what they are told.

    Parameters
    ----------
    events : Events, optional
        Who else is told.
    """

    def __init__(self, events: Events | None = None) -> None:
        self._events: Events = events or Quiet()
        self._records: dict[str, Record] = {}
        self._others: dict[str, Record] = {}
        self._stored: RunPlan | None = None

    def take(self, plan: Plan, run_dir: Path) -> None:
        """Keep what earlier commands left in the folder: run.json, and records that are not the plan's."""
        self._stored = stored_plan(run_dir)
        own = {job.name for job in plan.jobs()}
        for job in RunFiles(run_dir).all_jobs():
            record = None if job.folder.name in own else read_record(job.folder)
            if record is not None and record.name == job.folder.name:
                self._others[record.name] = record

    def job_started(self, job: Job, index: int, total: int) -> None:
        """Pass it on."""
        self._events.job_started(job, index, total)

    def progress(self, job: Job, phase: str, done: float, total: float, values: Mapping[str, float]) -> None:
        """Pass it on."""
        self._events.progress(job, phase, done, total, values)

    def job_finished(self, job: Job, record: Record) -> None:
        """Keep the record, and pass it on."""
        self._records[job.name] = record
        self._events.job_finished(job, record)

    def job_cached(self, job: Job, record: Record) -> None:
        """Keep the record, and pass it on."""
        self._records[job.name] = record
        self._events.job_cached(job, record)

    def records(self, plan: Plan) -> list[Record]:
        """Return the records so far, in the plan's order."""
        return [self._records[job.name] for job in plan.jobs() if job.name in self._records]

    def run(self, plan: Plan, folder: Path) -> Run:
        """Return the whole run so far, with the rows of earlier commands."""
        options = RunPlan.of(plan).plan if self._stored is None else self._stored.plan
        records = ordered([*self._others.values(), *self.records(plan)], options)
        return Run(folder, options, environment(), records)

    def restore(self, plan: Plan, run_dir: Path) -> list[str]:
        """Write again what is gone from a run's folder, or is not as it was written.

        Returns
        -------
        list of str
            One line for each record, and for the run's plan, that had to be written again.
        """
        problems: list[str] = []
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            check_run_folder(plan, run_dir, whole=True)
            if self._stored is not None and not stored_plan(run_dir).holds(self._stored.places()):
                raise InputError("jobs are missing")
        except InputError:
            problems += _again(str(run_dir), "its plan", lambda: self._write_plan(plan, run_dir))
        except OSError as error:
            return [
                f"{run_dir}: was damaged while the run went on and cannot be made again: {one_line(error)}"
            ]
        for name, record in {**self._others, **self._records}.items():
            folder = RunFiles(run_dir).job(name).folder
            if _stands(folder, record):
                continue

            def write(folder: Path = folder, record: Record = record) -> None:
                folder.mkdir(parents=True, exist_ok=True)
                restore_record(folder, record)

            problems += _again(f"{folder}", f"{RECORD} (other files of the job may be lost)", write)
        return problems

    def _write_plan(self, plan: Plan, run_dir: Path) -> None:
        stored = RunPlan.of(plan) if self._stored is None else self._stored
        write_run(stored, run_dir)


def _stands(folder: Path, record: Record) -> bool:
    there = read_record(folder)
    return there is not None and there.digest == record.digest


def _again(place: str, what: str, write: Callable[[], None]) -> list[str]:
    try:
        write()
    except OSError as error:
        return [f"{place}: was damaged while the run went on; cannot write {what} again: {one_line(error)}"]
    return [f"{place}: was removed or changed while the run went on; wrote {what} again"]
