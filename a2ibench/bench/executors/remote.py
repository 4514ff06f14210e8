"""What a Dask worker does: starts a job's own process, tells how it goes, and answers with its record.

Only descriptions come here; the job's process loads the data. Where the run's folder is shared, the job
works in it; elsewhere it works in a folder of this machine, whose files the client fetches.
"""

from __future__ import annotations

import platform
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import psutil

from a2ibench import __version__
from a2ibench.bench.executors.attempts import (
    ATTEMPTS,
    KEPT,
    begin,
    forgiven_losses,
    note_loss,
    noted,
    read_attempts,
    taken_up,
)
from a2ibench.bench.executors.events import Report, Task
from a2ibench.bench.executors.job_lock import LOCKS, job_lock
from a2ibench.bench.executors.process import StoppedError, Terms, Unrecorded, claimed_record, run_in_process
from a2ibench.bench.job import Job
from a2ibench.bench.record import Record
from a2ibench.cluster.gpus import free_gpu
from a2ibench.errors import A2IBenchError

_PAUSE: Final = 0.5
CHUNK: Final = 8 << 20
"""Bytes of a file that travel at once."""


class OtherReleaseError(A2IBenchError, RuntimeError):
    """A worker runs another release of a2ibench than the command."""


def run_task(request: Mapping[str, Any]) -> dict[str, Any]:
    """Run one job; called by Dask in a thread of a worker.

    Parameters
    ----------
    request : mapping
        ``a2ibench`` (release), ``job``, ``name`` (of the job), ``folder`` (of the job, as the client sees
        it), ``locks``, ``token`` (a file that only this run has; who sees it shares the folder), ``run``
        (which command it is), ``topic`` (of events), ``surroundings``, ``timeout`` and ``retries``.

    Returns
    -------
    dict
        ``record``, as `Record.to_dict` gives it, or ``unrecorded``, the fields of an `Unrecorded`;
        ``shared`` and ``worker``, its address; where it is not shared, ``folder`` on this machine and
        ``files``, their sizes by path.

    Raises
    ------
    OtherReleaseError
        If this is not the release of the client.
    distributed.Reschedule
        If the worker is about to end, or nobody waits for the job any more.
    OSError
        If the run's folder is shared and cannot be written.
    """
    from distributed import Reschedule

    if request["a2ibench"] != __version__:
        raise OtherReleaseError(
            f"a worker on {platform.node()} has a2ibench {__version__}, and this command "
            f"{request['a2ibench']}; install the same release in both"
        )
    shared = Path(request["token"]).exists()
    here = None if shared else _folder_here(request["run"])
    execution = _Execution(request, here)
    try:
        with job_lock(execution.locks / f"{request['name']}.lock", execution.stopped) as held:
            outcome = execution.run(held)
    except (StoppedError, TimeoutError):
        execution.tell({"what": "stopped"})
        raise Reschedule from None
    except OSError as error:
        if shared:
            raise
        outcome = Unrecorded("error", type(error).__name__, f"on {platform.node()}: {error}")
    answer = {
        "worker": execution.worker,
        "shared": shared,
        "record": outcome.to_dict() if isinstance(outcome, Record) else None,
        "unrecorded": None if isinstance(outcome, Record) else asdict(outcome),
    }
    return answer if shared else {**answer, **_left(execution.task.folder)}


class _Execution:
    """One execution of a job on a worker."""

    def __init__(self, request: Mapping[str, Any], here: Path | None) -> None:
        from distributed import get_worker

        self._request, self._worker = request, get_worker()
        self._key, self.worker = self._worker.get_current_task(), self._worker.address
        folder = Path(request["folder"]) if here is None else here / request["name"]
        self.locks = Path(request["locks"]) if here is None else here / LOCKS
        self.task = Task(Job.from_dict(request["job"]), folder, 0, 0)
        self._phase, self._next = "", 0.0

    def stopped(self) -> bool:
        """Whether the worker is about to end, or the job was taken from it."""
        if self._worker.status.name not in ("running", "paused"):
            return True
        known = self._worker.state.tasks.get(self._key)
        return known is None or known.state not in ("executing", "long-running")

    def tell(self, event: Mapping[str, Any]) -> None:
        """Tell the client something of the job."""
        told = {"job": self._request["name"], "where": platform.node(), **event}
        self._worker.log_event(self._request["topic"], told)

    def run(self, held: Sequence[int]) -> Record | Unrecorded:
        """Run the job, and again as often as may be."""
        run, retries, folder = self._request["run"], self._request["retries"], self.task.folder
        before = read_attempts(folder, run)
        attempts = taken_up(folder, run)
        if attempts.unexplained > before.unexplained:
            note_loss(self.locks, self._request["name"])
        record, _ = claimed_record(self.task)
        if record is not None and record.finished and attempts.run == run and (folder / ATTEMPTS).exists():
            # An execution that was taken for dead has done it.
            return record
        forgiven = forgiven_losses(self.locks, self._request["name"])
        while (verdict := attempts.verdict(retries, forgiven)) is None:
            attempts = begin(folder, attempts)
            try:
                outcome = self._once(held)
            except (StoppedError, TimeoutError):
                noted(folder, replace(attempts, begun=0.0))
                raise
            if isinstance(outcome, Record) and outcome.finished:
                return outcome
            attempts = noted(folder, attempts.failed())
            if attempts.failures > retries:
                return outcome
            self.tell({"what": "again", "status": outcome.status, "left": retries + 1 - attempts.failures})
        return verdict

    def _once(self, held: Sequence[int]) -> Record | Unrecorded:
        surroundings = {**self._request["surroundings"], "watched": True}
        own: AbstractContextManager[Mapping[str, str]] = nullcontext({})
        if self.task.job.device == "cuda":
            own = free_gpu(self.stopped)
        with own as variables:
            self.tell({"what": "started"})
            terms = Terms(self._request["timeout"], surroundings, variables, held, KEPT, self.stopped)
            return run_in_process(self.task, self._told, terms)[0]

    def _told(self, report: Report) -> None:
        now = time.monotonic()
        if report.phase != self._phase or now >= self._next:
            self._phase, self._next = report.phase, now + _PAUSE
            self.tell({"what": "progress", **asdict(report)})


def _folder_here(run: str) -> Path:
    # The next execution on this machine finds it, and what a training had come to.
    name = re.sub(r"\W", "_", psutil.Process().username())
    folder = Path(tempfile.gettempdir()) / f"a2ibench-{name}" / run
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _left(folder: Path) -> dict[str, Any]:
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in KEPT)
    return {
        "folder": str(folder),
        "files": {p.relative_to(folder).as_posix(): p.stat().st_size for p in files},
    }


def read_chunk(folder: str, name: str, offset: int) -> bytes:
    """Return some bytes of a file that a job left on this machine."""
    with (Path(folder) / name).open("rb") as file:
        file.seek(offset)
        return file.read(CHUNK)


def remove_folder(folder: str) -> None:
    """Remove what a job left on this machine, once it has been fetched."""
    shutil.rmtree(folder, ignore_errors=True)
