"""The commands ``a2ibench plugin check`` and ``a2ibench plugin new``, as users start them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from a2ibench.cli.plugin import KINDS
from a2ibench.registry import validation

Cli = Callable[..., subprocess.CompletedProcess[str]]

HOOKS = """
from a2ibench import MetricSpec, DatasetSpec, Simulation, hookimpl

@hookimpl
def a2ibench_register_metrics(register):
    register(MetricSpec("sound", "probe.metrics:Sound", "root mean squared error"))
    register(MetricSpec("broken", "probe.metrics:Broken", "root mean squared error"))

@hookimpl
def a2ibench_register_datasets(register):
    register(DatasetSpec(
        "sound", "Cortex", (10.0, 10.0, 10.0), phantom={"size": 48}, simulate=Simulation(4.0),
        licence="MIT", citation="Nobody, 2024",
    ))
"""

METRICS = """
import numpy as np


class Sound:
    name, version, higher_is_better, needs_reference = "sound", 1, False, True

    def __call__(self, prediction, reference, data_range):
        print("noise of a plugin")
        error = prediction.astype(np.float64) - reference
        return float(np.sqrt(np.mean(error**2)) / data_range)


class Broken(Sound):
    name = "broken"

    def __call__(self, prediction, reference, data_range):
        return np.float32(super().__call__(prediction, reference, data_range))
"""


@pytest.fixture
def probe(install_plugin: Callable[..., Distribution]) -> None:
    distribution = install_plugin("probe", HOOKS, files={"metrics.py": METRICS})
    metadata = Path(str(distribution.locate_file("probe-1.0.dist-info/METADATA")))
    metadata.write_text(f"{metadata.read_text()}License-Expression: MIT\n")


def test_a_sound_plugin_passes(probe: None, cli: Cli) -> None:
    done = cli("plugin", "check", "sound", "--kind", "metric")
    assert done.returncode == 0
    first, *lines, last = done.stdout.splitlines()
    assert first == "metric sound, plugin probe (distribution probe 1.0)"
    assert lines[0].split(maxsplit=2) == [
        "ok",
        "listed-lightly",
        "Listing the plugin imports no heavy library",
    ]
    assert {line.split()[0] for line in lines} == {"ok", "skipped"}
    assert last.startswith(f"{len(lines)} checks: {len(lines) - 3} ok, 3 skipped; ")
    assert "noise of a plugin" not in done.stdout
    assert "noise of a plugin" in done.stderr


def test_a_fault_is_one_line_and_what_to_do(probe: None, cli: Cli) -> None:
    done = cli("plugin", "check", "broken")
    assert done.returncode == 1
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    at = lines.index("FAILED returns-float a call returned a float32 for uint8")
    assert lines[at + 1] == "to do: return float(value)"
    assert sum(line.startswith("FAILED") for line in lines) == 1
    assert ", 1 failed, " in lines[-1]
    assert "Traceback" not in done.stdout + done.stderr


def test_an_unknown_name_suggests_the_nearest(probe: None, cli: Cli) -> None:
    done = cli("plugin", "check", "brokn")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "a2ibench: error: unknown plugin 'brokn'; did you mean 'broken'?\n"
    done = cli("plugin", "check", "broken", "--kind", "reporter")
    assert done.returncode == 2
    assert done.stderr.startswith("a2ibench: error: unknown reporter 'broken'")


def test_every_kind_of_a_name_is_checked_and_json_tells_all(probe: None, cli: Cli) -> None:
    done = cli("plugin", "check", "sound", "--json")
    assert done.returncode == 0
    metric, dataset = json.loads(done.stdout)
    assert [metric["kind"], dataset["kind"]] == ["metric", "dataset"]
    assert metric["ok"] is dataset["ok"] is True
    assert {name: metric[name] for name in ("name", "plugin", "distribution", "version", "device")} == {
        "name": "sound",
        "plugin": "probe",
        "distribution": "probe",
        "version": "1.0",
        "device": "cpu",
    }
    for check in metric["checks"]:
        assert set(check) == {"name", "summary", "status", "message", "advice", "seconds"}
        assert check["advice"]
        assert "\n" not in check["message"]


def test_a_plugin_that_failed_says_why(install_plugin: Callable[..., Distribution], cli: Cli) -> None:
    install_plugin("wonder", "import a_module_that_is_not_there")
    done = cli("plugin", "check", "wonder")
    assert done.returncode == 2
    assert "plugin wonder (distribution wonder 1.0) failed: cannot import wonder" in done.stderr


def test_the_kinds_in_the_help_are_all_there_are() -> None:
    assert KINDS.split("|") == list(validation.KINDS)


def test_plugin_alone_shows_its_commands(cli: Cli) -> None:
    done = cli("plugin")
    assert done.returncode == 0
    assert "check" in done.stdout
    assert "new" in done.stdout


def test_a_new_plugin_is_written_with_what_to_do_next(cli: Cli, tmp_path: Path) -> None:
    done = cli("plugin", "new", "sharpness", "--kind", "metric")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    folder = tmp_path / "here" / "a2ibench-sharpness"
    written = sorted(path for path in folder.rglob("*") if path.is_file())
    assert sorted(tmp_path / "here" / line for line in lines[: lines.index("")]) == written
    assert [line.split()[:2] for line in lines[-3:]] == [
        ["pip", "install"],
        ["a2ibench", "plugin"],
        ["pytest", "a2ibench-sharpness"],
    ]
    again = cli("plugin", "new", "sharpness", "--kind", "metric")
    assert again.returncode == 2
    assert again.stderr.startswith("a2ibench: error: a2ibench-sharpness: is not empty")
