"""Run files: everything that the options of ``a2ibench run`` say, in TOML."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from a2ibench.bench.metric_settings import checked_metric_settings
from a2ibench.bench.options import COMMAND_ONLY, Option, RunOptions, check_option, options_of
from a2ibench.bench.rows import environment_of, refuse_settings
from a2ibench.bench.specs import (
    ALL,
    SetTo,
    chosen_rows,
    is_metric,
    method_names,
    metric_names,
    split_names,
)
from a2ibench.bench.variants import Variant, checked_setting, checked_variants, families
from a2ibench.documents import read_toml
from a2ibench.errors import A2IBenchError, InputError, OptionError, UnknownNameError
from a2ibench.external.command import Command, checked_commands
from a2ibench.external.environments import (
    Environment,
    checked_environments,
    read_environments,
    with_assigned,
)
from a2ibench.registry import host
from a2ibench.settings import Value
from a2ibench.values import Reader, show, within

SETTINGS = "settings"
METHODS, COMMANDS, ENVIRONMENTS, METRICS = "methods", "commands", "environments", "metrics"

_OPTIONS: Mapping[str, Option] = {**options_of(RunOptions), **COMMAND_ONLY}

KEYS: Mapping[str, Reader] = {name: one.key for name, one in _OPTIONS.items() if callable(one.key)}
"""Readers of the keys at the top of a run file, which are called as the options are in Python."""

INSTEAD: Mapping[str, str] = {
    name.replace("_", "-"): one.key for name, one in _OPTIONS.items() if isinstance(one.key, str) and one.key
}
"""Options of the command line that are no keys, and what to do instead."""


@dataclass(frozen=True)
class RunFile:
    """What a run file says.

    Parameters
    ----------
    path : Path
        The file.
    options : mapping
        Of `RunOptions`, by name; paths do not depend on the file's place any more.
    settings : mapping of str to mapping
        Settings by method and metric, as the file has them.
    """

    path: Path
    options: Mapping[str, Any]
    settings: Mapping[str, Mapping[str, Value]]


def read_run_file(path: Path) -> RunFile:
    """Read a run file, and check the form of what it says.

    Parameters
    ----------
    path : Path
        A TOML file with `KEYS` and tables ``[settings.METHOD]``, of variants and metrics, too. Paths in it
        are relative to it.

    Raises
    ------
    InputError
        If the file cannot be read, or a key is unknown or holds a value of another type; names file,
        table and key.
    """
    document = read_toml(path, "a run file")
    for key in INSTEAD.keys() & document.keys():
        raise OptionError("{file}: {key} cannot be in a file; " + INSTEAD[key], file=path, key=key)
    with naming(f"{path}: "):
        tables = _tables(document.pop(SETTINGS, {}))
        options = {key: _option(key, value) for key, value in _with_commands(document).items()}
    for key in {COMMANDS, ENVIRONMENTS} & options.keys():
        # Paths in them are found where they are used.
        here = {"folder": str(path.parent.absolute())}
        options[key] = {name: table | here for name, table in options[key].items()}
    for key, value in options.items():
        if isinstance(value, Path):
            options[key] = path.parent / value
    return RunFile(path, options, tables)


def combined_options(file: RunFile, given: Mapping[str, Any]) -> RunOptions:
    """Return the options of a run; what the command line gives counts before what the file says.

    Parameters
    ----------
    file : RunFile
        The file. What the command line leaves to it is checked here, such that an error can name it.
    given : mapping
        Options of the command line by name, with ``settings`` as a list of texts ``METHOD.KEY=VALUE``.

    Returns
    -------
    RunOptions
        Without the file's settings of methods and metrics that the command line leaves out.

    Raises
    ------
    InputError
        If a name in the file is unknown, or a value is not allowed; names file, table and key.
    """
    assigned = [str(text).partition("=")[0].strip() for text in given.get(ENVIRONMENTS, ())]
    if assigned:
        tables = with_assigned(file.options.get(ENVIRONMENTS, {}), given[ENVIRONMENTS])
        given = {**given, ENVIRONMENTS: tables}
    options = RunOptions(**{**file.options, **given})
    # A catalogue that cannot be read is named before the datasets in it.
    for key in sorted(file.options.keys() - given.keys(), key=lambda key: bool(_OPTIONS[key].needs)):
        with naming(f"{file.path}: ", key):
            check_option(key, options)
    environments = checked_environments(options.environments)
    variants = checked_variants(options.variants, environments)
    commands = checked_commands(options.commands)
    known = _Known(variants, commands, environments)
    if "methods" in given:
        # What the command line names is all that is run.
        variants = chosen_rows(options.methods, variants)
        commands = chosen_rows(options.methods, commands)
        if options.methods != ALL:
            listed = [*split_names(METHODS, options.methods), *assigned]
            options = replace(options, environments=_assigned(options, _rows(listed, variants), known))
            environments = checked_environments(options.environments)
    methods = method_names(options.methods, variants, commands, environments)
    rows = {name: {"method": one.method, **one.settings} for name, one in variants.items()}
    programs = {name: (options.commands or {})[name] for name in commands}
    strict = frozenset({METHODS, METRICS} - given.keys())
    settings = list(_checked_settings(file, methods, metric_names(options.metrics), known, strict))
    settings += given.get("settings", ())
    return replace(options, methods=methods, variants=rows, commands=programs, settings=settings)


class _Known(NamedTuple):
    variants: Mapping[str, Variant]
    commands: Mapping[str, Command]
    environments: Mapping[str, Environment]


def _rows(names: Sequence[str], variants: Mapping[str, Variant]) -> list[str]:
    groups = families(variants)
    return list(dict.fromkeys(row for name in names for row in groups.get(name, [name])))


def _assigned(options: RunOptions, rows: Sequence[str], known: _Known) -> dict[str, dict[str, Any]]:
    """Return the tables of environments with the rows that run there, and without others."""
    given = options.environments
    tables = read_environments(given) if isinstance(given, Mapping) else {}
    found = {name: {**table, METHODS: []} for name, table in tables.items()}
    for row in rows:
        environment = environment_of(row, known.variants, known.environments)
        if environment is not None:
            found[environment.name][METHODS].append(row)
    return found


def _with_commands(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document whose tables ``[methods.NAME]`` are those of commands; TOML has one or the other."""
    tables, others = document.get(METHODS), document.get(COMMANDS, {})
    if not isinstance(tables, dict) or not isinstance(others, dict):
        return dict(document)
    for name in tables.keys() & others.keys():
        raise ValueError(
            f"[methods.{_shown(name)}] and [commands.{_shown(name)}] are one; remove one of them"
        )
    rest = {key: value for key, value in document.items() if key != METHODS}
    return rest | {COMMANDS: {**others, **tables}}


def _checked_settings(
    file: RunFile, methods: Sequence[str], metrics: Sequence[str], known: _Known, strict: Collection[str]
) -> Iterator[SetTo]:
    variants = known.variants
    rows = {*methods, *(name for names in known for name in names)}
    for method, table in file.settings.items():
        place = f"{file.path}: [settings.{method}]: "
        with naming(place):
            of_metric = is_metric(method, rows, metrics)
            if of_metric and METRICS in strict and method not in metrics:
                raise InputError(
                    f"the metric {method} is not asked for; add it to metrics, or remove the table"
                )
        if of_metric:
            for key, value in table.items() if method in metrics else ():
                with naming(place, key, before_key=f"{method}."):
                    checked_metric_settings(method, {key: value})
                yield method, key, value
            continue
        registered = variants[method].method if method in variants else method
        where = environment_of(method, variants, known.environments)
        with naming(place):
            refuse_settings(method, known.commands)
            if where is None:
                host().find("method", registered)
            if METHODS in strict and method not in methods:
                raise InputError(f"{method} is not run; add it to methods, or remove the table")
        for key, value in table.items() if method in methods else ():
            with naming(place, key, before_key=f"{registered}."):
                checked_setting(registered, key, value, where)
            yield method, key, value


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
    if key in KEYS:
        return within(key, KEYS[key], value)
    if isinstance(value, dict):
        raise ValueError(f"unknown table [{_shown(key)}]; settings of a method go into [settings.METHOD]")
    raise UnknownNameError("key", key, (*KEYS, SETTINGS))


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
