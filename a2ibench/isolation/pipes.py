"""Pipes between processes: standard streams kept for one alone, and what another writes, within bounds."""

from __future__ import annotations

import os
import queue
import signal
import threading
from collections.abc import Callable, Iterator
from typing import IO, Final

from a2ibench.errors import printable


def take_channels() -> tuple[int, int]:
    """Take over stdout and stdin: what is printed from now on goes to stderr, and nothing can be read.

    Returns
    -------
    answers, requests : int
        File descriptors of what stdout and stdin were.
    """
    answers, requests = os.dup(1), os.dup(0)
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return answers, requests


def end_with(lifeline: int) -> None:
    """End this process, and the group that it leads, once a file descriptor has come to its end."""
    threading.Thread(target=_wait_for_the_end, args=(lifeline,), daemon=True).start()


def _wait_for_the_end(lifeline: int) -> None:
    while os.read(lifeline, 4096):
        pass
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


OVERLONG: Final = b""
"""Stands for a line that was too long to be kept."""
_CHUNK = 1 << 16


class Lines:
    """Lines that wait to be taken; what comes faster than it is taken is left out.

    Parameters
    ----------
    stream : binary file
        The pipe, which is closed at its end.
    longest : int
        Bytes of the longest line that is kept.
    waiting : int
        How many lines may wait.
    """

    def __init__(self, stream: IO[bytes], longest: int = _CHUNK, waiting: int = 1000) -> None:
        self._lines: queue.Queue[bytes | None] = queue.Queue(waiting)
        self._longest = longest
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def get(self, seconds: float) -> bytes | None:
        """Return the next line, `OVERLONG` in place of one that was too long, None at the end.

        Raises
        ------
        TimeoutError
            If none came in time.
        """
        try:
            return self._lines.get(timeout=seconds) if seconds > 0 else self._lines.get_nowait()
        except queue.Empty:
            raise TimeoutError from None

    def finished(self, seconds: float) -> bool:
        """Whether the pipe has ended, after waiting for that for a while."""
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _read(self, stream: IO[bytes]) -> None:
        for line in _lines(stream, self._longest):
            self._keep(line)
        while not self._keep(None):
            self._lines.get_nowait()

    def _keep(self, line: bytes | None) -> bool:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            return False
        return True


class Output:
    """What a process prints: its end is kept, and each line handed on in printable characters.

    Parameters
    ----------
    stream : binary file
        The pipe, which is closed at its end.
    relay : callable, optional
        Takes each line, in the thread that reads.
    """

    def __init__(self, stream: IO[bytes], relay: Callable[[str], object] | None = None) -> None:
        self._relay, self._kept = relay, b""
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def end(self, seconds: float = 0.2) -> str:
        """Return the last lines, after waiting a while for the pipe's end."""
        self._thread.join(seconds)
        return self._kept.decode(errors="replace")

    def _read(self, stream: IO[bytes]) -> None:
        for line in _lines(stream, _CHUNK):
            self._kept = (self._kept + line + b"\n")[-4000:]
            if self._relay is not None:
                self._relay(printable(line.decode(errors="replace").replace("\t", "    ")))


def _lines(stream: IO[bytes], longest: int) -> Iterator[bytes]:
    held, overlong = b"", False
    with stream:
        while chunk := os.read(stream.fileno(), _CHUNK):
            *ended, rest = chunk.split(b"\n")
            for piece in ended:
                yield OVERLONG if overlong or len(held) + len(piece) > longest else held + piece
                held, overlong = b"", False
            overlong = overlong or len(held) + len(rest) > longest
            held = b"" if overlong else held + rest
    if held:
        yield held
