"""What a process keeps for itself of its standard streams, where the code of others writes to them, too."""

from __future__ import annotations

import os
import signal
import threading


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
