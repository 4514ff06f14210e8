"""The records of a run in memory, so that nothing that happens to its folder loses one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from a2ibench.bench.events import Events, Quiet
from a2ibench.bench.folder import check_run_folder, write_run
from a2ibench.bench.record import JOBS, RECORD, Record, read_record, restore_record
from a2ibench.bench.specs import Job
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
            check_run_folder(plan, run_dir)
        except InputError:
            problems += _again(str(run_dir), "its plan", lambda: write_run(plan, run_dir))
        except OSError as error:
            return [
                f"{run_dir}: was damaged while the run went on and cannot be made again: {one_line(error)}"
            ]
        for name, record in self._records.items():
            folder = run_dir / JOBS / name
            if _stands(folder, record):
                continue

            def write(folder: Path = folder, record: Record = record) -> None:
                folder.mkdir(parents=True, exist_ok=True)
                restore_record(folder, record)

            problems += _again(f"{folder}", f"{RECORD} (other files of the job may be lost)", write)
        return problems


def _stands(folder: Path, record: Record) -> bool:
    try:
        return read_record(folder) == record
    except (ArithmeticError, LookupError, TypeError):
        return False


def _again(place: str, what: str, write: Callable[[], None]) -> list[str]:
    try:
        write()
    except OSError as error:
        return [f"{place}: was damaged while the run went on; cannot write {what} again: {one_line(error)}"]
    return [f"{place}: was removed or changed while the run went on; wrote {what} again"]
