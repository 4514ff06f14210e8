"""Loading of one plugin, such that nothing it does can stop the program."""

from __future__ import annotations

import copy
import difflib
import importlib
import inspect
import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import Distribution, EntryPoint
from typing import Any

import pluggy

from a2ibench import hookspecs
from a2ibench.errors import PluginError, one_line
from a2ibench.isolation.endings import is_ctrl_c
from a2ibench.registry.registration import KINDS, Spec, check_spec

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("a2ibench_"))


@dataclass(frozen=True)
class PluginStatus:
    """One plugin, and what is wrong with it.

    Parameters
    ----------
    name : str
        Name of its entry point.
    distribution, version : str
        The installed distribution that brings it.
    error : str or None
        One line; None where nothing is wrong.
    traceback : str or None
        Where the error came from.
    disabled : bool
        Whether the user blocked it; it was not imported then.
    """

    name: str
    distribution: str
    version: str
    error: str | None = None
    traceback: str | None = None
    disabled: bool = False

    def __str__(self) -> str:
        return f"plugin {self.name} (distribution {self.distribution} {self.version})"


@dataclass
class Plugin:
    """A plugin while the host takes it up.

    Parameters
    ----------
    status : PluginStatus
        What is shown of it.
    manager : pluggy.PluginManager or None
        Holds this plugin alone; None where its hooks must not be called.
    specs : list of (kind, spec)
        What it registered, as far as it got.
    entry_point : EntryPoint or None
        Where it is found again, for a process of its own.
    listens : bool
        Whether it implements ``a2ibench_job_finished``.
    """

    status: PluginStatus
    manager: pluggy.PluginManager | None = None
    specs: list[tuple[str, Spec]] = field(default_factory=list)
    entry_point: EntryPoint | None = None
    listens: bool = False

    def fail(self, error: BaseException, doing: str = "") -> None:
        """Note what went wrong, and call no hook of this plugin from now on."""
        line = doing + one_line(error)
        self.manager, self.listens = None, False
        self.status = replace(self.status, error=line, traceback="".join(traceback.format_exception(error)))

    def job_finished(self, record: Mapping[str, Any]) -> None:
        """Hand the plugin a copy of a record, so that no plugin alters what others see."""
        if self.manager is not None:
            self.manager.hook.a2ibench_job_finished(record=copy.deepcopy(record))


def normalise(name: str) -> str:
    """Return the name in the form in which names of distributions are compared."""
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def load_plugin(entry_point: EntryPoint) -> Plugin:
    """Import a plugin and collect what it registers.

    Every error, SystemExit included, ends up in the status of the returned plugin; only Ctrl-C passes.
    """
    plugin = Plugin(status_of(entry_point), entry_point=entry_point)
    try:
        holder = entry_point.load()
    except BaseException as error:
        pass_ctrl_c(error)
        plugin.fail(error, f"cannot import {entry_point.value}: ")
        return plugin
    try:
        plugin.manager = _hooks_of(holder, entry_point.name)
    except BaseException as error:
        pass_ctrl_c(error)
        plugin.fail(error)
        return plugin
    plugin.listens = bool(plugin.manager.hook.a2ibench_job_finished.get_hookimpls())
    for kind in KINDS:
        _collect(plugin, kind)
    return plugin


def import_target(target: str) -> Any:
    """Import and return the callable that ``"package.module:Class"`` names.

    Raises
    ------
    PluginError
        If it is not callable; whatever its module raises passes.
    """
    module, _, attribute = target.partition(":")
    loaded = getattr(importlib.import_module(module), attribute)
    if not callable(loaded):
        raise PluginError(f"{target} is a {type(loaded).__name__}; give a class")
    return loaded


def pass_ctrl_c(error: BaseException) -> None:
    """Raise the error again if it is the user's Ctrl-C."""
    if isinstance(error, KeyboardInterrupt) and is_ctrl_c():
        raise error


def status_of(entry_point: EntryPoint) -> PluginStatus:
    """Return the status of a plugin that is not loaded yet."""
    name, version = identity(entry_point.dist)
    return PluginStatus(entry_point.name, name, version)


def identity(distribution: Distribution | None) -> tuple[str, str]:
    """Return name and version of a distribution; ``"unknown"`` where its metadata cannot be read."""
    if distribution is None:
        return "unknown", "unknown"
    try:
        return distribution.metadata["Name"] or "unknown", distribution.metadata["Version"] or "unknown"
    except Exception:
        return "unknown", "unknown"


def _hooks_of(holder: object, name: str) -> pluggy.PluginManager:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(holder, name)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        unknown = [caller.name for caller in manager.get_hookcallers(holder) or () if not caller.has_spec()]
        raise PluginError("; ".join(map(_suggestion, unknown))) from error
    for hook in HOOKS:
        unmarked = manager.parse_hookimpl_opts(holder, hook) is None
        if unmarked and inspect.isroutine(getattr(holder, hook, None)):
            raise PluginError(f"{hook} is not marked as a hook; put @hookimpl above it")
    if not manager.get_hookcallers(holder):
        raise PluginError(f"implements no hook; write a function {HOOKS[0]} with @hookimpl above it")
    return manager


def _suggestion(unknown: str) -> str:
    nearest = difflib.get_close_matches(unknown, HOOKS, n=1, cutoff=0)[0]
    return f"unknown hook {unknown}; did you mean {nearest}?"


def _collect(plugin: Plugin, kind: str) -> None:
    if plugin.manager is None:
        return
    hook = f"a2ibench_register_{kind}s"
    refused: list[PluginError] = []

    def register(spec: Any) -> None:
        try:
            check_spec(kind, spec)
            if any((kind, spec.name) == (known, other.name) for known, other in plugin.specs):
                raise PluginError(f"{kind} {spec.name!r}: registered twice; give each a name of its own")
        except PluginError as error:
            refused.append(error)
            raise
        plugin.specs.append((kind, spec))

    try:
        returned = getattr(plugin.manager.hook, hook)(register=register)
        if refused:
            raise refused[0]
        if returned:
            raise PluginError(f"{hook} returned a value, which is not used; call register(...) instead")
    except BaseException as error:
        pass_ctrl_c(error)
        plugin.fail(error, "" if isinstance(error, PluginError) else f"{hook} failed: ")
