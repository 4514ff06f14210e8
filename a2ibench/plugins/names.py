"""Which plugin a name belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

from a2ibench.hookspecs import PROJECT
from a2ibench.plugins.loading import Plugin
from a2ibench.plugins.registration import KINDS

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
