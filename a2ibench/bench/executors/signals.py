"""Signals that a job sends to the processes above it, noted before they are sent."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil

SIGNAL_SENT: Final = "signal-sent.txt"


def tell_signals(folder: Path) -> None:
    """Have this process note in a job's folder that it sends a signal to a process above it."""

    def heard(event: str, given: tuple[Any, ...]) -> None:
        if event in ("os.kill", "os.killpg") and given[1] != 0 and _is_above(event, abs(int(given[0]))):
            with suppress(OSError):
                (folder / SIGNAL_SENT).write_text(f"{event} {given[0]} {given[1]}\n", encoding="ascii")

    sys.addaudithook(heard)


def _is_above(event: str, target: int) -> bool:
    above = [process.pid for process in psutil.Process().parents() if process.pid > 1]
    if event == "os.killpg":
        above = [os.getpgid(pid) for pid in above]
    return target in above
