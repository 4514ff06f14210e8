"""One fresh process for each job: a job that crashes, hangs or leaks takes nothing with it."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from a2ibench.bench.child import Child
from a2ibench.bench.claims import claimed_record
from a2ibench.bench.events import Events, Task
from a2ibench.bench.files import fresh_folder, write_json
from a2ibench.bench.provenance import failed_record
from a2ibench.bench.record import JOB, LOG, Record, read_record, write_record
from a2ibench.isolation.endings import signal_name
from a2ibench.plugins import host

_TAIL = 4000


def run_in_processes(
    tasks: Sequence[Task], events: Events, timeout: float | None = None
) -> Iterator[tuple[Task, Record]]:
    """Run tasks one after another, so that their times can be compared, each in a process of its own.

    Yields
    ------
    task, record
        As each job ends. A worker that ends without a record gets one with its signal or exit code.

    Raises
    ------
    KeyboardInterrupt
        After Ctrl-C, once the record of the stopped job is written and yielded.
    """
    for task in tasks:
        events.job_started(task.job, task.index, task.total)
        status, kind, message = _run(task, events, timeout)
        record, refusal = claimed_record(task)
        if record is None:
            if refusal:
                status, kind, message = "error", "RecordRefused", refusal
            record = failed_record(task.job, status, kind, message, _tail(task.folder / LOG))
            # The worker may have removed the folder.
            task.folder.mkdir(parents=True, exist_ok=True)
            write_record(task.folder, record)
            record = read_record(task.folder) or record
        yield task, record
        if status == "interrupted":
            raise KeyboardInterrupt


def _run(task: Task, events: Events, timeout: float | None) -> tuple[str, str, str]:
    """Run one worker to its end; return the status, type and message of a job that left no record."""
    fresh_folder(task.folder)
    places = [str(Path(place).absolute()) for place in sys.path]
    task_file = {"job": task.job.to_dict(), "path": places, "plugins": host().described()}
    write_json(task.folder / JOB, task_file)
    child = Child(task.folder)
    try:
        for report in child.progress(timeout or math.inf):
            events.progress(task.job, report.phase, report.done, report.total, report.values)
        return "error", "WorkerDied", _cause_of_death(child.returncode)
    except TimeoutError:
        limit = "its end" if timeout is None else f"{timeout:g} s"
        return "timeout", "TimeoutError", f"stopped after {limit}; allow more time with --timeout"
    except KeyboardInterrupt:
        return "interrupted", "KeyboardInterrupt", "stopped with Ctrl-C; run the same command to continue"
    finally:
        child.stop()


def _cause_of_death(returncode: int) -> str:
    if returncode >= 0:
        return f"worker exited with code {returncode} without a record; see {LOG}"
    name = signal_name(-returncode)
    hint = "if nobody did so by hand, memory may have run out; " if name == "SIGKILL" else ""
    return f"worker was killed by signal {-returncode} ({name}); {hint}see {LOG}"


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            return file.read(_TAIL).decode(errors="replace")
    except OSError:
        return ""
