"""Processes apart: nothing that other people's code does in one harms this one or outlives its task.

This module serves code within such a process, and tells who ended it.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn


class ProcessEnded(BaseException):
    """Raised in place of ``os._exit`` where code that is not ours must not end the process."""


class _Interrupts:
    watched = False
    seen = False
    ignored = False


def ignore_interrupts() -> None:
    """Ignore Ctrl-C, which reaches all processes of a terminal; another process says what becomes of this."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _Interrupts.ignored = True


def is_ctrl_c() -> bool:
    """Whether a KeyboardInterrupt came from the user, and not from code that raised one by itself.

    Where nobody watches for Ctrl-C, as in a notebook, each of them counts as the user's.
    """
    if _Interrupts.ignored:
        return False
    return _Interrupts.seen or not _Interrupts.watched


_USUAL: Final = (signal.default_int_handler, signal.SIG_IGN)


@contextmanager
def watched_interrupts() -> Iterator[None]:
    """Take note of Ctrl-C for as long as the body takes, so that `is_ctrl_c` knows."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or usual not in _USUAL:
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        _Interrupts.seen = True
        signal.default_int_handler(number, frame)

    # Where it is ignored, as in the background of a shell, nobody can press it.
    if usual is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    _Interrupts.watched, _Interrupts.seen = True, False
    try:
        yield
    finally:
        _Interrupts.watched, _Interrupts.seen = False, False
        signal.signal(signal.SIGINT, usual)


@contextmanager
def no_exit() -> Iterator[None]:
    """Turn ``os._exit`` into a `ProcessEnded` for as long as the body takes, except in forked children."""
    own, end = os.getpid(), os._exit

    def refuse(status: int) -> NoReturn:
        if os.getpid() != own:
            end(status)
        raise ProcessEnded(f"os._exit({status!r}) was called {caller(sys._getframe(1))}")

    patched: Any = os
    patched._exit = refuse
    try:
        yield
    finally:
        patched._exit = end


def caller(frame: FrameType) -> str:
    """Return where a frame's code stands."""
    return f"in {Path(frame.f_code.co_filename).name}, line {frame.f_lineno}"


def origin(error: BaseException) -> str:
    """Return where an error was raised."""
    trace = error.__traceback__
    if trace is None:
        return "somewhere"
    while trace.tb_next is not None:
        trace = trace.tb_next
    return caller(trace.tb_frame)


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
