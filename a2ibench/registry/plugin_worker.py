"""The process of one plugin, ``python -m a2ibench.registry.plugin_worker``: a line of JSON for each request.

It ends when its stdin does. What the plugin prints goes to stderr.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Final

from a2ibench.errors import PluginError, one_line
from a2ibench.hookspecs import PROJECT
from a2ibench.isolation import ignore_interrupts, take_channels
from a2ibench.registry.loading import Plugin, import_target, load_plugin
from a2ibench.registry.plugin_process import describe_spec
from a2ibench.registry.validation import call_reporter


def main() -> None:
    """Answer requests about the plugin that the first line names."""
    ignore_interrupts()
    answers, lifeline = take_channels()
    requests = os.fdopen(lifeline, "rb")
    if hasattr(faulthandler, "register"):
        # A plugin that is stopped after its time leaves word of where it hung.
        faulthandler.register(signal.SIGTERM, chain=True)
    given = json.loads(requests.readline())
    sys.path[:] = given["path"]
    plugin: Plugin | None = None
    for line in requests:
        request = json.loads(line)
        if plugin is None and request["do"] in ("register", "job_finished"):
            plugin = load_plugin(EntryPoint(given["name"], given["value"], PROJECT))
        answer: dict[str, Any] = {"error": None, "traceback": None, "result": None}
        try:
            answer["result"] = _TASKS[request["do"]](plugin, request)
        except BaseException as error:
            text = "".join(traceback.format_exception(error))
            answer |= {"error": one_line(error), "traceback": text}
        _write(answers, json.dumps(answer).encode() + b"\n")


def _register(plugin: Plugin, request: Mapping[str, Any]) -> dict[str, Any]:
    failed = {"error": plugin.status.error, "traceback": plugin.status.traceback}
    try:
        specs = [describe_spec(kind, spec) for kind, spec in plugin.specs]
    except PluginError as error:
        specs, failed = [], {"error": one_line(error), "traceback": None}
    return failed | {"specs": specs, "listens": plugin.listens}


def _job_finished(plugin: Plugin, request: Mapping[str, Any]) -> None:
    plugin.job_finished(request["record"])


def _import(plugin: object, request: Mapping[str, Any]) -> int | None:
    version = getattr(import_target(request["target"]), "version", None)
    return version if isinstance(version, int) else None


def _report(plugin: object, request: Mapping[str, Any]) -> list[str]:
    report, read = (import_target(request[name]) for name in ("target", "read"))
    written = call_reporter(report, read(Path(request["folder"])))
    return [os.fspath(path) for path in written]


def _measure(plugin: object, request: Mapping[str, Any]) -> None:
    from a2ibench.registry.validation import try_metric

    try_metric(import_target(request["target"])(), request["name"])


_TASKS: Final[Mapping[str, Callable[[Any, Mapping[str, Any]], Any]]] = {
    "register": _register,
    "job_finished": _job_finished,
    "import": _import,
    "report": _report,
    "measure": _measure,
}


def _write(channel: int, content: bytes) -> None:
    while content:
        content = content[os.write(channel, content) :]


if __name__ == "__main__":
    main()
