"""Plugins: how they are discovered, and how what they register is found, imported and built."""

from __future__ import annotations

import functools
import importlib
import inspect
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from importlib import metadata
from importlib.metadata import Distribution, EntryPoint
from types import MappingProxyType
from typing import Any

from a2ibench.errors import A2IBenchError, InputError, PluginError, UnknownNameError, one_line
from a2ibench.hookspecs import PROJECT
from a2ibench.plugins.loading import (
    Plugin,
    PluginStatus,
    identity,
    load_plugin,
    normalise,
    status_of,
)
from a2ibench.plugins.names import DISABLE, Registered, settle_names
from a2ibench.plugins.registration import KINDS

_logger = logging.getLogger(__name__)


@functools.cache
def host() -> PluginHost:
    """Return the host of all installed plugins, discovered on the first call."""
    entry_points, unreadable = discover()
    return PluginHost(entry_points, disabled=os.environ.get(DISABLE, "").split(","), unreadable=unreadable)


def discover() -> tuple[list[EntryPoint], list[PluginStatus]]:
    """Find the entry points of all installed distributions, without importing any.

    Returns
    -------
    entry_points : list of EntryPoint
        Those of the group ``a2ibench``.
    unreadable : list of PluginStatus
        Distributions whose list of entry points names the group but cannot be read.
    """
    # importlib.metadata.entry_points() would give up all distributions where one is malformed.
    entry_points: list[EntryPoint] = []
    unreadable: list[PluginStatus] = []
    seen: set[str] = set()
    for distribution in metadata.distributions():
        try:
            ours = distribution.entry_points.select(group=PROJECT)
        except Exception as error:
            if _names_the_group(distribution):
                name, version = identity(distribution)
                line = f"cannot read its entry points: {one_line(error)}"
                unreadable.append(PluginStatus(name, name, version, line))
            continue
        if not ours:
            continue
        # As for imports, the first of two copies on sys.path counts.
        name = normalise(identity(distribution)[0])
        if name not in seen:
            seen.add(name)
            entry_points.extend(ours)
    return entry_points, unreadable


def _names_the_group(distribution: Distribution) -> bool:
    try:
        return f"[{PROJECT}]" in (distribution.read_text("entry_points.txt") or "")
    except Exception:
        return False


class PluginHost:
    """What a set of plugins registers.

    Parameters
    ----------
    entry_points : iterable of EntryPoint
        Each leads to a module, or another object, with hook implementations.
    disabled : iterable of str
        Names of entry points or distributions that are not to be imported.
    unreadable : iterable of PluginStatus
        Plugins that are shown although they could not be found out about.
    """

    def __init__(
        self,
        entry_points: Iterable[EntryPoint],
        *,
        disabled: Iterable[str] = (),
        unreadable: Iterable[PluginStatus] = (),
    ) -> None:
        blocked = {normalise(name) for name in disabled if name.strip()}
        self._plugins = [_take_up(entry_point, blocked) for entry_point in entry_points]
        self._plugins.sort(key=_bundled_first)
        self._plugins.extend(Plugin(status) for status in unreadable)
        self._tables, self._reasons = settle_names(self._plugins)

    @property
    def plugins(self) -> list[PluginStatus]:
        """All plugins, a2ibench's own first, with what is wrong with them."""
        return [plugin.status for plugin in self._plugins]

    @property
    def methods(self) -> Mapping[str, Registered]:
        """Methods by name."""
        return self.table("method")

    @property
    def degradations(self) -> Mapping[str, Registered]:
        """Degradations by name."""
        return self.table("degradation")

    @property
    def metrics(self) -> Mapping[str, Registered]:
        """Metrics by name."""
        return self.table("metric")

    @property
    def datasets(self) -> Mapping[str, Registered]:
        """Datasets by name."""
        return self.table("dataset")

    @property
    def reporters(self) -> Mapping[str, Registered]:
        """Reporters by name."""
        return self.table("reporter")

    def table(self, kind: str) -> Mapping[str, Registered]:
        """Return everything of one kind (``"method"``, ``"degradation"``, ...) by name."""
        if kind not in KINDS:
            raise UnknownNameError("kind of registration", kind, KINDS)
        return MappingProxyType(self._tables[kind])

    def find(self, kind: str, name: str) -> Registered:
        """Return what is registered under a name.

        Raises
        ------
        PluginError
            If plugins give the name, or are called so, but cannot be used.
        UnknownNameError
            If no plugin gives the name.
        """
        table = self.table(kind)
        if name in table:
            return table[name]
        reason = self._reasons.get((kind, name)) or self._reason_by_plugin(name)
        if reason is not None:
            raise PluginError(f"{kind} {name!r} is not available: {reason}")
        raise UnknownNameError(kind, name, table)

    def load(self, kind: str, name: str) -> Any:
        """Import and return what a spec's target names.

        Raises
        ------
        PluginError
            If it cannot be imported, whatever the cause.
        InputError
            If the kind has no target: a dataset is described by its spec alone.
        """
        registered = self.find(kind, name)
        if kind == "dataset":
            raise InputError(f"dataset {name!r}: nothing to import; open it with open_dataset")
        target = registered.spec.target
        module, _, attribute = target.partition(":")
        try:
            loaded = getattr(importlib.import_module(module), attribute)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise PluginError(f"{registered} cannot import {kind} {target}: {one_line(error)}") from error
        if not callable(loaded):
            raise PluginError(f"{registered}: {kind} {target} is a {type(loaded).__name__}; give a class")
        return loaded

    def build(self, kind: str, name: str, /, **options: Any) -> Any:
        """Import a target and call it with options.

        Raises
        ------
        InputError
            If the target does not take these options.
        PluginError
            If it cannot be imported, or fails without any options given.
        """
        loaded = self.load(kind, name)
        try:
            return loaded(**options)
        except A2IBenchError:
            raise
        except Exception as error:
            if options and isinstance(error, TypeError | ValueError):
                given = ", ".join(f"{key}={value!r}" for key, value in options.items())
                line = f"{kind} {name!r}: got {given}; {one_line(error)}; {_accepted(loaded)}"
                raise InputError(line) from error
            registered = self.find(kind, name)
            raise PluginError(f"{registered} cannot build {kind} {name!r}: {one_line(error)}") from error

    def job_finished(self, record: Mapping[str, Any]) -> None:
        """Hand a copy of a job's record to each plugin; an error of one is logged in one line."""
        for plugin in self._plugins:
            try:
                plugin.job_finished(record)
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                _logger.warning("%s: a2ibench_job_finished failed: %s", plugin.status, one_line(error))

    def _reason_by_plugin(self, name: str) -> str | None:
        for status in self.plugins:
            if normalise(status.name) == normalise(name):
                if status.disabled:
                    return f"{status} is disabled by {DISABLE}"
                if status.error is not None:
                    return f"{status} failed: {status.error}"
        return None


def _take_up(entry_point: EntryPoint, blocked: set[str]) -> Plugin:
    status = status_of(entry_point)
    if blocked & {normalise(status.name), normalise(status.distribution)}:
        return Plugin(replace(status, disabled=True))
    return load_plugin(entry_point)


def _bundled_first(plugin: Plugin) -> tuple[bool, str, str]:
    status = plugin.status
    return status.distribution != PROJECT, normalise(status.distribution), status.name


def _accepted(target: Any) -> str:
    try:
        names = [p.name for p in inspect.signature(target).parameters.values() if p.kind not in _COLLECTING]
    except (TypeError, ValueError):
        return "see its documentation"
    return f"its options: {', '.join(names) or 'none'}"


_COLLECTING = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
