"""Run files: everything that the options of ``a2ibench run`` say, in TOML."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2ibench.documents import read_toml
from a2ibench.errors import A2IBenchError, InputError, UnknownNameError
from a2ibench.settings import Value
from a2ibench.values import Reader, literal, number, show, whole, within

SETTINGS = "settings"


@dataclass(frozen=True)
class RunFile:
    """What a run file says.

    Parameters
    ----------
    path : Path
        The file.
    options : mapping
        Options of `plan_run`, and ``out``, by name; paths do not depend on the file's place any more.
    settings : mapping of str to mapping
        Settings by method, as the file has them.
    """

    path: Path
    options: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Value]]


def read_run_file(path: Path) -> RunFile:
    """Read a run file, and check the form of what it says.

    Parameters
    ----------
    path : Path
        A TOML file with keys of `OPTIONS` and tables ``[settings.METHOD]``. Paths in it are relative to it.

    Raises
    ------
    InputError
        If the file cannot be read, or a key is unknown or holds a value of another type; names file,
        table and key.
    """
    document = read_toml(path, "a run file")
    with naming(f"{path}: "):
        tables = _tables(document.pop(SETTINGS, {}))
        options = {key: _option(key, value) for key, value in document.items()}
    for key in _PATHS & options.keys():
        options[key] = path.parent / options[key]
    return RunFile(path, options, tables)


@contextmanager
def naming(place: str, key: str = "", before_key: str = "") -> Iterator[None]:
    """Put a place, and a key unless the message begins with it, in front of what is wrong in the body.

    Parameters
    ----------
    place : str
        With the colon and the space that follow it.
    key : str
        The key at that place, if it is about one.
    before_key : str
        What the message may begin with and the place says already.

    Raises
    ------
    InputError
        In place of any error on purpose.
    """
    try:
        yield
    except (A2IBenchError, ValueError) as error:
        message = str(error).removeprefix(before_key)
        named = not key or message.startswith(f"{key}:")
        raise InputError(f"{place}{message}" if named else f"{place}{key}: {message}") from error


def _option(key: str, value: Any) -> Any:
    if key in OPTIONS:
        return within(key, OPTIONS[key], value)
    if key in FLAGS_ONLY:
        raise ValueError(f"{key} cannot be in a file; {FLAGS_ONLY[key]}")
    if isinstance(value, dict):
        raise ValueError(f"unknown table [{_shown(key)}]; settings of a method go into [settings.METHOD]")
    raise UnknownNameError("key", key, (*OPTIONS, SETTINGS))


def _tables(value: Any) -> dict[str, dict[str, Value]]:
    if not isinstance(value, dict):
        raise ValueError(f"{SETTINGS} is {show(value)}; write a table [settings.METHOD] for each method")
    return {method: _table(method, table) for method, table in value.items()}


def _table(method: str, table: Any) -> dict[str, Value]:
    where = f"[settings.{_shown(method)}]"
    if not isinstance(table, dict):
        raise ValueError(f"{SETTINGS}.{_shown(method)} is {show(table)}; write {where}, then KEY = VALUE")
    for key, value in table.items():
        named = f"{where}: {_shown(key)}"
        if isinstance(value, dict):
            raise ValueError(f'{named} is a table; for a method a.b write [settings."a.b"]')
        if not isinstance(value, bool | int | float | str):
            raise ValueError(f"{named} is {show(value)}; give a number, a text, true or false")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{named} is {value}; give a finite number")
    return table


def _shown(name: str) -> str:
    return name if name.isprintable() else ascii(name)


def _names(value: Any) -> str | list[str]:
    if isinstance(value, list):
        return [within(f"[{index}]", literal, item) for index, item in enumerate(value)]
    if isinstance(value, str):
        return literal(value)
    raise ValueError(f'is {show(value)}; give a list of names, or "all"')


def _path(value: Any) -> Path:
    try:
        return Path(literal(value)).expanduser()
    except RuntimeError:
        raise ValueError(f"is {show(value)}, but there is no such home folder; write it out") from None


OPTIONS: Mapping[str, Reader] = {
    "methods": _names,
    "datasets": _names,
    "catalogue": _path,
    "profile": literal,
    "seeds": whole(1),
    "device": literal,
    "precision": literal,
    "budget": literal,
    "executor": literal,
    "timeout": number("a positive number of seconds", lambda value: 0 < value < math.inf),
    "out": _path,
}
"""Keys at the top of a run file, named after the options of the command line."""

FLAGS_ONLY: Mapping[str, str] = {
    "fresh": "every run of it would start over; give --fresh on the command line",
    "dry-run": "give --dry-run on the command line",
    "json": "give --json on the command line",
}
"""Options of the command line that are no keys, and what to do instead."""

_PATHS = {"catalogue", "out"}
