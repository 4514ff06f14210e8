"""The state of an installation, broken plugins included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from a2ibench.doctor import device_report, diagnose, environment

Install = Callable[..., Distribution]

MIXED = """
from a2ibench import MethodSpec, MetricSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    register(MethodSpec("one", "m:One", ""))
    register(MethodSpec("two", "m:Two", ""))

@hookimpl
def a2ibench_register_metrics(register):
    register(MetricSpec("three", "m:Three", ""))
"""


def plugin(report: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the entry of a plugin."""
    (found,) = (entry for entry in report["plugins"] if entry["name"] == name)
    return dict(found)


def test_each_plugin_shows_what_it_registers_or_why_it_does_not(install_plugin: Install) -> None:
    install_plugin("mixed", MIXED, version="1.2")
    install_plugin("broken", "import a_module_that_is_not_there")
    report = json.loads(json.dumps(diagnose(), allow_nan=False))
    mixed = plugin(report, "mixed")
    assert mixed["registers"] == {"method": ["one", "two"], "metric": ["three"]}
    assert (mixed["distribution"], mixed["version"], mixed["error"]) == ("mixed", "1.2", None)
    broken = plugin(report, "broken")
    assert broken["registers"] == {}
    assert "No module named 'a_module_that_is_not_there'" in broken["error"]
    assert "broken/__init__.py" in broken["traceback"].replace(os.sep, "/")
    assert plugin(report, "cubic")["registers"] == {"method": ["cubic"]}


def test_the_report_extends_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    report = diagnose()
    assert environment().items() <= report.items()
    assert report["working_folder"] == {"path": str(tmp_path), "git": None}
    assert report["cache"] == str(tmp_path / "cache")
    assert 0 < report["memory"]["available"] <= report["memory"]["total"]
    assert "devices" not in report


def test_torch_is_imported_only_when_asked_for() -> None:
    code = "import sys; from a2ibench.doctor import diagnose; diagnose(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_devices_are_those_of_torch() -> None:
    torch = pytest.importorskip("torch")
    devices = json.loads(json.dumps(diagnose(devices=True)["devices"], allow_nan=False))
    assert devices["torch"] == torch.__version__
    assert devices["cpu"]["threads"] == torch.get_num_threads()
    assert isinstance(devices["cpu"]["bf16"], bool)
    assert len(devices["gpus"]) == torch.cuda.device_count()


@pytest.mark.parametrize("raised", ["ImportError('libcudart.so.12: cannot open')", "SystemExit('no driver')"])
def test_a_torch_that_cannot_be_imported_is_part_of_the_report(tmp_path: Path, raised: str) -> None:
    (tmp_path / "torch.py").write_text(f"raise {raised}\n")
    code = "import json; from a2ibench.doctor import device_report; print(json.dumps(device_report()))"
    variables = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=variables
    )
    assert list(json.loads(done.stdout)) == ["error"]
    assert raised.split("'")[1] in json.loads(done.stdout)["error"]


def test_gpus_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")

    class Properties:
        """Of a GPU that this machine need not have."""

        name = "A GPU"
        total_memory = 2**34

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: Properties)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda index: (7, 5))
    assert device_report()["gpus"] == [{"name": "A GPU", "memory": 2**34, "capability": "7.5", "bf16": False}]
