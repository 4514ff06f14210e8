"""The command ``a2ibench doctor``."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from importlib.metadata import Distribution

import a2ibench
from a2ibench.registry import host

Cli = Callable[..., subprocess.CompletedProcess[str]]


def test_shows_environment_devices_and_plugins(cli: Cli) -> None:
    done = cli("doctor")
    assert done.returncode == (1 if any(plugin.error for plugin in host().plugins) else 0)
    lines = done.stdout.splitlines()
    assert [line for line in lines if not line.startswith(" ")] == ["environment", "devices", "plugins"]
    assert ["a2ibench", a2ibench.__version__] in [line.split() for line in lines]
    assert f"  cubic (a2ibench {a2ibench.__version__}): ok" in lines
    assert "    method: cubic" in lines


def test_a_broken_plugin_shows_with_its_traceback_and_in_the_exit_code(
    cli: Cli, install_plugin: Callable[..., Distribution]
) -> None:
    install_plugin("crash", "def here():\n    raise RuntimeError('no luck')\n\nhere()\n", version="0.7")
    text, data = cli("doctor"), cli("doctor", "--json")
    assert text.returncode == data.returncode == 1
    assert "  crash (crash 0.7): FAILED" in text.stdout.splitlines()
    assert "    | RuntimeError: no luck" in text.stdout.splitlines()
    assert "in here" in text.stdout
    report = json.loads(data.stdout)
    (crash,) = (plugin for plugin in report["plugins"] if plugin["name"] == "crash")
    assert "no luck" in crash["error"]
    assert {"a2ibench", "python", "libraries", "devices", "cache"} <= set(report)


METRICS = """
from a2ibench import MetricSpec, hookimpl

@hookimpl
def a2ibench_register_metrics(register):
    for name in ("raises", "quits", "texts", "sound"):
        register(MetricSpec(name, f"gauges.metrics:{name.title()}", "a metric for tests"))
"""
CLASSES = """
import os

class Sound:
    name, version, higher_is_better, needs_reference = "sound", 1, True, False

    def __call__(self, prediction, reference, data_range):
        return 1.0

class Raises(Sound):
    name = "raises"

    def __call__(self, prediction, reference, data_range):
        raise RuntimeError("no \\x1b[31m scale")

class Quits(Sound):
    name = "quits"

    def __call__(self, prediction, reference, data_range):
        os._exit(0)

class Texts(Sound):
    name = "texts"

    def __call__(self, prediction, reference, data_range):
        return "much"
"""


def test_each_metric_that_cannot_score_is_a_line_and_exit_code_1(
    cli: Cli, install_plugin: Callable[..., Distribution]
) -> None:
    install_plugin("gauges", METRICS, files={"metrics.py": CLASSES})
    text, data = cli("doctor"), cli("doctor", "--json")
    assert text.returncode == data.returncode == 1
    errors = json.loads(data.stdout)["metric_errors"]
    assert errors.keys() == {"raises", "quits", "texts"}
    assert errors["raises"] == r"RuntimeError: no \x1b[31m scale"
    assert errors["quits"].startswith("ended the process with code 0")
    assert errors["texts"] == "gave 'much'; give one number"
    assert all(name in text.stdout and error in text.stdout for name, error in errors.items())
    assert "\x1b" not in text.stdout
