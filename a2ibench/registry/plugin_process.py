"""A plugin in a process of its own: what it does there costs this process nothing but the wait.

The process is ``python -m a2ibench.registry.plugin_worker``. Requests, answers and specs are JSON.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from a2ibench.contracts import Simulation
from a2ibench.documents import parse_json
from a2ibench.errors import InputError, PluginError, one_line
from a2ibench.isolation.supervised import Lines, Output, Supervised, how_it_ended, python_module
from a2ibench.registry.validation import KINDS, Spec, check_spec


def describe_spec(kind: str, spec: Spec) -> dict[str, Any]:
    """Return a spec and its kind, JSON-able.

    Raises
    ------
    PluginError
        If a field holds what JSON has not, such as a function.
    """
    given = {field.name: getattr(spec, field.name) for field in fields(KINDS[kind])}
    try:
        described: dict[str, Any] = json.loads(json.dumps(given, default=_plain, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        line = f"{kind} {spec.name!r}: {one_line(error, 200)}; give texts, numbers, lists and mappings"
        raise PluginError(line) from error
    return {"kind": kind, "fields": described}


def spec_of(described: Mapping[str, Any]) -> tuple[str, Spec]:
    """Return kind and spec from what `describe_spec` returned.

    Raises
    ------
    PluginError
        If it is none.
    """
    try:
        kind, given = described["kind"], dict(described["fields"])
        if kind == "dataset":
            given |= _dataset_fields(given)
        spec = KINDS[kind](**given)
    except (LookupError, TypeError, ValueError) as error:
        raise PluginError(f"what it registers cannot be read: {one_line(error, 200)}") from error
    check_spec(kind, spec)
    return kind, spec


def _dataset_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    path, simulate, crop, intensity = (given[name] for name in ("path", "simulate", "crop", "intensity"))
    return {
        "voxel_size": tuple(given["voxel_size"]),
        "path": None if path is None else Path(path),
        "simulate": None if simulate is None else Simulation(**simulate),
        "crop": None if crop is None else tuple(tuple(bounds) for bounds in crop),
        "intensity": None if intensity is None else tuple(intensity),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Simulation):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


TIMEOUT: Final = "A2IBENCH_PLUGIN_TIMEOUT"
LIMITS: Final[Mapping[str, float]] = {"import": 30.0, "target": 120.0, "job": 60.0, "report": 300.0}
"""Seconds for a plugin's import and registration, the import of a target (which may bring in torch), what
it does after a job, and a report."""
_LONGEST = 1 << 26
_CLOSING = 5.0


class PluginProcessError(PluginError):
    """A plugin that failed in its process; `trace` tells where, `raised` whether the process goes on."""

    def __init__(self, message: str, trace: str = "", *, raised: bool = False) -> None:
        super().__init__(message)
        self.trace, self.raised = trace, raised


def limit(task: str) -> float:
    """Return the seconds that a plugin has for a task of `LIMITS`; one number of the user's holds for all.

    Raises
    ------
    InputError
        If the environment variable holds no positive number.
    """
    given = os.environ.get(TIMEOUT, "").strip()
    if not given:
        return LIMITS[task]
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InputError(f"{TIMEOUT}: got {one_line(given, 80)!r}; give a positive number of seconds")
    return seconds


class PluginProcess:
    """A process in which one plugin runs.

    Parameters
    ----------
    name, value : str
        The plugin's entry point.
    relay : callable, optional
        Takes each line that the plugin prints; by default they are kept for errors alone.
    """

    def __init__(self, name: str, value: str, relay: Callable[[str], object] | None = None) -> None:
        self._process = Supervised(
            python_module("a2ibench.registry.plugin_worker"), stderr=subprocess.PIPE, patience=0.5
        )
        self._answers = Lines(self._process.stdout, _LONGEST, waiting=2)
        self._output = Output(self._process.stderr, relay)
        places = [str(Path(place).absolute()) for place in sys.path]
        self._send({"path": places, "name": name, "value": value})

    def __enter__(self) -> PluginProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stop()

    def ask(self, request: Mapping[str, Any], doing: str, seconds: float) -> Any:
        """Return what the plugin's process answers.

        Parameters
        ----------
        request : mapping
            ``"do"``, one of the tasks of the process, and its arguments.
        doing : str
            What the plugin is at, for errors: ``"while it was imported"``.
        seconds : float
            How long it may take.

        Raises
        ------
        PluginProcessError
            If the plugin raised something, ended its process, or did not finish; the process is of no use
            in the last two cases.
        """
        deadline = time.monotonic() + seconds
        self._send(request)
        line = None
        try:
            line = self._answers.get(max(0.001, deadline - time.monotonic()))
        except TimeoutError:
            self._process.stop()
            message = f"did not finish within {seconds:g} s {doing}; {TIMEOUT} sets the limit in seconds"
            raise PluginProcessError(message, self._output.end()) from None
        if line is None:
            if not self._process.ended(1.0):
                self._process.stop()
            ended = how_it_ended(self._process.returncode)
            raise PluginProcessError(f"{ended} {doing}", self._output.end())
        try:
            answer = parse_json(line)
            error, trace, result = answer["error"], answer["traceback"], answer["result"]
        except (ValueError, LookupError, TypeError):
            self._process.stop()
            raise PluginProcessError(
                f"answered nothing that can be read {doing}", self._output.end()
            ) from None
        if error is not None:
            raise PluginProcessError(one_line(str(error)), str(trace or ""), raised=True)
        return result

    def close(self) -> None:
        """Let the process end by itself, for a while, so that the plugin can finish what it has begun."""
        with suppress(OSError):
            self._process.stdin.close()
        self._process.ended(_CLOSING)
        self._process.stop()
        self._output.end()

    def _send(self, request: Mapping[str, Any]) -> None:
        # Where the process is gone, waiting for its answer tells how it ended.
        with suppress(OSError):
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()


def show_output(line: str) -> None:
    """Pass on what a plugin prints, to stderr."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"{line}\n")
