"""Taking up plugins: ours in this process, other people's from what they say in one of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from importlib.metadata import EntryPoint
from typing import Any

from a2ibench.errors import PluginError, one_line
from a2ibench.hookspecs import PROJECT
from a2ibench.plugins.apart import Apart, ApartError, limit
from a2ibench.plugins.described import describe_spec, spec_of
from a2ibench.plugins.loading import Plugin, PluginStatus, load_plugin, normalise, status_of

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
