"""Jobs on Dask: descriptions go to workers, each of which starts processes as `run_in_processes` does."""

from __future__ import annotations

import logging
import os
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from a2ibench import __version__
from a2ibench.bench.executors.attempts import ATTEMPTS, forgiven_losses, taken_up
from a2ibench.bench.executors.events import Events, Task, checked_report, say_again
from a2ibench.bench.executors.job_lock import LOCKS, remove_locks
from a2ibench.bench.executors.process import Unrecorded, claimed_record, surroundings_here
from a2ibench.bench.executors.remote import CHUNK, OtherReleaseError, read_chunk, remove_folder, run_task
from a2ibench.bench.paths import JobFiles
from a2ibench.bench.record import Record, restore_record
from a2ibench.cluster.client import connected
from a2ibench.cluster.options import GPU, ClusterOptions
from a2ibench.errors import A2IBenchError, InputError, OptionError, counted, one_line
from a2ibench.files import atomic_write, fresh_folder

if TYPE_CHECKING:
    from distributed import Client, Future

_logger = logging.getLogger(__name__)

_POLL: Final = 0.5
_LATE: Final = 60.0
_ENDING: Final = 15.0
_MOST_LOST: Final = 10


class SchedulerLostError(A2IBenchError, OSError):
    """The scheduler is gone, or cannot be reached any more."""


def run_on_cluster(
    tasks: Sequence[Task],
    events: Events,
    timeout: float | None = None,
    retries: int = 0,
    cluster: ClusterOptions | None = None,
) -> Iterator[tuple[Task, Record]]:
    """Run tasks on Dask workers, as many at once as these have threads, each in a process of its own.

    Parameters
    ----------
    tasks : sequence of Task
        What to run.
    events : Events
        Told how it goes, of several jobs by turns.
    timeout : float, optional
        Seconds that a job may take, not counting what it waits for a worker.
    retries : int
        How often a job that failed, or took its worker down, is tried again.
    cluster : ClusterOptions, optional
        Where; by default two workers of this machine.

    Yields
    ------
    task, record
        As each job ends.

    Raises
    ------
    InputError
        If there is no such scheduler, or its workers cannot run jobs of this release.
    SchedulerLostError
        If the scheduler is gone; its jobs are stopped, and run again with the next command.
    KeyboardInterrupt
        After Ctrl-C, once the records of the stopped jobs are written and yielded.
    """
    if not tasks:
        return
    options = cluster or ClusterOptions()
    with connected(options) as client, _token(tasks) as token:
        _check_gpus(client, options, tasks)
        _logger.info("jobs run on %s; dashboard: %s", _address(client), client.dashboard_link)
        grid = _Grid(client, tasks, events, token, {"timeout": timeout, "retries": retries}, options)
        try:
            yield from grid.records()
        except KeyboardInterrupt:
            yield from grid.interrupted()
            raise
        finally:
            grid.end()


@contextmanager
def _token(tasks: Sequence[Task]) -> Iterator[Path]:
    """Make a file by which workers know whether the run's folder is theirs, too."""
    jobs = tasks[0].folder.parent
    jobs.mkdir(parents=True, exist_ok=True)
    # Named as what a write may leave, should this process be killed.
    token = jobs.parent / f".{os.urandom(8).hex()}.tmp"
    token.touch()
    try:
        yield token
    finally:
        with suppress(OSError):
            token.unlink(missing_ok=True)
            remove_locks(jobs.parent / LOCKS)


def _address(client: Client) -> str:
    return str(getattr(client.scheduler, "address", "an unknown address"))


def _shown_to_workers(token: Path) -> str:
    return str(token)


def _check_gpus(client: Client, options: ClusterOptions, tasks: Sequence[Task]) -> None:
    if not any(task.job.device == "cuda" for task in tasks):
        return
    workers = client.scheduler_info(n_workers=-1)["workers"].values()
    if workers and not any(worker.get("resources", {}).get(GPU) for worker in workers):
        where = options.file or options.scheduler
        raise OptionError(
            "{scheduler}: jobs run on a GPU, and no worker of {where} tells that it has one; start workers "
            "with the resource GPU=1 for each GPU, or give {device:cpu}",
            where=where,
        )


class _Grid:
    """The jobs of a command, and what has become of them."""

    def __init__(
        self,
        client: Client,
        tasks: Sequence[Task],
        events: Events,
        token: Path,
        limits: Mapping[str, Any],
        options: ClusterOptions,
    ) -> None:
        self._client, self._events, self._limits = client, events, limits
        self._tasks = {task.job.name: task for task in tasks}
        self._token, self._described = token, options.described
        self._run = token.name.split(".")[1]
        self._topic = f"a2ibench-{self._run}"
        self._heard: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._futures: dict[str, Future[Any]] = {}
        self._begun: set[str] = set()
        self._running: set[str] = set()
        self._lost: dict[str, int] = {}
        self._surroundings, self._address = surroundings_here(), _address(client)
        # On a single worker nothing runs beside a job.
        self._alone = options.scheduler is None and options.file is None and options.count == 1
        client.subscribe_topic(self._topic, lambda event: self._heard.put(("event", event[1])))
        for name in self._tasks:
            self._submit(name)

    def records(self) -> Iterator[tuple[Task, Record]]:
        """Yield each task and its record as it ends."""
        while self._futures:
            for name, ended in self._news():
                record = self._record(self._tasks[name], ended)
                if record is None:
                    self._submit(name)
                    continue
                self._futures.pop(name).release()
                self._running.discard(name)
                self._start(name)
                yield self._tasks[name], record

    def interrupted(self) -> Iterator[tuple[Task, Record]]:
        """Stop all jobs, and yield those that ran with the records that they left, or are given."""
        self._client.cancel([*self._futures.values()], force=True)
        running, deadline = set(self._running), time.monotonic() + _ENDING
        while running and time.monotonic() < deadline:
            kind, event = self._next()
            if kind == "event" and event["what"] == "stopped":
                running.discard(event["job"])
        for name in self._tasks:
            if name in self._running:
                task = self._tasks[name]
                record, _ = claimed_record(task)
                stopped = Unrecorded(
                    "interrupted",
                    "KeyboardInterrupt",
                    "stopped with Ctrl-C; run the same command to continue",
                )
                yield task, record or stopped.recorded(task)

    def end(self) -> None:
        """Let go of jobs that are left."""
        with suppress(Exception):
            self._client.unsubscribe_topic(self._topic)
            self._client.cancel([*self._futures.values()], force=True)
        # Not before: of a worker that dies with an answer Dask may ask for the job again, and the notes tell
        # that it is done.
        for task in self._tasks.values():
            with suppress(OSError):
                (task.folder / ATTEMPTS).unlink(missing_ok=True)

    def _submit(self, name: str) -> None:
        task = self._tasks[name]
        job = task.job if self._alone else replace(task.job, beside=True)
        request = {
            "a2ibench": __version__,
            "job": job.to_dict(),
            "name": name,
            "folder": str(task.folder),
            "locks": str(self._token.parent / LOCKS),
            "token": _shown_to_workers(self._token),
            "run": self._run,
            "topic": self._topic,
            "surroundings": self._surroundings,
            **self._limits,
        }
        taken = {GPU: 1.0} if job.device == "cuda" else {}
        if self._described is not None:
            taken |= self._described.taken(job.method)
        attempt = self._lost.setdefault(name, 0)
        future = self._client.submit(
            run_task,
            request,
            key=f"a2ibench-job-{self._run}-{name}-{attempt}",
            pure=False,
            resources=taken or None,
            priority=-task.index,
        )
        self._futures[name] = future
        future.add_done_callback(lambda ended: self._heard.put(("done", (name, ended))))

    def _news(self) -> Iterator[tuple[str, Future[Any]]]:
        kind, what = self._next()
        if kind == "done":
            name, future = what
            current = self._futures.get(name)
            # One that was submitted anew in the meantime is told again.
            if current is not None and current is future:
                yield name, current
        elif kind == "event":
            self._show(what)

    def _next(self) -> tuple[str, Any]:
        try:
            return self._heard.get(timeout=_POLL)
        except queue.Empty:
            self._check_connected()
            return "", None

    def _check_connected(self) -> None:
        while self._client.status == "connecting":
            time.sleep(_POLL)
        if self._client.status != "running":
            raise SchedulerLostError(f"the scheduler at {self._address} is gone")

    def _show(self, event: Mapping[str, Any]) -> None:
        name, what = event["job"], event["what"]
        if name not in self._futures:
            return
        job = self._tasks[name].job
        if what == "started":
            self._running.add(name)
            self._start(name)
        elif what == "stopped":
            self._running.discard(name)
        elif what == "again":
            say_again(job, event["status"], event["left"])
        elif what == "progress":
            for report in checked_report(*(event[key] for key in ("phase", "done", "total", "values"))):
                self._events.progress(job, report.phase, report.done, report.total, report.values)

    def _start(self, name: str) -> None:
        if name not in self._begun:
            self._begun.add(name)
            task = self._tasks[name]
            self._events.job_started(task.job, task.index, task.total)

    def _record(self, task: Task, future: Future[Any]) -> Record | None:
        """Return the record of a job that ended; None where it is to be submitted again."""
        from distributed import CancelledError, KilledWorker

        try:
            answer = future.result()
        except KilledWorker:
            return self._after_loss(task)
        except CancelledError:
            self._check_connected()
            return self._after_loss(task)
        except OtherReleaseError as error:
            raise InputError(str(error)) from None
        except OSError:
            self._check_connected()
            raise
        except Exception as error:
            return Unrecorded("error", type(error).__name__, one_line(error)).recorded(task)
        try:
            return self._taken(task, answer)
        except _GoneError:
            return self._after_loss(task)

    def _after_loss(self, task: Task) -> Record | None:
        name = task.job.name
        self._lost[name] += 1
        self._running.discard(name)
        # Dask gives a job up after some workers are gone; whether the job is to blame its folder tells.
        forgiven = forgiven_losses(self._token.parent / LOCKS, name)
        verdict = taken_up(task.folder, self._run).verdict(self._limits["retries"], forgiven)
        known = (task.folder / ATTEMPTS).exists()
        if verdict is None and self._lost[name] > (_MOST_LOST if known else 1):
            count = counted(self._lost[name], "time")
            verdict = Unrecorded(
                "error", "WorkerLost", f"Dask gave the job up {count}, since its workers were gone"
            )
        return None if verdict is None else verdict.recorded(task)

    def _taken(self, task: Task, answer: Mapping[str, Any]) -> Record:
        if not answer["shared"]:
            self._fetch(task.folder, answer, all_of=answer["record"] is not None)
        if answer["unrecorded"] is not None:
            return Unrecorded(**answer["unrecorded"]).recorded(task)
        record = Record.from_dict(answer["record"])
        deadline = time.monotonic() + _LATE
        while True:
            # A shared file system may show late what another machine has written.
            found, refusal = claimed_record(task)
            if found is not None and found.digest == record.digest:
                break
            if refusal:
                return Unrecorded("error", "RecordRefused", refusal).recorded(task)
            if time.monotonic() > deadline:
                restore_record(task.folder, record)
                break
            time.sleep(_POLL / 5)
        return record

    def _fetch(self, folder: Path, answer: Mapping[str, Any], *, all_of: bool) -> None:
        """Copy a job's files, or its log alone, from the worker's machine, the record last."""
        fresh_folder(folder)
        files, last = answer["files"], JobFiles(folder).record
        wanted = files if all_of else files.keys() & {JobFiles(folder).log.name}
        for name in sorted(wanted, key=lambda name: (name == last.name, name)):
            place = folder / name
            if not place.resolve().is_relative_to(folder.resolve()):
                raise InputError(f"a worker answered with a file outside its job's folder: {name!r}")
            place.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(place) if place == last else place.open("wb") as file:
                for offset in range(0, files[name], CHUNK):
                    file.write(self._ask(answer["worker"], read_chunk, answer["folder"], name, offset))
        self._ask(answer["worker"], remove_folder, answer["folder"])

    def _ask(self, worker: str, function: Callable[..., Any], *given: Any) -> Any:
        try:
            return self._client.run(function, *given, workers=[worker])[worker]
        except (OSError, ValueError, LookupError) as error:
            raise _GoneError from error


class _GoneError(Exception):
    """A worker is gone whose answer was not taken yet."""
