"""How errors look on the command line: one line each."""

from __future__ import annotations

from typing import Any

import typer

from a2ibench.errors import A2IBenchError, one_line

# Paths and lists of names are long, and cut short they would not help.
_LONGEST = 4000

# Some typer releases carry their own click and others import it; the public class leads to either's base.
CommandLineError: Any = typer.BadParameter.__mro__[2]


def say_error(error: Exception | str) -> None:
    """Write an error to stderr in one line."""
    typer.echo(f"a2ibench: error: {in_one_line(error)}", err=True)


def in_one_line(error: Exception | str) -> str:
    """Return what an error says as one printable line; of wrong usage also where the help is."""
    if isinstance(error, CommandLineError):
        context = getattr(error, "ctx", None)
        help_of = f"; see {context.command_path} --help" if context is not None else ""
        text = str(error.format_message()).rstrip(".") + help_of
    elif isinstance(error, OSError) and error.strerror and not isinstance(error, A2IBenchError):
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = str(error)
    return one_line(text, _LONGEST)
