"""Takes plugins up, ours in this process, others from what they say in their own; finds whose a name is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from importlib.metadata import EntryPoint
from typing import Any, Final

from a2ibench.errors import PluginError, one_line
from a2ibench.hookspecs import PROJECT
from a2ibench.registry.loading import Plugin, PluginStatus, load_plugin, normalise, status_of
from a2ibench.registry.plugin_process import Apart, ApartError, describe_spec, limit, spec_of
from a2ibench.registry.registration import KINDS

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


def settle_names(
    plugins: Iterable[Plugin],
) -> tuple[dict[str, dict[str, Registered]], dict[tuple[str, str], str]]:
    """Give each name to the one plugin that registers it.

    A name that several plugins register stays with a2ibench itself, or else goes to none; the status of
    every other plugin says so. The rest of what they register stays usable.

    Parameters
    ----------
    plugins : iterable of Plugin
        Their statuses are updated.

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


def take_up(entry_points: Iterable[EntryPoint], disabled: Iterable[str], *, apart: bool) -> list[Plugin]:
    """Return the plugins of entry points.

    Parameters
    ----------
    entry_points : iterable of EntryPoint
        Each leads to a module, or another object, with hook implementations.
    disabled : iterable of str
        Names of entry points or distributions that are not to be imported.
    apart : bool
        Whether plugins of other distributions are imported in processes of their own, and never here.
    """
    blocked = {normalise(name) for name in disabled if name.strip()}
    plugins: list[Plugin] = []
    waiting: list[Plugin] = []
    for entry_point in entry_points:
        status = status_of(entry_point)
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
        with Apart(entry_point.name, entry_point.value) as process:
            answer = process.ask({"do": "register"}, "while it was imported", seconds)
        plugin.specs = [spec_of(described) for described in answer["specs"]]
        plugin.listens = answer["listens"] is True
        error, trace = answer["error"], answer["traceback"]
    except (PluginError, OSError, LookupError, TypeError, ValueError) as failure:
        error, trace = one_line(failure), failure.trace if isinstance(failure, ApartError) else ""
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
