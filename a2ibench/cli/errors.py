"""How errors look on the command line, one line each; the exit codes; streams that may be closed."""

from __future__ import annotations

import contextlib
import io
import os
import sys
import traceback
from enum import IntEnum
from typing import Any

import typer

from a2ibench.errors import A2IBenchError, OptionError, one_line, printable


class ExitCode(IntEnum):
    """What a script can tell from the exit code."""

    OK = 0
    """Everything asked for was done; skipped jobs count as done."""
    BROKEN = 1
    """A comparison or a check came out negative."""
    BAD_INPUT = 2
    """Wrong usage or input that cannot be used; nothing was run."""
    SOME_FAILED = 3
    """Some jobs, metrics, reports or downloads failed, or something that nobody foresaw."""
    INTERRUPTED = 130
    """Stopped with Ctrl-C; finished jobs are kept."""
    OUTPUT_CLOSED = 141
    """Whoever read the output closed it before its end, as ``head`` does; as if ended by SIGPIPE."""


class InterruptedElsewhereError(Exception):
    """The run that is followed was interrupted, and this command ends as that did."""


# Some typer releases carry their own click and others import it; the public class leads to either's base.
CommandLineError: Any = typer.BadParameter.__mro__[2]

_FIRST, _LAST = 700, 290


def say(text: object, *, err: bool = False) -> None:
    """Write a text that may come from elsewhere, such as a path, in one printable line."""
    typer.echo(printable(str(text)), err=err)


def say_progress(line: str) -> None:
    """Write a line about work that goes on, to stderr; that nobody can read it does not stop the work."""
    with contextlib.suppress(OSError):
        say(line, err=True)


def say_error(error: Exception | str) -> None:
    """Write an error to stderr in one line."""
    # Where stderr is closed, the exit code is all that can be told.
    with contextlib.suppress(OSError):
        typer.echo(f"a2ibench: error: {in_one_line(error)}", err=True)


def say_traceback() -> None:
    """Write to stderr where the error that is being handled comes from."""
    with contextlib.suppress(OSError):
        typer.echo("\n".join(map(printable, traceback.format_exc().splitlines())), err=True)


_WORDS = {"settings": "set", "environments": "environment"}
"""Options that the command line gives one by one."""


def flag(name: str, value: str = "") -> str:
    """Return an option as it is given on the command line.

    Parameters
    ----------
    name : str
        Its keyword in Python.
    value : str
        What to give; True and False are what an option without a value is on and off.
    """
    word = _WORDS.get(name) or name.replace("_", "-")
    words = {"": f"--{word}", "True": f"--{word}", "False": f"--no-{word}"}
    return words.get(value) or f"--{word} {value.strip('()').replace(', ', ',')}"


def in_one_line(error: Exception | str) -> str:
    """Return what an error says in one printable line; of wrong usage also where the help is.

    The length is bounded: of a longer line the middle is left out, since its end tells what to do.
    """
    if isinstance(error, CommandLineError):
        context = getattr(error, "ctx", None)
        help_of = f"; see {context.command_path} --help" if context is not None else ""
        text = str(error.format_message()).rstrip(".") + help_of
    elif isinstance(error, OSError) and error.strerror and not isinstance(error, A2IBenchError):
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    elif isinstance(error, OptionError):
        text = error.named(flag)
    else:
        text = str(error)
    line = one_line(text, sys.maxsize)
    return line if len(line) <= _FIRST + _LAST + 5 else f"{line[:_FIRST]} ... {line[-_LAST:]}"


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
