"""Runs the jobs of a plan that are not finished yet."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from a2ibench.bench.cache_key import is_current, job_key
from a2ibench.bench.executors.events import Events, Quiet, Task, checked_report
from a2ibench.bench.executors.process import run_in_processes
from a2ibench.bench.files import fresh_folder
from a2ibench.bench.provenance import failed_record
from a2ibench.bench.record import Record, is_damaged, read_record, write_record
from a2ibench.bench.run_files import RunFiles
from a2ibench.bench.run_folder import check_run_folder, lock_run
from a2ibench.bench.run_job import run_job
from a2ibench.bench.specs import Job
from a2ibench.contracts import Progress
from a2ibench.isolation.endings import no_exit
from a2ibench.registry import host

if TYPE_CHECKING:
    from a2ibench.bench.plan import Plan

_logger = logging.getLogger(__name__)

Executor = Callable[[Sequence[Task], Events, float | None], Iterator[tuple[Task, Record]]]
"""Runs tasks within a time limit (seconds), and yields each with the record that it wrote."""


def execute(plan: Plan, run_dir: Path, events: Events | None = None) -> list[Record]:
    """Run every job of a plan that has no finished record with the same key.

    Parameters
    ----------
    plan : Plan
        What to run.
    run_dir : Path
        The folder that `prepare_run_folder` returned for the plan.
    events : Events, optional
        Told how the run goes.

    Returns
    -------
    list of dict
        The records of all jobs, in the plan's order, earlier ones included.

    Raises
    ------
    InputError
        If the folder is another run's, or another process runs in it.
    KeyboardInterrupt
        After Ctrl-C, once the running job is stopped and recorded.
    """
    events = events or Quiet()
    with lock_run(run_dir):
        check_run_folder(plan, run_dir)
        tasks = _tasks(plan, run_dir)
        records: dict[str, Record] = {}
        for task in tasks:
            record = read_record(task.folder)
            if record is not None and is_current(record, task.job, task.folder):
                records[task.job.name] = record
                events.job_cached(task.job, record)
            elif is_damaged(task.folder):
                _logger.warning("record of %s was edited or is damaged; the job runs again", task.job.name)
        pending = [task for task in tasks if task.job.name not in records]
        try:
            for task, record in EXECUTORS[plan.executor](pending, events, plan.timeout):
                records[task.job.name] = record
                events.job_finished(task.job, record)
                host().job_finished(record)
        finally:
            host().end_listeners()
    return [records[task.job.name] for task in tasks]


def run_inline(
    tasks: Sequence[Task], events: Events, timeout: float | None = None
) -> Iterator[tuple[Task, Record]]:
    """Run tasks one after another within this process, for debuggers; `timeout` has no effect.

    Yields
    ------
    task, record
        As each job ends.
    """
    for task in tasks:
        events.job_started(task.job, task.index, task.total)
        fresh_folder(task.folder)
        try:
            with _steady_folder(), no_exit():
                record = run_job(task.job, task.folder, _progress_of(task.job, events))
        except KeyboardInterrupt:
            record = failed_record(task.job, "interrupted", "KeyboardInterrupt", "stopped with Ctrl-C")
            write_record(task.folder, record)
            yield task, record
            raise
        yield task, record


def _progress_of(job: Job, events: Events) -> Progress:
    def progress(phase: str, done: float, total: float, **values: float) -> None:
        for report in checked_report(phase, done, total, values):
            events.progress(job, report.phase, report.done, report.total, report.values)

    return progress


@contextmanager
def _steady_folder() -> Iterator[None]:
    """Undo what a method does to the working folder, and let it not change where the cache is."""
    here, cache = Path.cwd(), os.environ.get("A2IBENCH_CACHE")
    if cache:
        os.environ["A2IBENCH_CACHE"] = str(Path(cache).expanduser().absolute())
    try:
        yield
    finally:
        if cache:
            os.environ["A2IBENCH_CACHE"] = cache
        os.chdir(here)


EXECUTORS: Mapping[str, Executor] = MappingProxyType({"process": run_in_processes, "inline": run_inline})


def _tasks(plan: Plan, run_dir: Path) -> list[Task]:
    jobs = plan.jobs()
    # A method may change the working folder.
    files = RunFiles(run_dir.absolute())
    return [
        Task(replace(job, key=job_key(job)), files.job(job.name).folder, index, len(jobs))
        for index, job in enumerate(jobs, start=1)
    ]
