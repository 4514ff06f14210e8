"""How fast the command line starts, and what it does not import."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

import a2ibench
from a2ibench.cli import main

HEAVY = {"torch", "timm", "pandas", "matplotlib", "skimage", "scipy", "h5py", "pooch", "rich.progress"} | {
    "distributed",
    "dask",
}
PROBE = """
import json, sys
from a2ibench.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]))
"""
COMMANDS = ("run", "list", "fetch", "doctor", "reconstruct")
LISTS = [["list", kind] for kind in ("methods", "datasets", "metrics", "degradations", "plugins")]


@pytest.mark.parametrize("arguments", [[], ["--help"], ["run", "--help"], ["--version"], *LISTS])
def test_nothing_heavy_is_imported(arguments: list[str], environment: None) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert "a2ibench.cli.run" in modules
    assert HEAVY.isdisjoint(modules)


@pytest.mark.parametrize(("arguments", "limit"), [(["--help"], 5), ([], 5), (["list", "methods"], 6)])
def test_starts_quickly(arguments: list[str], limit: float, cli_process: Callable[..., object]) -> None:
    resource = pytest.importorskip("resource", reason="this system does not tell what child processes took")

    def seconds(start: Callable[[], object]) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        start()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)

    def libraries() -> None:
        subprocess.run([sys.executable, "-c", "import numpy, rich.console, rich.table, typer"], check=True)

    # Processor time, which on a busy machine grows for both: by turns, and the best of each.
    turns = [(seconds(lambda: cli_process(*arguments)), seconds(libraries)) for _ in range(4)]
    ours, needed = (min(times) for times in zip(*turns, strict=True))
    assert ours < limit * needed, f"{ours:.2f} s for {needed:.2f} s"


def test_help_is_shown_without_arguments(cli: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    bare, asked = cli(), cli("--help")
    assert bare.returncode == asked.returncode == 0
    assert bare.stdout.split() == asked.stdout.split()
    assert all(command in asked.stdout for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    assert f"a2ibench {command}" in capsys.readouterr().out


def test_version(cli: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    assert cli("--version").stdout == f"a2ibench {a2ibench.__version__}\n"
