"""The commands that make a bundle of a run, and verify one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import a2ibench
from a2ibench.bench.record import load_record, write_record

Cli = Callable[..., subprocess.CompletedProcess[str]]

JOB = "tiny--cubic--s0"


@pytest.fixture
def run(tmp_path: Path, environment: None) -> Path:
    """A run of cubic on a small phantom."""
    catalogue = tmp_path / "datasets.toml"
    catalogue.write_text(
        "[tiny]\nphantom = {size = 32, seed = 0}\nvoxel_size = [15, 15, 15]\nsimulate = {ratio = 4.0}\n"
    )
    a2ibench.run(
        "cubic", "tiny", catalogue=catalogue, profile="smoke", device="cpu", metrics="psnr,ssim",
        executor="inline", reporters="none", controls=False, report_planes=0, out=tmp_path / "run",
    )  # fmt: skip
    return tmp_path / "run"


def test_a_bundle_is_written_checked_and_refused(cli: Cli, run: Path) -> None:
    path = run.with_name("run.zip")
    done = cli("bundle", run)
    assert (done.returncode, done.stdout) == (0, f"{path}\n"), done.stderr
    done = cli("verify", path, "--jobs", "0", "--outputs", run)
    assert done.returncode == 0, done.stderr
    assert "1 job of a2ibench" in done.stdout
    assert "outputs: 2 agree with the bundle" in done.stdout

    entry = f'[[entry]]\nname = "a"\nbundle = "{path.name}"\nsubmitter = "us"\nstatus = "own"\n'
    (path.parent / "board.toml").write_text(entry)
    done = cli("board", path, "--out", "site")
    assert (done.returncode, done.stdout.split()) == (0, ["site/index.html", "site/board.json"]), done.stderr
    done = cli("board", path, "--entries", "none.toml")
    assert done.stderr == (
        "a2ibench: error: none.toml: no such file; give the path of the entries of a board\n"
    )

    slices = run / "jobs" / JOB / "slices.npz"
    slices.write_bytes(b"another")
    done = cli("verify", path, "--jobs", "0", "--outputs", run)
    assert done.returncode == 2
    assert done.stderr == (
        f"a2ibench: error: {slices}: is not the output of {JOB}: its checksum is another one\n"
    )
    for words, message in (
        (("--jobs", "1", "--job", JOB), "--jobs and --job: one excludes the other; give one"),
        (("--jobs", "-1"), "--jobs: got -1; give 0 or more"),
        (("--seed", "1"), "--seed: is that of a draw; give --jobs N, too"),
    ):
        done = cli("verify", path, *words)
        assert (done.returncode, done.stderr) == (2, f"a2ibench: error: {message}\n")
    path.write_bytes(path.read_bytes().replace(b'"seed": 0', b'"seed": 1', 1))
    done = cli("verify", path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_an_honest_bundle_holds_with_other_threads_and_a_forged_one_does_not(
    cli: Cli, cli_process: Cli, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cli("bundle", run).returncode == 0
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    done = cli_process("verify", run.with_name("run.zip"))
    assert done.returncode == 0, done.stderr
    assert f"repeating {JOB} (the shortest)" in done.stdout
    assert "holds: 1 repeated job" in done.stdout

    # An edit of score and slices, with every digest made anew by the project itself.
    job = run / "jobs" / JOB
    with np.load(job / "scores.npz") as stored:
        rows = dict(stored)
    rows |= {name: rows[name] + np.float32(0.5) for name in ("psnr.xz", "psnr.yz")}
    np.savez_compressed(job / "scores.npz", **rows)
    content = load_record(job).to_dict()
    content["metrics"]["psnr"]["value"] += 0.5
    write_record(job, type(load_record(job)).from_dict(content))
    assert cli("bundle", run, "forged.zip").returncode == 0
    done = cli("verify", "forged.zip")
    assert done.returncode == 1, done.stderr
    assert "does not hold: 1 value of 1 repeated job further away than allowed" in done.stdout


def test_another_protocol_version_is_refused(cli: Cli, run: Path) -> None:
    job = run / "jobs" / JOB
    content = load_record(job).to_dict()
    content["provenance"]["protocol_version"] = 1
    write_record(job, type(load_record(job)).from_dict(content))
    assert cli("bundle", run, "old.zip").returncode == 0
    done = cli("verify", "old.zip")
    assert done.returncode == 2
    assert done.stderr.startswith(
        f"a2ibench: error: old.zip: {JOB}: protocol_version is 1, and this a2ibench "
    )
