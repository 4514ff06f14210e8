"""Loading of plugins, such that nothing one does can stop the program, and whose each registered name is.

Ours are imported in this process; others are taken up from what they say in their own.
"""

from __future__ import annotations

import copy
import difflib
import importlib
import inspect
import re
import traceback
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import Distribution, EntryPoint
from typing import Any, Final

import pluggy

from a2ibench import hookspecs
from a2ibench.errors import PluginError, one_line
from a2ibench.hookspecs import PROJECT
from a2ibench.isolation import is_ctrl_c
from a2ibench.registry.plugin_process import PluginProcess, PluginProcessError, describe_spec, limit, spec_of
from a2ibench.registry.validation import KINDS, Spec, check_spec

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
    plugin = Plugin(_status_of(entry_point), entry_point=entry_point)
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


def _status_of(entry_point: EntryPoint) -> PluginStatus:
    """Return the status of a plugin that is not loaded yet."""
    name, version = name_and_version(entry_point.dist)
    return PluginStatus(entry_point.name, name, version)


def named_parameters(target: Any) -> dict[str, inspect.Parameter]:
    """Return the parameters of a callable that can be given by name.

    Raises
    ------
    TypeError, ValueError
        If its signature cannot be found out.
    """
    collecting = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(target).parameters
    return {name: known for name, known in parameters.items() if known.kind not in collecting}


def name_and_version(distribution: Distribution | None) -> tuple[str, str]:
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


DISABLE: Final = "A2IBENCH_DISABLE_PLUGINS"


@dataclass(frozen=True)
class Registered:
    """A spec, and the plugin and distribution that registered it."""

    spec: Any
    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin {self.plugin} (distribution {self.distribution} {self.version})"


_Claims = list[tuple[Plugin, Registered]]


def resolve_names(
    plugins: Iterable[Plugin],
) -> tuple[dict[str, dict[str, Registered]], dict[tuple[str, str], str]]:
    """Give each name to the one plugin that registers it.

    A name that several plugins register stays with a2ibench itself, or else goes to none; the status of
    every other plugin says so. The rest of what they register stays usable.

    Returns
    -------
    tables : dict of kind to dict of name to Registered
        What can be used.
    reasons : dict of (kind, name) to str
        Why a name that some plugin registers cannot be used.
    """
    tables: dict[str, dict[str, Registered]] = {kind: {} for kind in KINDS}
    reasons: dict[tuple[str, str], str] = {}
    claims: dict[tuple[str, str], _Claims] = {}
    for plugin in plugins:
        status = plugin.status
        for kind, spec in plugin.specs:
            if status.error is not None:
                reasons[kind, spec.name] = f"{status} failed: {status.error}"
            else:
                registered = Registered(spec, status.name, status.distribution, status.version)
                claims.setdefault((kind, spec.name), []).append((plugin, registered))
    for (kind, name), claimants in claims.items():
        owner, line = _owner(claimants)
        if owner is not None:
            tables[kind][name] = owner
        if line:
            reasons[kind, name] = line = f"{kind} {name!r} {line}"
            for plugin in (plugin for plugin, registered in claimants if registered is not owner):
                known = f"{plugin.status.error}; " if plugin.status.error else ""
                plugin.status = replace(plugin.status, error=known + line)
    return tables, reasons


def _owner(claimants: _Claims) -> tuple[Registered | None, str]:
    if len(claimants) == 1:
        return claimants[0][1], ""
    line = f"is registered by {' and by '.join(str(registered) for _, registered in claimants)}"
    bundled = [registered for _, registered in claimants if registered.distribution == PROJECT]
    if len(bundled) == 1:
        return bundled[0], f"{line}; that of a2ibench is kept, rename the other"
    return None, f"{line}; disable all but one with {DISABLE}"


_SIDE_BY_SIDE = 8


def load_plugins(entry_points: Iterable[EntryPoint], disabled: Iterable[str], *, apart: bool) -> list[Plugin]:
    """Return the plugins of entry points; for the parameters see `PluginHost`."""
    blocked = {normalise(name) for name in disabled if name.strip()}
    plugins: list[Plugin] = []
    waiting: list[Plugin] = []
    for entry_point in entry_points:
        status = _status_of(entry_point)
        if blocked & {normalise(status.name), normalise(status.distribution)}:
            plugins.append(Plugin(replace(status, disabled=True)))
        elif apart and status.distribution != PROJECT:
            waiting.append(Plugin(status, entry_point=entry_point))
        else:
            plugins.append(load_plugin(entry_point))
    if waiting:
        seconds = limit("import")
        with ThreadPoolExecutor(min(len(waiting), _SIDE_BY_SIDE)) as pool:
            list(pool.map(lambda plugin: _ask_plugin(plugin, seconds), waiting))
    return plugins + waiting


def _ask_plugin(plugin: Plugin, seconds: float) -> None:
    entry_point: EntryPoint = plugin.entry_point  # type: ignore[assignment]
    try:
        with PluginProcess(entry_point.name, entry_point.value) as process:
            answer = process.ask({"do": "register"}, "while it was imported", seconds)
        plugin.specs = [spec_of(described) for described in answer["specs"]]
        plugin.listens = answer["listens"] is True
        error, trace = answer["error"], answer["traceback"]
    except (PluginError, OSError, LookupError, TypeError, ValueError) as failure:
        error, trace = one_line(failure), failure.trace if isinstance(failure, PluginProcessError) else ""
    if error is not None:
        plugin.listens = False
        plugin.status = replace(plugin.status, error=one_line(str(error)), traceback=str(trace or "") or None)


def describe_plugin(plugin: Plugin, status: PluginStatus) -> dict[str, Any]:
    """Return a plugin, JSON-able, for another process that need not import it."""
    try:
        specs = [describe_spec(kind, spec) for kind, spec in plugin.specs]
    except PluginError:
        specs = []
    return {"status": asdict(status), "specs": specs}


def plugin_of(described: Mapping[str, Any]) -> Plugin:
    """Return the plugin that `describe_plugin` described; it hears of no job."""
    return Plugin(PluginStatus(**described["status"]), specs=[spec_of(spec) for spec in described["specs"]])
