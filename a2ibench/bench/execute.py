"""Runs the jobs of a plan that are not finished yet."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from a2ibench.bench.cache_key import is_current, job_key
from a2ibench.bench.executors import load_executor
from a2ibench.bench.executors.events import Events, Quiet, Task
from a2ibench.bench.plan import Plan
from a2ibench.bench.record import Record, is_damaged, read_record
from a2ibench.bench.run_files import RunFiles
from a2ibench.bench.run_folder import check_run_folder, lock_run
from a2ibench.registry import host

_logger = logging.getLogger(__name__)


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
    list of Record
        Those of all jobs, in the plan's order, earlier ones included.

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
            for task, record in load_executor(plan.executor)(pending, events, plan.timeout):
                records[task.job.name] = record
                events.job_finished(task.job, record)
                host().job_finished(record.to_dict())
        finally:
            host().end_listeners()
    return [records[task.job.name] for task in tasks]


def _tasks(plan: Plan, run_dir: Path) -> list[Task]:
    jobs = plan.jobs()
    # A method may change the working folder.
    files = RunFiles(run_dir.absolute())
    return [
        Task(replace(job, key=job_key(job)), files.job(job.name).folder, index, len(jobs))
        for index, job in enumerate(jobs, start=1)
    ]
