"""One fresh process for each job: a job that crashes, hangs, leaks or lies takes nothing with it."""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from a2ibench.bench.executors.events import Events, Report, Task, parse_report, say_again
from a2ibench.bench.job import Job
from a2ibench.bench.paths import LOG, RECORD, JobFiles
from a2ibench.bench.provenance import failed_record
from a2ibench.bench.record import DamagedRecordError, Record, load_record, write_record
from a2ibench.errors import InputError, one_line
from a2ibench.external.failures import killed_by
from a2ibench.files import fresh_folder, write_json
from a2ibench.isolation.supervised import PATIENCE, Lines, Supervised, python_module
from a2ibench.protocol.checkpointer import TRAINING
from a2ibench.registry import host

_POLL = 0.1
_PATIENCE = PATIENCE
_GRACE = 10.0


class Child:
    """Starts the worker of a job's folder; what it and its plugins print goes to log.txt there.

    The worker leads a process group of its own, so that Ctrl-C in the terminal does not reach it. Whatever
    it has started ends with it.

    Parameters
    ----------
    folder : Path
        A job's folder with job.json.
    variables : mapping of str to str
        Of its environment, where they differ from this process's.
    held : sequence of int
        File descriptors that it keeps open, such as that of a lock.
    """

    def __init__(
        self, folder: Path, variables: Mapping[str, str] | None = None, held: Sequence[int] = ()
    ) -> None:
        self._folder = folder
        with JobFiles(folder).log.open("ab") as log:
            self._process = Supervised(
                _command(folder),
                stderr=log,
                environment=_environment() | dict(variables or {}),
                patience=_PATIENCE,
                held=held,
            )
        self._lines = Lines(self._process.stdout)
        self._silent = False

    @property
    def returncode(self) -> int:
        """Exit code, or the negative number of the signal that ended it."""
        return self._process.returncode

    def progress(self, seconds: float, stopped: Callable[[], bool] = lambda: False) -> Iterator[Report]:
        """Yield what the worker reports until it has ended.

        Raises
        ------
        TimeoutError
            If it has not ended after this many seconds, or a while after its record was complete.
        StoppedError
            If `stopped` tells that nobody waits for it any more.
        """
        deadline = time.monotonic() + seconds
        while not self._process.ended():
            if stopped():
                raise StoppedError
            yield from self._received(_POLL)
            now = time.monotonic()
            if now > deadline:
                raise TimeoutError
            if (self._folder / RECORD).exists():
                deadline = min(deadline, now + _GRACE)
        self._lines.finished(_POLL)
        with suppress(TimeoutError):
            while (line := self._lines.get(0)) is not None:
                yield from parse_report(line)

    def stop(self) -> None:
        """End the worker, if it still runs, and all that it has started: first asking, then not."""
        self._process.stop()

    def _received(self, seconds: float) -> Iterator[Report]:
        if self._silent:
            self._process.ended(seconds)
            return
        try:
            line = self._lines.get(seconds)
        except TimeoutError:
            return
        self._silent = line is None
        if line is not None:
            yield from parse_report(line)


def _command(folder: Path) -> list[str]:
    return python_module("a2ibench.bench.executors.worker", str(folder.absolute()))


def _environment() -> dict[str, str]:
    # A method may change the working folder, and what follows it must still find everything.
    cache = os.environ.get("A2IBENCH_CACHE")
    given = {} if not cache else {"A2IBENCH_CACHE": str(Path(cache).expanduser().absolute())}
    return dict(os.environ) | given


def claimed_record(task: Task) -> tuple[Record | None, str]:
    """Return the record in a job's folder and an empty text, or None and why it is refused.

    The text is empty where there is no record, or none that is complete.
    """
    try:
        record = load_record(task.folder)
        refusal = _refusal(record, task.job)
    except (OSError, DamagedRecordError):
        return None, ""
    except InputError as error:
        refusal = one_line(error, 200)
    if refusal:
        return None, f"the worker left a {RECORD} that is not this job's: {refusal}"
    return record, ""


def _refusal(record: Record, job: Job) -> str:
    claims = {
        "dataset": (record.dataset, job.dataset.name),
        "method": (record.method, job.method),
        "seed": (record.seed, job.seed),
        "key": (record.provenance.get("key"), job.key),
        "profile": (record.provenance.get("profile"), job.profile),
    }
    for name, (claimed, true) in claims.items():
        if claimed != true:
            return one_line(f"{name} is {claimed!r} instead of {true!r}", 200)
    if unknown := set(record.metrics) - set(job.metrics):
        return one_line(f"holds the metric {min(unknown)!r}, which was not asked for", 200)
    for name, score in record.metrics.items():
        if type(score.version) is not int:
            return one_line(f"version of {name!r} is {score.version!r}, which is no whole number", 200)
    return ""


_TAIL = 4000


class StoppedError(Exception):
    """A job was stopped from outside, and is to be run again: nothing is wrong with it."""


@dataclass(frozen=True)
class Unrecorded:
    """What came of a job that left no record.

    Parameters
    ----------
    status, kind, message, trace : str
        As for `failed_record`.
    """

    status: str
    kind: str
    message: str
    trace: str = ""

    def recorded(self, task: Task) -> Record:
        """Write the record of a task that ended so, and return it."""
        record = failed_record(task.job, self.status, self.kind, self.message, self.trace)
        # The worker may have removed the folder.
        task.folder.mkdir(parents=True, exist_ok=True)
        return write_record(task.folder, record)


@dataclass(frozen=True)
class Terms:
    """How a job is carried out.

    Parameters
    ----------
    timeout : float or None
        Seconds that it may take.
    surroundings : mapping
        ``path``, where modules are looked for, and ``plugins``; by default those of this process.
    variables : mapping of str to str
        Of its environment, where they differ from this process's.
    held : sequence of int
        File descriptors that its process keeps open.
    kept : sequence of str
        What earlier attempts left in its folder and stays there.
    stopped : callable
        Whether it is to end, because nobody waits for it any more.
    """

    timeout: float | None = None
    surroundings: Mapping[str, Any] | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    held: Sequence[int] = ()
    kept: Sequence[str] = (TRAINING,)
    stopped: Callable[[], bool] = lambda: False


def run_in_processes(
    tasks: Sequence[Task], events: Events, timeout: float | None = None, retries: int = 0
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

        def told(report: Report, job: Job = task.job) -> None:
            events.progress(job, report.phase, report.done, report.total, report.values)

        for left in range(retries, -1, -1):
            ended, interrupted = run_in_process(task, told, Terms(timeout))
            record = ended.recorded(task) if isinstance(ended, Unrecorded) else ended
            if interrupted or record.finished or not left:
                break
            say_again(task.job, record.status, left)
        yield task, record
        if interrupted:
            raise KeyboardInterrupt


def run_in_process(
    task: Task, told: Callable[[Report], object], terms: Terms
) -> tuple[Record | Unrecorded, bool]:
    """Run one task in a process of its own.

    Parameters
    ----------
    task : Task
        The job, and its folder.
    told : callable
        Takes what the process reports.
    terms : Terms
        How.

    Returns
    -------
    record : Record or Unrecorded
        What the process left.
    interrupted : bool
        Whether Ctrl-C stopped it.

    Raises
    ------
    StoppedError
        If it was stopped from outside before it had left a record.
    OSError
        If the job's folder cannot be written.
    """
    fresh_folder(task.folder, keep=terms.kept)
    surroundings = terms.surroundings or surroundings_here()
    write_json(JobFiles(task.folder).request, {"job": task.job.to_dict(), **surroundings})
    child = Child(task.folder, terms.variables, terms.held)
    ended = _ended(task, child, told, terms)
    interrupted = ended is not None and ended[0] == "interrupted"
    record, refusal = claimed_record(task)
    if record is not None:
        return record, interrupted
    if ended is None:
        raise StoppedError
    status, kind, message = ("error", "RecordRefused", refusal) if refusal else ended
    return Unrecorded(status, kind, message, _tail(JobFiles(task.folder).log)), interrupted


def surroundings_here() -> dict[str, Any]:
    """Return what a job's process needs to find the same modules and plugins as this one."""
    return {
        "path": [str(Path(place).absolute()) for place in sys.path],
        "plugins": host().described(),
    }


def _ended(
    task: Task, child: Child, told: Callable[[Report], object], terms: Terms
) -> tuple[str, str, str] | None:
    """Run one worker to its end; return the status, type and message of a job that left no record."""
    try:
        for report in child.progress(terms.timeout or math.inf, terms.stopped):
            told(report)
        return "error", "WorkerDied", _cause_of_death(child.returncode)
    except StoppedError:
        return None
    except TimeoutError:
        limit = "its end" if terms.timeout is None else f"{terms.timeout:g} s"
        return "timeout", "TimeoutError", f"stopped after {limit}; allow more time (timeout)"
    except KeyboardInterrupt:
        return "interrupted", "KeyboardInterrupt", "stopped with Ctrl-C; run the same command to continue"
    finally:
        child.stop()


def _cause_of_death(returncode: int) -> str:
    if returncode >= 0:
        return f"worker exited with code {returncode} without a record; see {LOG}"
    return f"worker {killed_by(-returncode, LOG)}"


def _tail(log: Path) -> str:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - _TAIL))
            return file.read(_TAIL).decode(errors="replace")
    except OSError:
        return ""
