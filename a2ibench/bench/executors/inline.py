"""All jobs in this process, for debuggers."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from a2ibench.bench.executors.events import Events, Task, checked_report, say_again
from a2ibench.bench.job import Job
from a2ibench.bench.provenance import failed_record
from a2ibench.bench.record import Record, write_record
from a2ibench.bench.run_job import run_job
from a2ibench.contracts import Progress
from a2ibench.files import fresh_folder
from a2ibench.isolation import no_exit
from a2ibench.protocol.checkpointer import TRAINING


def run_inline(
    tasks: Sequence[Task], events: Events, timeout: float | None = None, retries: int = 0
) -> Iterator[tuple[Task, Record]]:
    """Run tasks one after another within this process; `timeout` has no effect.

    Yields
    ------
    task, record
        As each job ends.
    """
    for task in tasks:
        events.job_started(task.job, task.index, task.total)
        for left in range(retries, -1, -1):
            fresh_folder(task.folder, keep=[TRAINING])
            try:
                with _steady_folder(), no_exit():
                    record = run_job(task.job, task.folder, _progress_of(task.job, events))
            except KeyboardInterrupt:
                record = failed_record(task.job, "interrupted", "KeyboardInterrupt", "stopped with Ctrl-C")
                yield task, write_record(task.folder, record)
                raise
            if record.finished or not left:
                break
            say_again(task.job, record.status, left)
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
