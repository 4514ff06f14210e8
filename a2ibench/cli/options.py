"""Options that several commands share, and numbers within one option."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from a2ibench.errors import InputError

_BOUND = re.compile(r"(\d*):(\d*)")


def numbers(option: str, text: str, form: str, example: str) -> Any:
    """Return the finite numbers that a text such as ``50,15,15`` holds, as a tuple of float.

    Parameters
    ----------
    option, text : str
        The option's name and value.
    form, example : str
        What is expected, such as ``Z,Y,X``, and an example of it.

    Raises
    ------
    InputError
        If it holds anything else, or another number of them.
    """
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError:
        found = ()
    if len(found) != form.count(",") + 1 or not all(map(math.isfinite, found)):
        raise InputError(f"{option}: got {text!r}; give {form}, such as {example}")
    return found


def bounds(option: str, text: str) -> Any:
    """Return start and stop along (z, y, x) of a text such as ``0:100,:,512:1024``; None where left out.

    Raises
    ------
    InputError
        If it has another form.
    """
    parts = [_BOUND.fullmatch(part.strip()) for part in text.split(",")]
    if len(parts) != 3 or None in parts:
        raise InputError(f"{option}: got {text!r}; give Z0:Z1,Y0:Y1,X0:X1, such as 0:100,:,512:1024")
    return tuple(tuple(int(end) if end else None for end in part.groups()) for part in parts if part)


def option(metavar: str, text: str, *names: str) -> Any:
    """Return an option whose help text alone says what its default is."""
    return typer.Option(*names, metavar=metavar, help=text, show_default=False)


Catalogue = Annotated[Path | None, option("FILE", "A datasets.toml instead of the one that ships.")]
