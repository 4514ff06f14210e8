"""Hands pieces of a reconstruction out to the workers of a Dask cluster: their numbers travel, no arrays."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from a2ibench.bench.options import check_option
from a2ibench.cluster.client import connected, require_distributed
from a2ibench.cluster.gpus import free_gpu
from a2ibench.cluster.options import ClusterOptions
from a2ibench.data.writing.layout import ZYX
from a2ibench.data.writing.layout import Notes as BlockNotes
from a2ibench.errors import A2IBenchError, InputError, counted, one_line
from a2ibench.reconstruction.joining import Notes, Pieces, joined
from a2ibench.reconstruction.options import ReconstructOptions
from a2ibench.reconstruction.parts import Done
from a2ibench.reconstruction.paths import located
from a2ibench.reconstruction.reconstruct import Distribute
from a2ibench.reconstruction.request import opened

if TYPE_CHECKING:
    from distributed import Client, Future

_SECONDS: Final = 10.0
_MOST: Final = 16
_AHEAD: Final = 3
_LOOK: Final = 2.0
_RETRIES: Final = 2
_DEATHS: Final = 3


@dataclass(frozen=True)
class Job:
    """What a worker must know to do pieces.

    Parameters
    ----------
    token : str
        Tells this call from all others.
    source : str or Path
        The stack.
    target : Path
        The output.
    options : ReconstructOptions
        As the process that prepared it was given them.
    cuda : bool
        Whether the method runs on a GPU.
    """

    token: str
    source: str | Path
    target: Path
    options: ReconstructOptions
    cuda: bool = False


@dataclass(frozen=True)
class Refused:
    """Why pieces cannot be done, in one line."""

    reason: str


def distributing(
    cluster: ClusterOptions, source: str | Path, target: Path, options: ReconstructOptions
) -> Distribute:
    """Return what has the workers of a cluster do pieces; one that is to be started is when they may begin.

    Parameters
    ----------
    cluster : ClusterOptions
        Where they run.
    source, target, options
        As for `reconstruct_between`.

    Raises
    ------
    InputError
        If Dask is not installed, or no scheduler answers.
    """
    require_distributed()
    if cluster.scheduler is not None:
        # Before a training, after which nobody wants to learn of a mistyped address.
        with connected(cluster):
            pass
    plain = replace(options, progress=None, scheduler=None, workers=None, cluster=None)
    cuda = check_option("device", options) == "cuda"
    job = Job(uuid.uuid4().hex, located(source), target.absolute(), plain, cuda)

    def distribute(numbers: Sequence[int], take: Callable[[Done], None]) -> None:
        if numbers:
            with connected(cluster) as client:
                hand_out(client, do_pieces, job, numbers, take)

    return distribute


def hand_out(
    client: Client,
    function: Callable[[Job, tuple[int, ...]], Done | Refused],
    job: Job,
    numbers: Sequence[int],
    take: Callable[[Done], None],
    *,
    seconds: float = _SECONDS,
) -> None:
    """Have workers do pieces, a few tasks ahead of each, so that the scheduler never knows of more.

    Parameters
    ----------
    client : distributed.Client
        Of the scheduler.
    function : callable
        Does pieces on a worker; told the job and their numbers.
    job : Job
        What a worker must know.
    numbers : sequence of int
        Of the pieces.
    take : callable
        Told what a task tells.
    seconds : float
        So long a task is to take at least: short pieces are handed out several at a time.

    Raises
    ------
    InputError
        If a worker cannot do a piece, a piece has ended several workers, or the scheduler is lost.
    """
    from distributed import as_completed

    waiting, running = deque(numbers), dict[Any, tuple[int, ...]]()
    deaths = dict[tuple[int, ...], int]()
    pace, tasks = _Pace(client, seconds), as_completed(loop=client.loop)

    def submit(some: tuple[int, ...]) -> None:
        future = client.submit(
            function, job, some, key=f"pieces-{some[0]}-{uuid.uuid4().hex[:8]}", pure=False, retries=_RETRIES
        )
        running[future] = some
        tasks.add(future)

    def feed() -> None:
        while waiting and len(running) < pace.tasks():
            submit(tuple(waiting.popleft() for _ in range(pace.pieces(len(waiting)))))

    try:
        feed()
        for future in tasks:
            some = running.pop(future)
            found = _result(client, future)
            if isinstance(found, Refused):
                raise InputError(found.reason)
            if found is None:
                _count_death(deaths, some)
                # One by one, so that a piece that ends its worker takes no other along.
                for number in some:
                    submit((number,))
            else:
                take(found)
                pace.took(found)
            feed()
    finally:
        client.cancel(list(running))


def _result(client: Client, future: Future[Any]) -> Done | Refused | None:
    """Return what a task returned; None where its workers ended under it."""
    from distributed import KilledWorker

    try:
        found: Done | Refused = future.result()
    except KilledWorker:
        return None
    except Exception as error:  # what breaks a worker may be anything
        what = "a worker failed" if client.status == "running" else "the scheduler is lost"
        raise InputError(f"{what} ({one_line(error)}); give the same command again, which goes on") from error
    return found


def _count_death(deaths: dict[tuple[int, ...], int], some: tuple[int, ...]) -> None:
    deaths[some] = deaths.get(some, 0) + 1
    if deaths[some] >= _DEATHS:
        raise InputError(
            f"{counted(len(some), 'piece')} from number {some[0]} on ended all workers that tried; they may "
            "have too little memory: start them with more, and give the same command again, which goes on"
        )


class _Pace:
    """How many pieces and tasks are handed out, by how long pieces take and how many workers there are."""

    def __init__(self, client: Client, seconds: float) -> None:
        self._client, self._seconds = client, seconds
        self._looked, self._workers, self._pieces = -_LOOK, 0, 1

    def tasks(self) -> int:
        """Return how many tasks the scheduler is to know of: some for each worker there is now."""
        if time.monotonic() - self._looked >= _LOOK:
            self._workers, self._looked = len(self._client.nthreads()), time.monotonic()
        return max(1, _AHEAD * self._workers)

    def pieces(self, waiting: int) -> int:
        """Return how many pieces the next task is to have; fewer in the end, so that none is the last."""
        return max(1, min(self._pieces, waiting // self.tasks()))

    def took(self, done: Done) -> None:
        """Learn from a task that is done."""
        each = done.seconds / len(done.numbers)
        self._pieces = int(min(_MOST, self._seconds / each)) if each > 0 else 1


_computing = threading.Lock()
"""Of a worker's process: one task at a time has all its threads and its memory."""
_under_way = threading.Semaphore(2)
"""While one task computes, the one before may still write."""


class _Session:
    """The job that a worker's process has open, so that stack and checkpoint are read once."""

    def __init__(self) -> None:
        self._token, self._resources = "", ExitStack()
        self._pieces: Pieces | None = None
        self._blocks: dict[ZYX, Mapping[ZYX, BlockNotes]] = {}
        self._apart: dict[ZYX, Mapping[ZYX, BlockNotes]] = {}

    def do(self, job: Job, numbers: tuple[int, ...], computed: Callable[[], None]) -> Done:
        pieces, began = self._open(job), time.monotonic()
        _use_threads()
        pieces.do(numbers, computed)
        starts = pieces.starts(numbers)
        blocks, apart = (
            {at: note for start in starts for at, note in noted.pop(start, {}).items()}
            for noted in (self._blocks, self._apart)
        )
        return Done(numbers, blocks, apart, time.monotonic() - began)

    def _open(self, job: Job) -> Pieces:
        if self._pieces is None or self._token != job.token:
            self._resources.close()
            self._pieces, self._resources = None, ExitStack()
            if job.cuda:
                self._take_gpu()
            request = self._resources.enter_context(opened(job.source, job.target, job.options))
            notes = Notes(self._blocks.__setitem__, self._apart.__setitem__)
            self._pieces = self._resources.enter_context(joined(request, notes))
            self._token = job.token
            _keep_freed_memory()
        return self._pieces

    def _take_gpu(self) -> None:
        """Have a GPU that no other worker of the machine has, if there is one; else share them."""
        with suppress(TimeoutError):
            os.environ.update(self._resources.enter_context(free_gpu(lambda: True)))


_session = _Session()


def do_pieces(job: Job, numbers: tuple[int, ...]) -> Done | Refused:
    """Do pieces in a worker's process, and return what is noted of them.

    Parameters
    ----------
    job : Job
        What they are of.
    numbers : tuple of int
        Which.
    """
    from distributed import secede

    with _under_way, ExitStack() as turn:
        turn.enter_context(_computing)

        def hand_on() -> None:
            turn.close()
            # The worker begins the next task while this one waits for the disk.
            secede()

        try:
            return _session.do(job, numbers, hand_on)
        except A2IBenchError as error:
            return Refused(str(error))


def _use_threads() -> None:
    """Give networks the threads of the worker, and no more."""
    from distributed import get_worker

    if (torch := sys.modules.get("torch")) is not None:
        threads = get_worker().state.nthreads
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)


# What malloc comes to by itself; of glibc's malloc.h and its manual, mallopt(3).
_TRIM_THRESHOLD: Final = (-1, 1 << 25)
_MMAP_THRESHOLD: Final = (-3, 1 << 24)


def _keep_freed_memory() -> None:
    """Have malloc keep what is freed, as it does in any other process.

    Dask sets MALLOC_TRIM_THRESHOLD_ for its workers. From then on every array is of new pages, which the
    system fills with zeros first; cubic interpolation takes three times as long.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return  # another system's, which Dask does not change
    for option in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
        mallopt(*option)
