"""Which checks a registered name has to pass."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from a2ibench.errors import UnknownNameError
from a2ibench.registry import host
from a2ibench.registry.validation import KINDS
from a2ibench.testing.check import Check

# Each module has suite(registered, device) -> (rules, subject).
_SUITES: Mapping[str, str] = MappingProxyType(
    {
        "method": "a2ibench.testing.methods",
        "degradation": "a2ibench.testing.degradations",
        "metric": "a2ibench.testing.metrics",
        "dataset": "a2ibench.testing.datasets",
        "reporter": "a2ibench.testing.reporters",
    }
)


def checks(kind: str, name: str, *, device: str = "cpu") -> list[Check]:
    """Return the checks of what a plugin registers under a name.

    Nothing is imported from the plugin and nothing is trained before a check is called. The checks of one
    list share what they train, so run them in one process; each can be run alone, too.

    Parameters
    ----------
    kind : str
        ``"method"``, ``"degradation"``, ``"metric"``, ``"dataset"`` or ``"reporter"``.
    name : str
        The registered name.
    device : str
        Where methods and degradations run: ``"cpu"``, ``"cuda"`` or ``"auto"``. Where there is a GPU, one
        check uses it whatever is given here.

    Raises
    ------
    UnknownNameError
        If there is no such kind, or nothing is registered under the name.
    PluginError
        If the plugin that gives the name does not work.
    InputError
        If the device cannot be used.
    """
    from a2ibench.bench.device import resolve_device

    registered = host().find(kind, name)
    suite: Any = importlib.import_module(_SUITES[kind]).suite
    rules, subject = suite(registered, resolve_device(device))
    return [rule.on(subject) for rule in rules]


def find_registered(name: str, kind: str | None = None) -> list[str]:
    """Return the kinds that a name is registered as.

    Parameters
    ----------
    name : str
        Looked up in all kinds.
    kind : str, optional
        The one kind to look in.

    Raises
    ------
    UnknownNameError
        If there is no such kind, or nothing has that name; suggests the nearest.
    PluginError
        If a plugin gives the name but does not work.
    """
    if kind is not None:
        host().find(kind, name)
        return [kind]
    found = [known for known in KINDS if name in host().table(known)]
    if not found:
        _explain_broken(name)
        every = {known for table in map(host().table, KINDS) for known in table}
        raise UnknownNameError("plugin", name, every)
    return found


def _explain_broken(name: str) -> None:
    # Where a plugin gives the name but failed, find says why with another error than that of a wrong name.
    for known in KINDS:
        try:
            host().find(known, name)
        except UnknownNameError:
            continue
