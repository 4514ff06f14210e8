"""From the names that a user gives to what they stand for; every wrong one is an error of one line."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from a2ibench.bench.device import cuda_present
from a2ibench.contracts import DatasetSpec
from a2ibench.data.catalogue import load_catalogue
from a2ibench.errors import InputError, OptionError, UnknownNameError
from a2ibench.protocol.profiles import PROFILES
from a2ibench.registry import host
from a2ibench.registry.schema import declared_settings
from a2ibench.settings import Value

Names = str | Sequence[str]
SetTo = tuple[str, str, Value]
"""Method, key and value of a setting."""

ALL = "all"
PRECISIONS = ("auto", "fp32", "bf16")
_BASELINE = "cubic"
_COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def choose_methods(names: Names = ALL) -> tuple[str, ...]:
    """Return the names of the wanted methods; for ``"all"`` the baseline comes first.

    Raises
    ------
    UnknownNameError
        If no plugin registers a name.
    PluginError
        If the plugin that gives a name does not work.
    InputError
        If there is no method at all.
    """
    if names == ALL:
        chosen = sorted(host().methods, key=lambda name: name != _BASELINE)
    else:
        chosen = _split("methods", names)
        for name in chosen:
            host().find("method", name)
    if not chosen:
        raise InputError("methods: no plugin registers any; see a2ibench doctor for what is wrong")
    return tuple(chosen)


def known_datasets(catalogue: Path | None = None) -> dict[str, DatasetSpec]:
    """Return all datasets by name: a catalogue's (by default the one that ships), then those of plugins.

    Where a plugin has a dataset of the same name, the catalogue's is taken.

    Raises
    ------
    CatalogueError
        If the catalogue cannot be read.
    """
    listed = load_catalogue(catalogue)
    registered = {name: entry.spec for name, entry in host().datasets.items() if name not in listed}
    return listed | registered


def choose_datasets(names: Names | None = None, catalogue: Path | None = None) -> tuple[DatasetSpec, ...]:
    """Return the wanted datasets; by default all that need no download.

    Raises
    ------
    UnknownNameError
        If a name is neither in the catalogue nor registered by a plugin.
    InputError
        If there is no dataset that needs no download.
    """
    known = known_datasets(catalogue)
    if names is None:
        chosen = [spec for spec in known.values() if spec.local]
    elif names == ALL:
        chosen = list(known.values())
    else:
        wanted = _split("datasets", names)
        for name in wanted:
            if name not in known:
                raise UnknownNameError("dataset", name, known)
        chosen = [known[name] for name in wanted]
    if not chosen:
        raise InputError(f"datasets: {catalogue or 'the catalogue'} has none without a download; name some")
    for spec in chosen:
        if spec.simulate is not None:
            host().find("degradation", spec.simulate.degradation)
    return tuple(spec if spec.path is None else replace(spec, path=spec.path.absolute()) for spec in chosen)


def choose_metrics(names: Names | None = None) -> tuple[str, ...]:
    """Return the names of the wanted metrics, by default all.

    Raises
    ------
    UnknownNameError
        If no plugin registers a name.
    """
    chosen = list(host().metrics) if names is None or names == ALL else _split("metrics", names)
    for name in chosen:
        host().find("metric", name)
    return tuple(chosen)


def choose_profile(name: str | None = None) -> str:
    """Return a profile's name, by default ``"full"`` where there is a GPU and ``"quick"`` elsewhere.

    Raises
    ------
    UnknownNameError
        If there is no such profile.
    """
    if name is None:
        return "full" if cuda_present() else "quick"
    return choose_one("profile", name, PROFILES)


def choose_one(kind: str, name: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """Return `name` if it is among `known`.

    Raises
    ------
    UnknownNameError
        If it is not.
    """
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return name


def choose_settings(given: Sequence[str | SetTo], methods: Sequence[str]) -> dict[str, dict[str, Value]]:
    """Return checked settings by method; only the methods that have any are imported.

    Parameters
    ----------
    given : sequence of str or tuple
        One setting each, ``METHOD.KEY=VALUE`` or (method, key, value); of two for the same key the later
        counts.
    methods : sequence of str
        The methods of the run.

    Raises
    ------
    UnknownNameError
        If a method or a setting does not exist.
    InputError
        If a text has another form, a value is not allowed, or the method is not part of the run.
    """
    chosen: dict[str, dict[str, Value]] = {}
    for one in given:
        method, key, value = _split_setting(one) if isinstance(one, str) else one
        host().find("method", method)
        if method not in methods:
            text = one if isinstance(one, str) else f"{method}.{key}={value}"
            raise OptionError(
                "{settings}: {text} is for {method}, which is not run; add it to {methods}",
                text=repr(text),
                method=method,
            )
        chosen.setdefault(method, {})[key] = parse_setting(method, key, value)
    return chosen


def setting_pairs(given: Sequence[str], method: str) -> dict[str, Value]:
    """Return checked settings of one method from texts ``KEY=VALUE``; ``METHOD.KEY=VALUE`` is allowed too.

    Raises
    ------
    UnknownNameError
        If the method has no such setting.
    InputError
        If a text has another form, or a value is not allowed.
    """
    full = [text if text.startswith(f"{method}.") else f"{method}.{text}" for text in given]
    return choose_settings(full, [method]).get(method, {})


def parse_setting(method: str, key: str, value: Value) -> Value:
    """Return a setting's value, checked against what the method's class declares.

    Text is read as the declared type.

    Classes without a `settings` table are read by the signature of their constructor.

    Raises
    ------
    UnknownNameError
        If the method has no such setting.
    InputError
        If the value is not allowed.
    """
    target = host().load("method", method)
    schema = declared_settings(target)
    if schema is not None:
        return schema[choose_one(f"setting of {method}", key, schema)].parse(f"{method}.{key}", value)
    return _by_signature(target, method, key, value)


def _split_setting(text: str) -> SetTo:
    place, equals, value = text.partition("=")
    method, dot, key = place.strip().rpartition(".")
    if not (equals and dot and method and key):
        raise OptionError("{settings}: got {got}; give METHOD.KEY=VALUE", got=repr(text))
    return method, key, value.strip()


def _by_signature(target: Callable[..., Any], method: str, key: str, value: Value) -> Value:
    parameters = inspect.signature(target).parameters
    named = {name: p for name, p in parameters.items() if p.kind not in _COLLECTING}
    if key not in named and not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        raise UnknownNameError(f"setting of {method}", key, named)
    default = named[key].default if key in named else inspect.Parameter.empty
    read = _literal(value) if isinstance(value, str) else value
    if isinstance(default, str):
        return str(value)
    if isinstance(default, bool) != isinstance(read, bool) and isinstance(default, bool | int | float):
        raise InputError(f"{method}.{key}: got {value!r}; give a {type(default).__name__} such as {default}")
    if isinstance(default, int | float) and isinstance(read, str):
        raise InputError(f"{method}.{key}: got {value!r}; give a number such as {default}")
    return read


def _literal(value: str) -> Value:
    words = {"true": True, "false": False}
    if value.lower() in words:
        return words[value.lower()]
    try:
        read = ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
    return read if isinstance(read, bool | int | float | str) else value


def _split(what: str, names: Names) -> list[str]:
    parts = names.split(",") if isinstance(names, str) else names
    chosen = list(dict.fromkeys(part.strip() for part in parts if part.strip()))
    if not chosen:
        raise InputError(f"{what}: got {names!r}; give names, separated by commas, or all")
    return chosen
