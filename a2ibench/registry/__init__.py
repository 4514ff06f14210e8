"""Plugins: how they are discovered, and how what they register is found, imported and built."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterable, Mapping
from importlib import metadata
from importlib.metadata import Distribution, EntryPoint
from types import MappingProxyType
from typing import Any

from a2ibench.errors import A2IBenchError, InputError, PluginError, UnknownNameError, one_line
from a2ibench.hookspecs import PROJECT
from a2ibench.isolation import no_exit
from a2ibench.registry.loading import (
    DISABLE,
    Plugin,
    PluginStatus,
    Registered,
    describe_plugin,
    import_target,
    load_plugins,
    name_and_version,
    named_parameters,
    normalise,
    pass_ctrl_c,
    plugin_of,
    resolve_names,
)
from a2ibench.registry.plugin_process import PluginProcess, PluginProcessError, limit, show_output
from a2ibench.registry.validation import KINDS

__all__ = ["PluginHost", "PluginStatus", "Registered", "discover", "host", "take_over"]

_logger = logging.getLogger(__name__)


@functools.cache
def host() -> PluginHost:
    """Return the host of all installed plugins, discovered on the first call.

    Those of other distributions are imported in processes of their own, see `load_plugins`.

    Raises
    ------
    InputError
        If there are any, and the limit of time for them is no positive number.
    """
    if _described:
        return PluginHost.of(_described[-1])
    entry_points, unreadable = discover()
    disabled = os.environ.get(DISABLE, "").split(",")
    return PluginHost(entry_points, disabled=disabled, unreadable=unreadable, apart=True)


_described: list[Mapping[str, Any]] = []


def take_over(described: Mapping[str, Any]) -> None:
    """Let `host` return what `PluginHost.described` told in another process, without importing anything."""
    _described.append(described)
    host.cache_clear()


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
                name, version = name_and_version(distribution)
                line = f"cannot read its entry points: {one_line(error)}"
                unreadable.append(PluginStatus(name, name, version, line))
            continue
        if not ours:
            continue
        # As for imports, the first of two copies on sys.path counts.
        name = normalise(name_and_version(distribution)[0])
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
    apart : bool
        Whether other people's plugins do what they do in processes of their own: their hooks always, and
        the first import of what they register.
    """

    def __init__(
        self,
        entry_points: Iterable[EntryPoint],
        *,
        disabled: Iterable[str] = (),
        unreadable: Iterable[PluginStatus] = (),
        apart: bool = False,
    ) -> None:
        plugins = load_plugins(entry_points, disabled, apart=apart)
        plugins.sort(key=_bundled_first)
        self._set_plugins([*plugins, *map(Plugin, unreadable)], apart, {})

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> PluginHost:
        """Return the host that `described` tells of; targets are imported in this process."""
        made = cls(())
        made._set_plugins(list(map(plugin_of, described["plugins"])), False, dict(described["failed"]))
        return made

    def described(self) -> dict[str, Any]:
        """Return what the plugins register, JSON-able, and which targets are known to fail."""
        plugins = [describe_plugin(*pair) for pair in zip(self._plugins, self._own_statuses, strict=True)]
        return {"plugins": plugins, "failed": {name: why for name, why in self._tried.items() if why}}

    def _set_plugins(self, plugins: list[Plugin], apart: bool, tried: dict[str, str]) -> None:
        self._plugins, self._apart, self._tried = plugins, apart, tried
        self._listeners: dict[int, PluginProcess] = {}
        self._versions: dict[str, int | None] = {}
        self._own_statuses = [plugin.status for plugin in plugins]
        self._tables, self._reasons = resolve_names(plugins)

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
        reason = self._tried.get(target) or self._try_apart(registered)
        if reason:
            raise PluginError(_not_imported(registered, kind, reason))
        try:
            with no_exit():
                return import_target(target)
        except BaseException as error:
            pass_ctrl_c(error)
            raise PluginError(_not_imported(registered, kind, one_line(error))) from error

    def metric_version(self, name: str) -> Any:
        """Return the version that the class of a metric states; None where it states none.

        A plugin of another distribution is asked in a process of its own, and not imported here.

        Raises
        ------
        PluginError
            If the class cannot be imported, whatever the cause.
        """
        registered = self.find("metric", name)
        if not self.is_apart(registered):
            return getattr(self.load("metric", name), "version", None)
        reason = self._try_apart(registered) or self._tried[registered.spec.target]
        if reason:
            raise PluginError(_not_imported(registered, "metric", reason))
        return self._versions[registered.spec.target]

    def higher_is_better(self, metric: str) -> bool | None:
        """Return whether higher scores of a metric are better; None where no working plugin tells."""
        try:
            return bool(self.build("metric", metric).higher_is_better)
        except (A2IBenchError, AttributeError):
            return None

    def ranked_upwards(self, metric: str) -> bool | None:
        """Return `higher_is_better` of a metric that methods are ranked by; None where they are not."""
        registered = self.metrics.get(metric)
        if registered is not None and not registered.spec.ranked:
            return None
        return self.higher_is_better(metric)

    def _try_apart(self, registered: Registered) -> str:
        """Import a target where it can do no harm; return what is wrong with it, once a process."""
        target = registered.spec.target
        if not self._apart or registered.distribution == PROJECT or target in self._tried:
            return ""
        self._tried[target] = ""
        try:
            request = {"do": "import", "target": target}
            version = self.ask(registered, request, "while it was imported", "target")
            self._versions[target] = version if isinstance(version, int) else None
        except PluginProcessError as error:
            self._tried[target] = one_line(error)
        return self._tried[target]

    def ask(self, registered: Registered, request: Mapping[str, Any], doing: str, task: str) -> Any:
        """Let a plugin do something in a process of its own, and return what it answers.

        Parameters
        ----------
        registered : Registered
            What the plugin registers.
        request, doing
            As for `PluginProcess.ask`.
        task : str
            Whose `limit` of time holds.

        Raises
        ------
        PluginProcessError
            If it fails, ends the process, or does not finish in time.
        """
        with PluginProcess(registered.plugin, "", show_output if task == "report" else None) as process:
            return process.ask(request, doing, limit(task))

    def is_apart(self, registered: Registered) -> bool:
        """Whether a plugin's hooks and reporters run in a process of their own."""
        return self._apart and registered.distribution != PROJECT

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
            with no_exit():
                return loaded(**options)
        except A2IBenchError:
            raise
        except BaseException as error:
            pass_ctrl_c(error)
            if options and isinstance(error, TypeError | ValueError):
                given = ", ".join(f"{key}={value!r}" for key, value in options.items())
                line = f"{kind} {name!r}: got {given}; {one_line(error)}; {_accepted(loaded)}"
                raise InputError(line) from error
            registered = self.find(kind, name)
            raise PluginError(f"{registered} cannot build {kind} {name!r}: {one_line(error)}") from error

    def job_finished(self, record: Mapping[str, Any]) -> None:
        """Hand a copy of a job's record to each plugin; an error of one is logged in one line.

        A plugin that ends the process it is in, or does not finish, hears of no further job.
        """
        for index, plugin in enumerate(self._plugins):
            try:
                if plugin.manager is not None:
                    plugin.job_finished(record)
                elif plugin.listens and plugin.entry_point is not None:
                    self._tell(index, plugin.entry_point, record)
            except BaseException as error:
                pass_ctrl_c(error)
                _logger.warning("%s: a2ibench_job_finished failed: %s", plugin.status, one_line(error))
                if isinstance(error, PluginProcessError) and not error.raised:
                    plugin.listens = False
                    self._listeners.pop(index).close()

    def end_listeners(self) -> None:
        """Let the processes end that were started for `job_finished`, after the last job."""
        while self._listeners:
            self._listeners.popitem()[1].close()

    def _tell(self, index: int, entry_point: EntryPoint, record: Mapping[str, Any]) -> None:
        if index not in self._listeners:
            self._listeners[index] = PluginProcess(entry_point.name, entry_point.value, show_output)
        request = {"do": "job_finished", "record": record}
        self._listeners[index].ask(request, "in a2ibench_job_finished", limit("job"))

    def _reason_by_plugin(self, name: str) -> str | None:
        for status in self.plugins:
            if normalise(status.name) == normalise(name):
                if status.disabled:
                    return f"{status} is disabled by {DISABLE}"
                if status.error is not None:
                    return f"{status} failed: {status.error}"
        return None


def _bundled_first(plugin: Plugin) -> tuple[bool, str, str]:
    status = plugin.status
    return status.distribution != PROJECT, normalise(status.distribution), status.name


def _not_imported(registered: Registered, kind: str, reason: str) -> str:
    target = registered.spec.target
    if reason.startswith(f"{target} is a "):
        return f"{registered}: {kind} {reason}"
    return f"{registered} cannot import {kind} {target}: {reason}"


def _accepted(target: Any) -> str:
    try:
        names = named_parameters(target)
    except (TypeError, ValueError):
        return "see its documentation"
    return f"its options: {', '.join(names) or 'none'}"
