"""``a2ibench simulate`` and ``score``, and a run that grows, as commands."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import a2ibench

Cli = Callable[..., subprocess.CompletedProcess[str]]


def test_volumes_go_out_and_come_in_and_a_run_grows(cli: Cli, cli_process: Cli, catalogue: Path) -> None:
    common = ["--datasets", "full", "--catalogue", catalogue, "--profile", "smoke", "--executor", "inline",
              "--reporters", "tables", "--out", "run"]  # fmt: skip
    here = catalogue.parents[1] / "here"
    first = cli_process("run", "--methods", "cubic", *common, "--keep-volumes")
    assert first.returncode == 0, first.stderr
    thin = ["--datasets", "thin"]
    assert cli("run", "--methods", "cubic", *common, *thin, "--seeds", "2").returncode == 0
    assert "is anisotropic" not in first.stderr
    volume = "run/jobs/full--cubic--s0/volume.ome.zarr"
    words = [
        "score",
        volume,
        "full",
        "--name",
        "mine",
        "--into",
        "run",
        "--software",
        "IMOD",
        "--seconds",
        "3",
    ]
    entered = cli(*words)
    assert entered.returncode == 0, entered.stderr
    assert "mine (external)" in entered.stdout
    assert "run/table.md" in entered.stdout
    again = cli(*words)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.count("\n") == 1
    assert "--name: run has a row mine of full" in again.stderr
    shown = cli("run", "--methods", "cubic", *common, "--dry-run").stdout
    assert [line.split()[:4] for line in shown.splitlines() if "mine" in line] == [
        ["full", "mine", "0", "stay"]
    ]
    assert "4 jobs: 1 to keep, 3 to stay" in shown
    removed = cli_process("run", "--out", "run", "--remove", "mine,thin--cubic--s1", "--reporters", "tables")
    assert removed.returncode == 0, removed.stderr
    assert sorted(path.name for path in (here / "run/removed").iterdir()) == [
        "full--mine--s0.1",
        "thin--cubic--s1.1",
    ]
    assert len(a2ibench.read_run(here / "run").records) == 2


@pytest.mark.parametrize("name", ["out.ome.zarr", "out.tif", "out.h5"])
def test_simulate_writes_input_and_reference(cli: Cli, catalogue: Path, name: str) -> None:
    done = cli("simulate", "full", name, "--reference", "--catalogue", catalogue)
    assert done.returncode == 0, done.stderr
    beside = name.replace("out", "out-reference", 1)
    assert done.stdout.split() == [name, beside]
    volume, reference = a2ibench.simulate("full", catalogue=catalogue)
    for path, truth in ((name, volume), (beside, reference)):
        written = a2ibench.open_volume(path)
        np.testing.assert_array_equal(written.data, truth.data)
        assert written.data.dtype == truth.data.dtype
        assert written.voxel_size == pytest.approx(truth.voxel_size)
    refused = cli("simulate", "full", name, "--catalogue", catalogue)
    assert refused.returncode == 2
    assert "exists already" in refused.stderr
    assert cli("simulate", "full", name, "--catalogue", catalogue, "--overwrite").returncode == 0
    perfect = json.loads(cli("score", beside, "full", "--catalogue", catalogue, "--json").stdout)
    assert perfect["metrics"]["ssim"]["value"] == pytest.approx(1)
    assert perfect["provenance"]["external"]["file"] == beside


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["thin", "out.tif"], "thin: simulates no input"),
        (["ful", "out.tif"], "unknown dataset 'ful'; did you mean 'full'?"),
        (["full", "out.xyz"], "out.xyz: unknown format"),
        (["full", "out.tif", "--ratio", "0.5"], "--ratio: got 0.5; give a ratio above 1"),
        (["full", "out.tif", "--voxel-size", "5,5,5"], "--voxel-size: is about a stack"),
    ],
)
def test_what_cannot_be_simulated_is_one_line(
    cli: Cli, catalogue: Path, words: list[str], problem: str
) -> None:
    done = cli("simulate", *words, "--catalogue", catalogue)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
