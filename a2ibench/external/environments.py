"""Other Pythons by name, and which methods run in them: what a run file or an option says, checked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from a2ibench.errors import InputError, UnknownNameError, one_line
from a2ibench.external.interpreter import describe, parse
from a2ibench.settings import Value
from a2ibench.values import literal, names, show, within

_KEYS: Final = ("python", "methods")
_FOLDER: Final = "folder"
Tables = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Environment:
    """Another Python.

    Parameters
    ----------
    name : str
        What it is called here; its path, where it is called nothing else.
    python : str
        Absolute path of the interpreter.
    told : mapping
        What it says of itself and of one method, JSON-able; empty where no method is chosen.
    """

    name: str
    python: str
    told: Mapping[str, Any] = field(default_factory=dict)

    def of(self, method: str) -> Environment:
        """Return this environment for one of its methods.

        Raises
        ------
        InputError
            If it has none of that name, or none that works.
        """
        told = {name: value for name, value in describe(self.python).items() if name not in _OF_ALL}
        return Environment(self.name, self.python, told | {"method": dict(self._method(method))})

    def parse(self, method: str, key: str, value: Value) -> Value:
        """Return the value of a setting of a method there.

        Raises
        ------
        InputError
            If it is not allowed, or there is no such method or setting.
        """
        return parse(self.python, self._method(method)["target"], method, key, value)

    def _method(self, name: str) -> Mapping[str, Any]:
        described = describe(self.python)
        methods, problems = described["methods"], described["problems"]
        if name not in methods or name in problems:
            failed = [f"plugin {one} failed: {one_line(line, 200)}" for one, line in problems.items()]
            failed.sort(key=lambda line: not line.startswith(f"plugin {name} "))
            unknown = str(UnknownNameError("method", name, methods))
            raise InputError("; ".join([f"{self.python}: {unknown}", *failed[:1]]))
        found: Mapping[str, Any] = methods[name]
        return found


_OF_ALL: Final = ("methods", "problems")


def read_environments(value: Any) -> dict[str, dict[str, Any]]:
    """Read tables by name, each with ``python`` and ``methods``.

    Raises
    ------
    ValueError
        If the form is another one; names table and key.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"is {show(value)}; write a table [environments.NAME] for each Python")
    return {str(name): _read(str(name), table) for name, table in value.items()}


def _read(name: str, table: Any) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise ValueError(f".{name} is {show(table)}; write [environments.{name}], then python = PATH")
    for key in table:
        if key not in (*_KEYS, _FOLDER):
            raise ValueError(f".{name}: unknown key {str(key)!r}; give {' and '.join(_KEYS)}")
    if "python" not in table:
        raise ValueError(f'.{name} has no python; give python = "/path/to/venv/bin/python", say')
    given = dict(table)
    methods = within(f".{name}.methods", names, given.get("methods", []))
    listed = [methods] if isinstance(methods, str) else methods
    return given | {"python": within(f".{name}.python", literal, str(table["python"])), "methods": listed}


def with_assigned(tables: Tables, texts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return tables to which texts ``METHOD=PYTHON`` are added; they go before what tables say of a method.

    Parameters
    ----------
    tables : mapping
        As `read_environments` reads them.
    texts : iterable of str
        PYTHON is the name of a table, or a path.

    Raises
    ------
    InputError
        If a text has another form.
    """
    found = {name: dict(table) for name, table in tables.items()}
    for text in texts:
        method, equals, python = (part.strip() for part in str(text).partition("="))
        if not (method and equals and python):
            raise InputError(f"environments: got {text!r}; give METHOD=PYTHON")
        for table in found.values():
            table["methods"] = [name for name in table.get("methods", []) if name != method]
        table = found.setdefault(python, {"python": python, "methods": []})
        table["methods"] = [*table.get("methods", []), method]
    return found


def checked_environments(given: Tables | Sequence[str] | None) -> dict[str, Environment]:
    """Return environments by the name of the method that runs there, or of the variant.

    Parameters
    ----------
    given : mapping or sequence of str, optional
        By name: ``python``, ``methods`` and, if given, ``folder``, what a path is relative to, by default
        the working folder. Or texts ``METHOD=PYTHON``.

    Raises
    ------
    InputError
        If there is no such Python, it has no a2ibench that this one understands, or a method is assigned
        twice.
    """
    try:
        tables = read_environments(given if isinstance(given, Mapping) else with_assigned({}, given or ()))
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"environments{error}" if str(error)[0] == "." else f"environments: {error}"
        ) from None
    found: dict[str, Environment] = {}
    for name, table in tables.items():
        environment = Environment(name, _located(table["python"], Path(table.get(_FOLDER, Path.cwd())), name))
        for method in table["methods"]:
            if method in found:
                both = f"{found[method].name} and {name}"
                raise InputError(f"environments: {method} is assigned to {both}; assign it to one")
            found[method] = environment
        if table["methods"]:
            try:
                describe(environment.python)
            except InputError as error:
                raise InputError(f"environments: [{name}]: {error}") from None
    return found


def _located(text: str, folder: Path, name: str) -> str:
    try:
        place = Path(text).expanduser()
    except RuntimeError:
        place = Path(text)
    found: Path | str | None = folder / place
    if len(place.parts) == 1 and text[:1] != "~" and not (folder / place).exists():
        found = shutil.which(text)
    if found is not None and Path(found).is_dir():
        inner = ("Scripts/python.exe",) if os.name == "nt" else ("bin/python", "bin/python3")
        found = next((Path(found) / one for one in inner if (Path(found) / one).is_file()), None)
    if found is None or not (Path(found).is_file() and os.access(found, os.X_OK)):
        raise InputError(
            f"environments: [{name}]: {show(text)}: no such Python; give the path of an interpreter, "
            "such as VENV/bin/python"
        )
    # Not resolved: a link within a virtual environment is what makes it one.
    return str(Path(found).absolute())
