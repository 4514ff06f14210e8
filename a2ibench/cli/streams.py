"""Standard streams that take every text, and that may be closed at the other end."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import Any

from a2ibench.cli.errors import ExitCode, say_error


def prepare_streams() -> None:
    """Open closed standard streams on the null device, and have what a terminal cannot show escaped."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, _null(number, "w" if number else "r"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="backslashreplace")


def written_out(code: int) -> int:
    """Return the exit code of a command once its output is written, or that of output that cannot be."""
    try:
        sys.stdout.flush()
    except OSError as error:
        drop_output()
        if code != ExitCode.OK:
            return code
        if isinstance(error, BrokenPipeError):
            return int(ExitCode.OUTPUT_CLOSED)
        say_error(error)
        return int(ExitCode.BAD_INPUT)
    return code


def drop_output() -> None:
    """Send what is still to be written to the null device; else the interpreter complains at its end."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _null(number: int, mode: str) -> Any:
    # The next file to be opened would get the number, and what libraries print would end up in it.
    try:
        os.fstat(number)
    except OSError:
        null = os.open(os.devnull, os.O_RDWR)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        os.set_inheritable(number, True)
    else:
        number = os.open(os.devnull, os.O_RDWR)
    return os.fdopen(number, mode, encoding="utf-8", closefd=False)
