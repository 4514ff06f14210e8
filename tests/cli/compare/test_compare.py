"""The commands ``a2ibench baseline`` and ``a2ibench compare``: limits, messages and what they cost."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path

import pytest

Completed = subprocess.CompletedProcess[str]
Cli = Callable[..., Completed]
Install = Callable[..., Distribution]
Write = Callable[..., Path]

HEAVY = {"torch", "timm", "pandas", "matplotlib", "skimage", "scipy", "h5py", "pooch", "rich.progress"}
PROBE = """
import json, sys
from a2ibench.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]))
"""


def found(done: Completed) -> dict[tuple[str, str], str]:
    """Return the verdict of each method and subject that ``--json`` printed."""
    differences = json.loads(done.stdout)["differences"]
    return {(d["method"], d["subject"]): d["verdict"] for d in differences}


def test_limits_come_from_the_file_and_the_command_line(write: Write, cli: Cli, tmp_path: Path) -> None:
    new, old = write("new", {"psnr": 29.5, "mine": 0.5}), write("old", {"psnr": 30.0, "mine": 0.9})
    limits = tmp_path / "limits.toml"
    limits.write_text("[dataset.cells]\npsnr = 0.6\n[dataset.phantom.method.srmd]\nslowdown = 3\n")
    assert cli("compare", new, old).returncode == 1
    assert cli("compare", new, old, "--thresholds", limits).returncode == 0
    assert cli("compare", new, old, "--thresholds", limits, "--max-drop", "psnr=0.4").returncode == 1
    named = cli("compare", new, old, "--max-drop", "psnr=1", "--max-drop", "mine=0.1", "--json")
    assert named.returncode == 1
    assert found(named) == {
        ("cubic", "mine"): "worse",
        ("cubic", "psnr"): "within",
        ("cubic", "fit"): "within",
    }
    slow = write("slow", {"psnr": 30.0}, fit=14.0)
    assert cli("compare", slow, old, "--max-drop", "mine=1").returncode == 1
    assert cli("compare", slow, slow, "--max-slowdown", "1.3").returncode == 0
    fast = write("fast", {"psnr": 30.0})
    assert cli("compare", slow, fast).returncode == 0
    assert cli("compare", slow, fast, "--max-slowdown", "1.3").returncode == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "none", "{old}"], "none: does not exist; give a run's folder or a baseline"),
        (["compare", "{old}", "."], "holds no run"),
        (
            ["compare", "{quick}", "{old}"],
            "cells cubic seed 0: profile is quick in RUN and smoke in BASELINE",
        ),
        (
            ["compare", "{old}", "{old}", "--max-drop", "pnsr=1"],
            "unknown metric 'pnsr'; did you mean 'psnr'?",
        ),
        (["compare", "{old}", "{old}", "--max-slowdown", "0.5"], "give a number of at least 1"),
        (["compare", "{old}", "{old}", "--thresholds", "none.toml"], "none.toml: no such file"),
        (["compare", "{old}"], "Missing argument 'BASELINE'"),
        (["baseline", "{old}", "x"], "is no folder; give the folder that a2ibench run wrote"),
        (["baseline", ".", "x"], "holds no run"),
    ],
)
def test_bad_input_is_one_line_and_code_2(write: Write, cli: Cli, arguments: list[str], message: str) -> None:
    files = {"old": write("old", {"psnr": 30.0}), "quick": write("quick", {"psnr": 30.0}, profile="quick")}
    done = cli(*(argument.format(**files) for argument in arguments))
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_json_is_one_document_and_github_is_told_beside_it(
    write: Write, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    new, old = write("new", {"psnr": 29.0}), write("old", {"psnr": math.inf})
    done = cli("compare", new, old, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["differences"][0]["baseline"] == "inf"
    assert done.stderr.startswith("::error title=psnr of cubic on cells::psnr inf -> 29")
    assert "::error" in cli("compare", new, old).stdout
    assert "::error" not in cli("compare", new, old, "--no-github").stdout
    refused = cli("compare", write("quick", {}, profile="quick"), old)
    assert refused.returncode == 2
    assert refused.stderr.startswith("::error title=a2ibench compare::cells cubic seed 0: profile is quick")


@pytest.mark.parametrize("arguments", [["compare", "--help"], ["baseline", "--help"], ["compare"]])
def test_nothing_heavy_is_imported(arguments: list[str], write: Write, environment: None) -> None:
    if arguments == ["compare"]:
        new, old = write("new", {"psnr": 30.0}), write("old", {"psnr": 30.0})
        arguments = ["compare", str(new), str(old), "--max-drop", "psnr=0.2"]
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments],
        env=dict(os.environ), capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert HEAVY.isdisjoint(modules)


def test_compare_takes_less_than_a_second(write: Write, cli_process: Cli) -> None:
    resource = pytest.importorskip("resource", reason="this system does not tell what child processes took")
    new, old = write("new", {"psnr": 30.0}), write("old", {"psnr": 30.0})

    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert cli_process("compare", new, old).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)

    # Processor time, and the best of three, so that a busy machine does not count.
    assert min(seconds() for _ in range(3)) < 1.0
