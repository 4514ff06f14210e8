"""The options that a run file and a command line give together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from a2ibench.bench.device import resolve_device
from a2ibench.bench.executors import EXECUTORS
from a2ibench.bench.plan import check_timeout
from a2ibench.bench.run_file import RunFile, naming
from a2ibench.bench.selection import (
    ALL,
    PRECISIONS,
    SetTo,
    choose_datasets,
    choose_methods,
    choose_one,
    choose_profile,
    known_datasets,
    parse_setting,
)
from a2ibench.contracts import Budget
from a2ibench.errors import InputError
from a2ibench.registry import host


def combined_options(file: RunFile, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a run; what the command line gives counts before what the file says.

    Parameters
    ----------
    file : RunFile
        The file. What the command line leaves to it is checked here, such that an error can name it.
    given : mapping
        Options of the command line by name, with ``settings`` as a list of texts ``METHOD.KEY=VALUE``.

    Returns
    -------
    dict
        Options of `plan_run`, and ``out`` where either names it. Settings of the file for methods that the
        command line leaves out are left out.

    Raises
    ------
    InputError
        If a name in the file is unknown, or a value is not allowed; names file, table and key.
    """
    options = dict(file.options) | dict(given)
    for key, check in _CHECKS.items():
        if key in file.options and key not in given:
            with naming(f"{file.path}: ", key):
                check(options)
    methods = choose_methods(options.get("methods", ALL))
    settings = list(_checked_settings(file, methods, strict="methods" not in given))
    return options | {"settings": [*settings, *given.get("settings", ())]}


def _checked_settings(file: RunFile, methods: Sequence[str], *, strict: bool) -> Iterator[SetTo]:
    for method, table in file.settings.items():
        place = f"{file.path}: [settings.{method}]: "
        with naming(place):
            host().find("method", method)
            if strict and method not in methods:
                raise InputError(f"{method} is not run; add it to methods, or remove the table")
        for key, value in table.items() if method in methods else ():
            with naming(place, key, before_key=f"{method}."):
                parse_setting(method, key, value)
            yield method, key, value


_CHECKS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "methods": lambda options: choose_methods(options["methods"]),
    "catalogue": lambda options: known_datasets(options["catalogue"]),
    "datasets": lambda options: choose_datasets(options["datasets"], options.get("catalogue")),
    "profile": lambda options: choose_profile(options["profile"]),
    "device": lambda options: resolve_device(options["device"]),
    "precision": lambda options: choose_one("precision", options["precision"], PRECISIONS),
    "budget": lambda options: Budget.parse(options["budget"]),
    "executor": lambda options: choose_one("executor", options["executor"], EXECUTORS),
    "timeout": lambda options: check_timeout(options["timeout"], options.get("executor", "process")),
}
