"""The command ``a2ibench plugin tune``, as users start it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Completed = subprocess.CompletedProcess[str]

CATALOGUE = """
[small]
phantom = {size = 32, seed = 5}
voxel_size = [15, 15, 15]
simulate = {ratio = 2.0}
"""
COMMAND = ["plugin", "tune", "pssr", "--profile", "smoke", "--budget", "3steps", "--device", "cpu"]
COMMAND += ["--executor", "inline", "--catalogue", "small.toml", "--values", "0.001,0.01,1e30"]


@pytest.fixture(scope="module")
def tuned(once: Callable[[str, Callable[[Path], None]], Path]) -> Path:
    """Tune in a process; return the folder of catalogue, output and what was printed."""

    def make(folder: Path) -> None:
        (folder / "small.toml").write_text(CATALOGUE)
        done = subprocess.run(
            [sys.executable, "-m", "a2ibench", *COMMAND, "--out", "out"],
            cwd=folder,
            env={**os.environ, "A2IBENCH_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        (folder / "stdout.txt").write_text(done.stdout)
        (folder / "stderr.txt").write_text(done.stderr)

    return once("tuned", make)


def test_it_prints_gains_the_best_value_and_where_the_rest_is(tuned: Path) -> None:
    heading, first, second, third, best, *rest = (tuned / "stdout.txt").read_text().splitlines()
    assert heading.split("  ")[0] == "LEARNING_RATE"
    assert [line.split()[0] for line in (first, second)] == ["0.001", "0.01"]
    assert third.split() == ["1e+30", "diverged", "-", "-", "-"]
    assert best.startswith("best: learning_rate = 0.0")
    assert rest[-1] == str(Path("out", "tuning.json"))
    progress = (tuned / "stderr.txt").read_text()
    assert "learning_rate=0.01:\n[1/1] small pssr seed 0: started\n" in progress


def test_tuning_json_holds_what_was_tried_and_what_came_of_it(tuned: Path) -> None:
    told = json.loads((tuned / "out" / "tuning.json").read_text())
    assert (told["method"], told["setting"], told["budget"]) == ("pssr", "learning_rate", "3steps")
    assert told["values"] == [trial["value"] for trial in told["trials"]] == [0.001, 0.01, 1e30]
    assert [dataset["phantom"]["seed"] for dataset in told["datasets"]] == [5]
    assert told["environment"]["libraries"]["torch"]
    scores = {}
    for trial in told["trials"][:2]:
        records = [
            json.loads(file.read_text())
            for name in ("cubic", f"learning_rate={trial['value']}")
            for file in (tuned / "out" / name / "jobs").glob("*/record.json")
        ]
        cubic, tried = (record["metrics"]["psnr"]["value"] for record in records)
        assert records[1]["provenance"]["configuration"]["learning_rate"] == trial["value"]
        assert trial["gain"] == trial["datasets"]["small"]["gain"] == pytest.approx(tried - cubic)
        scores[trial["value"]] = trial["gain"]
    assert told["best"] == max(scores, key=lambda value: scores[value])
    assert told["trials"][2]["status"] == "diverged"
    assert told["trials"][2]["gain"] is None


def test_the_same_command_goes_on_and_more_values_join(
    tuned: Path, cli: Callable[..., Completed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A2IBENCH_CACHE", str(tuned / "cache"))
    shutil.copy(tuned / "small.toml", Path.cwd())
    shutil.copytree(
        tuned / "out", Path("out"), ignore=lambda folder, names: {"learning_rate=0.01"} & {*names}
    )
    done = cli(*COMMAND[:-1], "0.001,0.01", "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "small pssr seed 0: finished before" in done.stderr.partition("learning_rate=0.01:")[0]
    assert "small pssr seed 0: started" in done.stderr.partition("learning_rate=0.01:")[2]
    first = (tuned / "stdout.txt").read_text().splitlines()
    gains = [line.split()[:4] for line in first[1:3]]
    assert [line.split()[:4] for line in done.stdout.splitlines()[1:3]] == gains
    other = cli(*COMMAND, "--out", "out", "--precision", "fp32")
    assert other.returncode == 2
    assert "holds a run with other --precision" in other.stderr


def test_where_every_training_diverges_the_command_fails(tuned: Path, cli: Callable[..., Completed]) -> None:
    shutil.copy(tuned / "small.toml", Path.cwd())
    done = cli(*COMMAND[:-1], "1e30,1e31", "--out", "out")
    assert done.returncode == 3
    assert "every training diverged; try smaller ones" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["cubic"], "--setting: got 'learning_rate', which is no numeric setting of cubic; choose one of a"),
        (["pssr", "--datasets", "phantom"], "--datasets: phantom is a volume of the catalogue that ships"),
        (["pssr", "--values", "1"], "--values: got '1'; give at least two different numbers"),
    ],
)
def test_errors_are_one_line(arguments: list[str], problem: str, cli: Callable[..., Completed]) -> None:
    done = cli("plugin", "tune", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("a2ibench: error: ")
    assert done.stderr.count("\n") == 1
    assert problem in done.stderr
