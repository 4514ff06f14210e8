"""From names to specs, and jobs and specs of datasets as JSON and back."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from a2ibench.bench.metric_settings import checked_metric_settings
from a2ibench.bench.rows import check_rows, environment_of, refuse_settings
from a2ibench.bench.variants import Variant, checked_setting, families
from a2ibench.contracts import DatasetSpec
from a2ibench.contracts.specs import EVALUATIONS
from a2ibench.data.catalogue import load_catalogue
from a2ibench.errors import InputError, OptionError, UnknownNameError, one_line
from a2ibench.external.command import Command
from a2ibench.external.environments import Environment
from a2ibench.hookspecs import PROJECT
from a2ibench.registry import host
from a2ibench.registry.schema import parse_setting
from a2ibench.settings import Value

Names = str | Sequence[str]
SetTo = tuple[str, str, Value]
"""Method or metric, key and value of a setting."""
Settings = Mapping[str, Mapping[str, Value]] | Sequence[str | SetTo]
"""Either ``{method: {key: value}}``, or ``METHOD.KEY=VALUE`` or (method, key, value) each; metrics, too."""

Row = TypeVar("Row")

ALL = "all"
_BASELINE = "cubic"


_NONE: Mapping[str, Any] = MappingProxyType({})


def method_names(
    names: Names = ALL,
    variants: Mapping[str, Variant] = _NONE,
    commands: Mapping[str, Command] = _NONE,
    environments: Mapping[str, Environment] = _NONE,
) -> tuple[str, ...]:
    """Return the names of the wanted methods, then of other rows; for ``"all"`` the baseline comes first.

    Parameters
    ----------
    names : str or sequence of str
        Of registered methods, of commands, and of variants, one by one or as a family.
    variants, commands : mapping
        By name; all of them are wanted.
    environments : mapping
        By what runs in another Python: a method, a variant or a family. All of them are wanted.

    Raises
    ------
    UnknownNameError
        If no plugin registers a name.
    PluginError
        If the plugin that gives a name does not work.
    InputError
        If there is no method at all.
    """
    groups = families(variants)
    assigned = [row for name in environments for row in groups.get(name, [name])]
    check_rows(variants, commands, assigned)
    if names == ALL:
        found = sorted(host().methods, key=lambda name: name != _BASELINE)
    else:
        found = [row for name in split_names("methods", names) for row in groups.get(name, [name])]
        for name in found:
            if name not in (*variants, *commands, *assigned):
                host().find("method", name)
    found = list(dict.fromkeys([*found, *variants, *commands, *assigned]))
    for name in found:
        environment = environment_of(name, variants, environments)
        if environment is not None:
            environment.of(variants[name].method if name in variants else name)
    if not found:
        raise InputError("methods: no plugin registers any; see a2ibench doctor for what is wrong")
    return tuple(found)


def chosen_rows(names: Names, rows: Mapping[str, Row]) -> dict[str, Row]:
    """Return the variants or commands that names of rows or families choose; all for ``"all"``."""
    if names == ALL:
        return dict(rows)
    chosen = set(split_names("methods", names))
    return {name: one for name, one in rows.items() if {name, getattr(one, "family", name)} & chosen}


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


def find_datasets(
    names: Names | None = None,
    catalogue: Path | None = None,
    *,
    more: Mapping[str, DatasetSpec] = MappingProxyType({}),
) -> tuple[DatasetSpec, ...]:
    """Return the wanted datasets; by default all that need no download. Those in `more` are found by name.

    Raises
    ------
    UnknownNameError
        If a name is neither in the catalogue nor registered by a plugin.
    InputError
        If there is no dataset that needs no download.
    """
    known = known_datasets(catalogue)
    if names is None:
        found = [spec for spec in known.values() if spec.local]
    elif names == ALL:
        found = list(known.values())
    else:
        known = {**more, **known}
        found = [known[one_of("dataset", name, known)] for name in split_names("datasets", names)]
    if not found:
        raise InputError(f"datasets: {catalogue or 'the catalogue'} has none without a download; name some")
    for spec in found:
        if spec.simulate is not None:
            host().find("degradation", spec.simulate.degradation)
    return tuple(spec if spec.path is None else replace(spec, path=spec.path.absolute()) for spec in found)


def metric_names(names: Names | None = None) -> tuple[str, ...]:
    """Return the names of the wanted metrics, by default all but those that run on request.

    Raises
    ------
    UnknownNameError
        If no plugin registers a name.
    """
    known = host().metrics
    if names is None:
        return tuple(name for name, registered in known.items() if not registered.spec.on_request)
    found = list(known) if names == ALL else split_names("metrics", names)
    for name in found:
        host().find("metric", name)
    return tuple(found)


def evaluation_names(names: Names | None = None) -> tuple[str, ...] | None:
    """Return how methods are scored without a reference; None where each dataset states it.

    Parameters
    ----------
    names : str or sequence of str, optional
        Some of `EVALUATIONS`; ``"none"`` for none.

    Raises
    ------
    UnknownNameError
        If there is no such evaluation.
    """
    if names is None:
        return None
    found = () if names in ("none", ["none"]) else split_names("evaluate", names)
    return tuple(one_of("evaluation", name, EVALUATIONS) for name in found)


def reporter_names(names: Names | None = None) -> tuple[str, ...]:
    """Return the names of the wanted reporters; by default all, tables and figures before those of plugins.

    Parameters
    ----------
    names : str or sequence of str, optional
        ``"none"`` for no reporter.

    Raises
    ------
    UnknownNameError
        If no plugin registers a name.
    PluginError
        If the plugin that gives a name does not work.
    """
    if names is None or names == ALL:
        reporters = host().reporters
        return tuple(sorted(reporters, key=lambda name: reporters[name].distribution != PROJECT))
    if names == "none" or not names:
        return ()
    found = split_names("reporters", names)
    for name in found:
        host().find("reporter", name)
    return tuple(found)


def named_rows(names: Names | None) -> tuple[str, ...]:
    """Return the names of rows to remove, of methods or jobs; the folder tells whether they exist."""
    return () if names is None else tuple(split_names("remove", names))


def one_of(kind: str, name: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """Return `name` if it is among `known`.

    Raises
    ------
    UnknownNameError
        If it is not.
    """
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return name


def checked_settings(
    given: Settings | None,
    methods: Sequence[str],
    variants: Mapping[str, Variant] = _NONE,
    commands: Mapping[str, Command] = _NONE,
    environments: Mapping[str, Environment] = _NONE,
    metrics: Sequence[str] = (),
) -> dict[str, dict[str, Value]]:
    """Return checked settings by method and metric; only those that have any are imported.

    Parameters
    ----------
    given : mapping or sequence, optional
        As `RunOptions` has them; of two for the same key the later counts.
    methods : sequence of str
        The methods of the run, its variants and its commands.
    variants, commands : mapping
        By name.
    environments : mapping
        By what runs there.
    metrics : sequence of str
        The metrics of the run, whose settings are those that differ from their own.

    Raises
    ------
    UnknownNameError
        If a method, metric or setting does not exist.
    InputError
        If a text has another form, a value is not allowed, or the method or metric is not part of the run.
    """
    if isinstance(given, Mapping):
        given = [f"{method}.{key}={value}" for method, table in given.items() for key, value in table.items()]
    checked: dict[str, dict[str, Value]] = {}
    of_metrics: dict[str, dict[str, Value]] = {}
    rows = {*methods, *variants, *commands, *environments}
    for one in given or ():
        method, key, value = _split_setting(one) if isinstance(one, str) else one
        if is_metric(method, rows, metrics):
            if method not in metrics:
                raise OptionError(
                    "{settings}: {text} is for the metric {metric}, which is not asked for; "
                    "add it to {metrics}",
                    text=_setting_text(one),
                    metric=method,
                )
            of_metrics.setdefault(method, {})[key] = value
            checked_metric_settings(method, {key: value})
            continue
        registered = variants[method].method if method in variants else method
        where = environment_of(method, variants, environments)
        refuse_settings(method, commands)
        if where is None:
            host().find("method", registered)
        if method not in methods:
            raise OptionError(
                "{settings}: {text} is for {method}, which is not run; add it to {methods}",
                text=_setting_text(one),
                method=method,
            )
        checked.setdefault(method, {})[key] = checked_setting(registered, key, value, where)
    return checked | {name: checked_metric_settings(name, values) for name, values in of_metrics.items()}


def is_metric(name: str, rows: Collection[str], metrics: Collection[str]) -> bool:
    """Return whether a setting is a metric's, and not a method's.

    Parameters
    ----------
    name : str
        Before the dot of the setting.
    rows : collection of str
        Methods, variants and commands that a run has or could have.
    metrics : collection of str
        The metrics of the run.

    Raises
    ------
    UnknownNameError
        If it is neither.
    InputError
        If it may be either.
    PluginError
        If the plugin that gives it does not work.
    """
    if name in rows and name in metrics:
        raise OptionError(
            "{settings}: {name} is both a row and a metric of this run; leave one of them out, or choose "
            "another name",
            name=name,
        )
    if name in rows or name in metrics:
        return name in metrics
    known = [*host().methods, *rows, *host().metrics]
    for kind in ("method", "metric"):
        try:
            host().find(kind, name)
        except UnknownNameError:
            continue
        return kind == "metric"
    raise UnknownNameError("method or metric", name, known)


def settings_of_one(
    given: Mapping[str, Value] | Sequence[str] | None, method: str, planes: str | None, start: str | None
) -> Mapping[str, Value]:
    """Return the settings of one method; texts ``KEY=VALUE`` or ``METHOD.KEY=VALUE`` are checked.

    `planes` and `start` are settings of these names, where they are not None.
    """
    if not isinstance(given, Mapping):
        full = [text if text.startswith(f"{method}.") else f"{method}.{text}" for text in given or ()]
        given = checked_settings(full, [method]).get(method, {})
    short = {"planes": planes, "start": start}
    told = {key: parse_setting(method, key, text) for key, text in short.items() if text is not None}
    return {**given, **told}


def _setting_text(one: str | SetTo) -> str:
    return repr(one if isinstance(one, str) else "{}.{}={}".format(*one))


def _split_setting(text: str) -> SetTo:
    place, equals, value = text.partition("=")
    method, dot, key = place.strip().rpartition(".")
    if not (equals and dot and method and key):
        raise OptionError("{settings}: got {got}; give METHOD.KEY=VALUE", got=repr(text))
    return method, key, value.strip()


# Jobs are processes of their own, which could not be handed an array in memory.
_INSTEAD = {"datasets": ", or save the volume to a file and give input=FILE and voxel_size=(z, y, x)"}

_TWICE = {"methods": ", and for the same method with other settings a table [variants.NAME] in a run file"}


def split_names(what: str, names: Names) -> list[str]:
    """Return the names in a text or list of an option; refuses what is no name, and a name given twice."""
    if isinstance(names, str):
        parts = re.split(r"[,\s]+", names)
    else:
        parts = list(names) if isinstance(names, Iterable) else [names]
    for part in parts:
        if not isinstance(part, str):
            raise InputError(f"{what}: got {one_line(repr(part), 80)}; give names{_INSTEAD.get(what, '')}")
    found = [part.strip() for part in parts if part.strip()]
    if not found:
        raise InputError(f"{what}: got {names!r}; give names, separated by commas, or all")
    for name in found:
        if found.count(name) > 1:
            raise InputError(
                f"{what}: {name} is given {found.count(name)} times; give it once{_TWICE.get(what, '')}"
            )
    return found
