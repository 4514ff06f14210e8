"""One option, wherever it is given: on the command line, in a run file or in Python."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any

from a2ibench.errors import naming_option
from a2ibench.values import Reader


@dataclass(frozen=True)
class Option:
    """One option, wherever it is given.

    Parameters
    ----------
    help : str
        What the command line says of it; other options in it are fields, as in `OptionError`.
    metavar : str
        What is given on the command line; empty where it is on or off, or where only Python has it.
    type : type
        Of the value on the command line: tuple for numbers.
    doc : str
        What the documentation of Python says instead of `help`.
    example : str
        Of a tuple, for messages.
    off : str
        What the command line says of ``--no-NAME``, which gives False; empty where there is none. What is on
        or off and has one is on by default, and has nothing else there.
    key : callable or str
        Reads the value of a run file; or what to do instead, where a run file cannot hold it.
    check : callable
        Returns the value to use of what was given, and of the checked values of `needs`.
    needs : tuple of str
        Other options that the check depends on.
    """

    help: str
    metavar: str = ""
    type: type = str
    doc: str = ""
    example: str = ""
    off: str = ""
    key: Reader | str = ""
    check: Callable[..., Any] = lambda value: value
    needs: tuple[str, ...] = ()

    @property
    def in_python_only(self) -> bool:
        """Whether the command line does not have it."""
        return not self.metavar and self.type is not bool

    def default(self, value: Any = None, **changes: Any) -> Any:
        """Return a field of a table with this option, changed where this table differs from others."""
        return field(default=value, metadata={"option": replace(self, **changes)})


def options_of(table: type) -> dict[str, Option]:
    """Return the options of a table by name, in its order."""
    return {one.name: one.metadata["option"] for one in fields(table)}


def check_option(name: str, options: object) -> Any:
    """Return the value to use of one option.

    Raises
    ------
    UnknownNameError
        If nothing has a name that it gives.
    OptionError
        If it cannot be used.
    """
    option = options_of(type(options))[name]
    others = [check_option(other, options) for other in option.needs]
    with naming_option(name):
        return option.check(getattr(options, name), *others)
