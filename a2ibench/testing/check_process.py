"""Judges the checks of a name in another process, which a plugin may end, or hang, without harm."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import Any, Final

from a2ibench.documents import parse_json
from a2ibench.errors import InputError, PluginError
from a2ibench.isolation.supervised import Lines, Supervised, how_it_ended, python_module
from a2ibench.testing.check import Check, CheckResult

LIMIT = 900.0
"""Seconds for loading the plugins, and for each check."""

_LONGEST: Final = 1 << 22
_ENDING: Final = 5.0


@dataclass(frozen=True)
class Suite:
    """What is checked: a kind, and which plugin gives it.

    Parameters
    ----------
    kind : str
        Such as ``"method"``.
    about : mapping of str to str
        Plugin, distribution, version, and title, which names them all.
    checks : tuple of Check
        They cannot be called here.
    """

    kind: str
    about: Mapping[str, str]
    checks: tuple[Check, ...]


def judge_apart(
    name: str, kind: str | None = None, *, device: str = "cpu", limit: float = LIMIT
) -> Iterator[Suite | CheckResult]:
    """Judge every check of a name in a process of its own.

    Parameters
    ----------
    name : str
        Registered name.
    kind : str, optional
        Which of the kinds with this name.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"auto"``.
    limit : float
        Seconds that a check may take.

    Yields
    ------
    Suite or CheckResult
        Each suite before the outcomes of its checks, as they come. A check in which the process ends or
        hangs has failed; the checks after it are tried in another process.

    Raises
    ------
    InputError
        If nothing has that name, or the device cannot be used.
    PluginError
        If the process ends or hangs before the first check.
    """
    suites: list[Suite] = []
    checks: list[Check] = []
    done = 0
    while True:
        child, begun, ended, met = _Child(name, kind, device, done), -1, False, 0
        with closing(child):
            for event in child.events(limit):
                if "refused" in event:
                    raise InputError(str(event["refused"]))
                if "kind" in event:
                    met += 1
                    if met > len(suites):
                        suites.append(_suite(event))
                        checks += suites[-1].checks
                        yield suites[-1]
                elif "begun" in event:
                    begun = int(event["begun"])
                elif "number" in event:
                    yield CheckResult(checks[done], event["status"], event["message"], event["seconds"])
                    done += 1
                ended = ended or "end" in event
        if ended:
            return
        if begun < done:
            raise PluginError(f"{name}: {child.end} while plugins were loaded; see a2ibench doctor")
        yield CheckResult(checks[done], "failed", f"the plugin {child.end}", child.seconds)
        done += 1


def _suite(event: Mapping[str, Any]) -> Suite:
    def elsewhere() -> None:
        raise RuntimeError("this check is judged in another process")

    listed = (Check(c["name"], c["summary"], c["advice"], elsewhere) for c in event["checks"])
    return Suite(event["kind"], event["about"], tuple(listed))


class _Child:
    def __init__(self, name: str, kind: str | None, device: str, first: int) -> None:
        command = python_module("a2ibench.testing.check_worker", name, kind or "", device, str(first))
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = Supervised(command, stderr=None, environment=environment, patience=0.0)
        self._lines = Lines(self._process.stdout, _LONGEST)
        self.end, self.seconds = "", 0.0

    def events(self, limit: float) -> Iterator[dict[str, Any]]:
        """Yield what it tells until it ends, or has told nothing for so many seconds."""
        while True:
            start = time.monotonic()
            try:
                line = self._lines.get(limit)
            except TimeoutError:
                line, self.end = None, f"took more than {limit:g} s and was stopped"
            self.seconds = time.monotonic() - start
            if line is None:
                break
            # The last line of a process that was killed may be cut.
            with suppress(ValueError):
                yield parse_json(line)
        if not self.end and self._process.ended(_ENDING):
            self.end = how_it_ended(self._process.returncode)
        self.end = self.end or "closed the channel to the checks and went on"

    def close(self) -> None:
        """End whatever is left of it."""
        self._process.stop()
