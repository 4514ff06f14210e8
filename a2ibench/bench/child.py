"""A worker process, seen from the process that started it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from a2ibench.bench.events import Report, parse_report
from a2ibench.bench.record import LOG, RECORD
from a2ibench.isolation.pipes import Lines
from a2ibench.isolation.supervised import PATIENCE, Supervised, python_module

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
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with (folder / LOG).open("ab") as log:
            self._process = Supervised(
                _command(folder), stderr=log, environment=_environment(), patience=_PATIENCE
            )
        self._lines = Lines(self._process.stdout)
        self._silent = False

    @property
    def returncode(self) -> int:
        """Exit code, or the negative number of the signal that ended it."""
        return self._process.returncode

    def progress(self, seconds: float) -> Iterator[Report]:
        """Yield what the worker reports until it has ended.

        Raises
        ------
        TimeoutError
            If it has not ended after this many seconds, or a while after its record was complete.
        """
        deadline = time.monotonic() + seconds
        while not self._process.ended():
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
    return python_module("a2ibench.bench.worker", str(folder.absolute()))


def _environment() -> dict[str, str]:
    # A method may change the working folder, and what follows it must still find everything.
    cache = os.environ.get("A2IBENCH_CACHE")
    given = {} if not cache else {"A2IBENCH_CACHE": str(Path(cache).expanduser().absolute())}
    return dict(os.environ) | given
