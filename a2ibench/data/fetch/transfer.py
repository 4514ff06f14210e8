"""What every transfer obeys and reports to: limits of time and of failures, and a progress bar."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from a2ibench.errors import A2IBenchError, DownloadError, one_line


@dataclass(frozen=True)
class RetryPolicy:
    """Limits of one download.

    Parameters
    ----------
    connect : float
        Seconds until a server has to accept a connection.
    read : float
        Seconds for which it may send nothing.
    attempts : int
        Failures in a row, without a byte or block gained, after which to give up. A transfer that was too
        slow has gained nothing.
    wait : float
        Seconds of pause after the first of them; each further one doubles it.
    longest_wait : float
        The longest pause in seconds, also where a server asks for more.
    slowest : float
        Bytes a second that a transfer must reach on average over `period` seconds.
    period : float
        Seconds over which the rate is judged.
    total : float
        Seconds that the whole download may take, pauses included.
    """

    connect: float = 15.0
    read: float = 60.0
    attempts: int = 4
    wait: float = 1.0
    longest_wait: float = 60.0
    slowest: float = 1024.0
    period: float = 60.0
    total: float = 24 * 3600.0

    def pause(self, failures: int, asked: float = 0.0) -> None:
        """Sleep after so many failures in a row; `asked` are the seconds that the server wants."""
        time.sleep(min(max(self.wait * 2 ** (failures - 1), asked), self.longest_wait))


Result = TypeVar("Result")

_TROUBLE = re.compile(r"UNAVAILABLE|DEADLINE_EXCEEDED|ABORTED|retry attempts|HTTP response code: 5\d\d")


def retried(call: Callable[[], Result], retry: RetryPolicy) -> Result:
    """Return what `call` returns, which reads from a server and may be called several times.

    Raises
    ------
    A2IBenchError
        What it raises, where asking again would not help, or has not helped.
    """
    failures = 0
    while True:
        try:
            return call()
        except A2IBenchError as error:
            failures += 1
            if failures >= retry.attempts or not _may_pass(error):
                raise
        retry.pause(failures)


def end_stalls(retry: RetryPolicy) -> None:
    """Let tensorstore give up a connection that is silent or too slow; by itself it waits for ever.

    It reads these variables at its first connection. The other libraries have limits of their own, of at
    most five minutes.
    """
    os.environ.setdefault("TENSORSTORE_CURL_LOW_SPEED_TIME_SECONDS", f"{max(retry.read, 1):.0f}")
    os.environ.setdefault("TENSORSTORE_CURL_LOW_SPEED_LIMIT_BYTES", f"{max(retry.slowest, 1):.0f}")


def _may_pass(error: BaseException) -> bool:
    for cause in _causes(error):
        status: Any = getattr(cause, "status", None)
        if isinstance(status, int):
            return status >= 500 or status == 429
        if isinstance(cause, FileNotFoundError | PermissionError):
            return False
        if isinstance(cause, OSError | EOFError) and not isinstance(cause, A2IBenchError):
            return True
        if type(cause).__module__.startswith(("aiohttp", "botocore")) or _TROUBLE.search(str(cause)):
            return True
    return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__
    # The innermost knows best.
    return reversed(found)


class Pace:
    """The time that a download has, over all its attempts.

    Parameters
    ----------
    retry : RetryPolicy
        The limits.
    clock : callable
        Returns seconds.
    """

    def __init__(self, retry: RetryPolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._retry, self._clock = retry, clock
        self._begun = self._since = clock()
        self._bytes = 0

    def start(self) -> None:
        """Begin to count the bytes of an attempt."""
        self._since, self._bytes = self._clock(), 0

    @property
    def left(self) -> float:
        """Seconds that are left for the whole download."""
        return self._retry.total - (self._clock() - self._begun)

    def check(self) -> None:
        """Go on while there is time.

        Raises
        ------
        DownloadError
            If the time of the whole download is over.
        """
        if self.left <= 0:
            raise DownloadError(f"the download was not complete after {self._retry.total:g} s")

    def too_slow(self, size: int) -> bool:
        """Count `size` more bytes; return whether a period is over in which there were too few."""
        self._bytes += size
        passed = self._clock() - self._since
        if passed < self._retry.period:
            return False
        slow = self._bytes < self._retry.slowest * passed
        self.start()
        return slow

    @property
    def slow_text(self) -> str:
        """What is said of a transfer that is too slow."""
        least = math.ceil(self._retry.slowest)
        return f"the server sent less than {least} bytes a second for {self._retry.period:g} s"


class DownloadBar:
    """Shows how far a download has come.

    Parameters
    ----------
    title : str
        Shown in front of the bar.
    """

    def __init__(self, title: str) -> None:
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task(one_line(title), total=None)

    def __enter__(self) -> DownloadBar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, there: int, total: int | None) -> None:
        """Start an attempt with the bytes that are there already; the total is None where nobody tells."""
        # What is there was not transferred now, so it does not count for the speed.
        self._progress.reset(self._task, total=total, completed=there)

    def update(self, size: int) -> None:
        """Count `size` more bytes."""
        self._progress.advance(self._task, size)

    @property
    def done(self) -> float:
        """Bytes counted so far."""
        return self._progress.tasks[self._task].completed

    @property
    def total(self) -> float | None:
        """Bytes of the whole; None where nobody tells."""
        return self._progress.tasks[self._task].total
