"""A worker process, seen from the process that started it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from a2ibench.bench.record import LOG, RECORD

_POLL = 0.1
_PATIENCE = 3.0
_GRACE = 10.0


class Child:
    """Starts the worker of a job's folder; what it and its plugins print goes to log.txt there.

    The worker leads a process group of its own, so that Ctrl-C in the terminal does not reach it and
    stopping it stops whatever it has started.

    Parameters
    ----------
    folder : Path
        A job's folder with job.json.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with (folder / LOG).open("ab") as log:
            self._process = subprocess.Popen(
                _command(folder),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._silent = False
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    @property
    def returncode(self) -> int:
        """Exit code, or the negative number of the signal that ended it."""
        return self._process.wait()

    def progress(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield what the worker reports until it has ended.

        Raises
        ------
        TimeoutError
            If it has not ended after this many seconds, or a while after its record was complete.
        """
        deadline = time.monotonic() + seconds
        while self._process.poll() is None:
            yield from self._received(_POLL)
            now = time.monotonic()
            if now > deadline:
                raise TimeoutError
            if (self._folder / RECORD).exists():
                deadline = min(deadline, now + _GRACE)
        self._reader.join(_POLL)
        while not self._lines.empty():
            yield from self._received(0)

    def stop(self) -> None:
        """End the worker's process group if the worker still runs: first asking, then not."""
        try:
            if self._process.poll() is None:
                self._signal(signal.SIGTERM)
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(_PATIENCE)
        finally:
            if self._process.poll() is None:
                self._signal(signal.SIGKILL)
            self._process.wait()
            if self._process.stdin is not None:
                self._process.stdin.close()

    def _received(self, seconds: float) -> Iterator[dict[str, Any]]:
        if self._silent:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            return
        try:
            line = self._lines.get(timeout=seconds)
        except queue.Empty:
            return
        if line is None:
            self._silent = True
            return
        # The last line of a worker that was killed may be cut.
        with suppress(ValueError):
            yield json.loads(line)

    def _read(self, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put(None)

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, number)
            else:
                self._process.send_signal(number)


def _command(folder: Path) -> list[str]:
    # As in this process, modules in the working folder must not shadow installed ones.
    safe = [] if {"", str(Path.cwd())} & set(sys.path) else ["-P"]
    return [sys.executable, "-u", *safe, "-m", "a2ibench.bench.worker", str(folder)]
