"""Methods that end the process or change its folder, where they run in the command's own process."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

import a2ibench

Cli = Callable[..., subprocess.CompletedProcess[str]]

HOOKS = """
from a2ibench import MethodSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    for name in ("ends", "leaves", "interrupts", "moves"):
        register(MethodSpec(name, f"rough.deep:{name.capitalize()}", "a rough method"))
"""
METHODS = """
import os
import tempfile
from a2ibench_cubic.method import Cubic


class Ends(Cubic):
    def reconstruct(self, volume, grid, ctx):
        os._exit(0)


class Leaves(Cubic):
    def reconstruct(self, volume, grid, ctx):
        raise SystemExit(0)


class Interrupts(Cubic):
    def reconstruct(self, volume, grid, ctx):
        raise KeyboardInterrupt


class Moves(Cubic):
    def fit(self, volume, ctx):
        os.chdir(tempfile.mkdtemp())

    def reconstruct(self, volume, grid, ctx):
        os.chdir(tempfile.mkdtemp())
        return super().reconstruct(volume, grid, ctx)
"""
CATALOGUE = """
[cells]
phantom = {size = 32, seed = 1}
voxel_size = [15.0, 15.0, 15.0]
simulate = {ratio = 2.0}
"""


@pytest.fixture
def rough(install_plugin: Callable[..., object], tmp_path: Path) -> Path:
    """Install the methods; return a catalogue of a small phantom."""
    install_plugin("rough", HOOKS, files={"deep.py": METHODS})
    (tmp_path / "small.toml").write_text(CATALOGUE)
    return tmp_path / "small.toml"


@pytest.mark.parametrize("executor", ["inline", pytest.param("process", marks=pytest.mark.slow)])
def test_each_costs_its_own_job_alone(rough: Path, cli_process: Cli, tmp_path: Path, executor: str) -> None:
    done = cli_process(
        "run", "--methods", "ends,leaves,interrupts,moves,cubic", "--catalogue", "../small.toml",
        "--profile", "smoke", "--device", "cpu", "--executor", executor, "--reporters", "tables",
        "--out", "out",
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "Traceback" not in done.stderr
    jobs = tmp_path / "here" / "out" / "jobs"
    records = [json.loads(file.read_text()) for file in jobs.glob("*/record.json")]
    assert {record["method"]: record["status"] for record in records} == {
        "ends": "error", "leaves": "error", "interrupts": "error", "moves": "ok", "cubic": "ok",
    }  # fmt: skip
    assert (tmp_path / "here" / "out" / "table.csv").is_file()


@pytest.mark.parametrize(
    "method",
    [
        "ends",
        "interrupts",
        pytest.param("leaves", marks=pytest.mark.slow),
    ],
)
def test_reconstruct_says_in_one_line_that_nothing_was_made(
    rough: Path, cli_process: Cli, tmp_path: Path, method: str
) -> None:
    np.save(tmp_path / "here" / "stack.npy", np.arange(6 * 24 * 24, dtype=np.uint16).reshape(6, 24, 24))
    done = cli_process("reconstruct", "stack.npy", "out.tif", "--voxel-size", "30,10,10", "--method", method)
    assert done.returncode not in (0, 130), done.stdout
    (line,) = (line for line in done.stderr.splitlines() if "error" in line)
    assert "Traceback" not in done.stderr
    assert line.startswith("a2ibench: error: ")
    assert not (tmp_path / "here" / "out.tif").exists()


def test_reconstruct_writes_where_it_was_asked_to(rough: Path, cli_process: Cli, tmp_path: Path) -> None:
    np.save(tmp_path / "here" / "stack.npy", np.arange(6 * 24 * 24, dtype=np.uint16).reshape(6, 24, 24))
    done = cli_process("reconstruct", "stack.npy", "out.tif", "--voxel-size", "30,10,10", "--method", "moves")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "here" / "out.tif").is_file()


@pytest.mark.slow
def test_runs_may_be_started_from_threads_that_end(
    rough: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))

    def run(name: str) -> None:
        table = a2ibench.run(
            methods=["cubic"], catalogue=rough, profile="smoke", device="cpu", out=tmp_path / name
        )
        statuses.append(set(table["status"]))

    statuses: list[set[str]] = []
    thread = Thread(target=run, args=("thread",))
    thread.start()
    thread.join()
    with ThreadPoolExecutor(1) as pool:
        pool.submit(run, "pool").result()
    assert statuses == [{"ok"}, {"ok"}]
