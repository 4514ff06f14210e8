"""What one needs to know to see why an installation does not work."""

from __future__ import annotations

import sys
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from a2ibench.data import cache_folder
from a2ibench.environment import environment, git_state
from a2ibench.errors import one_line
from a2ibench.registry import PluginHost, host
from a2ibench.registry.loading import PluginStatus, pass_ctrl_c
from a2ibench.registry.validation import KINDS, try_metric

__all__ = ["device_report", "diagnose", "environment", "plugin_report"]


def diagnose(*, devices: bool = False) -> dict[str, Any]:
    """Return the state of the installation.

    Parameters
    ----------
    devices : bool
        Also import torch, which takes seconds, and ask it for devices.

    Returns
    -------
    dict
        JSON-able: all of `environment`, and ``executable``, ``memory`` (bytes), ``cache`` (a folder),
        ``working_folder`` (with its ``git`` state, None outside a checkout), ``plugins`` (as of
        `plugin_report`) and, on request, ``devices`` (as of `device_report`) and ``metric_errors`` (as of
        `metric_errors`).
    """
    memory = psutil.virtual_memory()
    report = environment() | {
        "executable": sys.executable,
        "memory": {"total": memory.total, "available": memory.available},
        "cache": str(cache_folder()),
        "working_folder": {"path": str(Path.cwd()), "git": git_state(Path.cwd())},
        "plugins": plugin_report(host()),
    }
    if devices:
        report |= {"devices": device_report(), "metric_errors": metric_errors(host())}
    return report


def plugin_report(plugins: PluginHost) -> list[dict[str, Any]]:
    """Return each plugin's status, with the names that it registers under ``"registers"``, by kind."""
    return [asdict(status) | {"registers": _names(plugins, status)} for status in plugins.plugins]


def metric_errors(plugins: PluginHost) -> dict[str, str]:
    """Return one line for each metric that cannot score a small volume, by name."""
    errors: dict[str, str] = {}
    for name, registered in plugins.metrics.items():
        try:
            if plugins.is_apart(registered):
                request = {"do": "measure", "target": registered.spec.target, "name": name}
                plugins.ask(registered, request, "while it was tried", "target")
            else:
                try_metric(plugins.build("metric", name), name)
        except BaseException as error:
            pass_ctrl_c(error)
            errors[name] = one_line(error)
    return errors


def device_report() -> dict[str, Any]:
    """Return what torch can compute on; only ``error`` where torch cannot be imported.

    Returns
    -------
    dict
        ``torch`` (version), ``cpu`` (``capability``: vector instructions, ``bf16``: multiplied in
        hardware, ``threads``), ``cuda`` (version torch was built for, or None) and
        ``gpus``, each with ``name``, ``memory`` (bytes), ``capability`` and ``bf16``.
    """
    try:
        # What torch warns of, such as an outdated driver, shows in the report itself.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _devices()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return {"error": one_line(error)}


def _names(plugins: PluginHost, status: PluginStatus) -> dict[str, list[str]]:
    owner = (status.name, status.distribution)
    names = {
        kind: [name for name, r in plugins.table(kind).items() if (r.plugin, r.distribution) == owner]
        for kind in KINDS
    }
    return {kind: found for kind, found in names.items() if found}


def _devices() -> dict[str, Any]:
    import torch

    from a2ibench.protocol.training import cpu_has_bf16

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return {
        "torch": torch.__version__,
        "cpu": {
            "capability": torch.backends.cpu.get_cpu_capability(),
            "bf16": cpu_has_bf16(),
            "threads": torch.get_num_threads(),
        },
        "cuda": torch.version.cuda,
        "gpus": [_gpu(index) for index in range(count)],
    }


def _gpu(index: int) -> dict[str, Any]:
    import torch

    properties = torch.cuda.get_device_properties(index)
    major, minor = torch.cuda.get_device_capability(index)
    return {
        "name": properties.name,
        "memory": properties.total_memory,
        "capability": f"{major}.{minor}",
        "bf16": major >= 8,
    }
