"""The command that writes tables for papers."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from a2ibench.bench.record import Record, write_record
from a2ibench.bench.score import Score

Cli = Callable[..., subprocess.CompletedProcess[str]]
SCORES = {"cubic": 30.0, "srmd": 31.0, "plain": 30.5}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of three methods on two datasets, one of which was not reconstructed by one of them."""
    for dataset in ("cells", "other"):
        for method, psnr in SCORES.items():
            metrics = {"psnr": Score(psnr, 1), "in_plane_psnr": Score(psnr - 2, 1)}
            record = Record(dataset, method, 0, metrics=metrics, provenance={"protocol_version": 3})
            if (dataset, method) == ("other", "plain"):
                record = Record(dataset, method, 0, "skipped", reason="too small")
            job = tmp_path / "run" / "jobs" / record.name
            job.mkdir(parents=True)
            write_record(job, record)
    return tmp_path / "run"


def test_a_table_is_written_and_what_is_missing_told(cli_process: Cli, run: Path, tmp_path: Path) -> None:
    file = tmp_path / "new" / "table.tex"
    done = cli_process(
        *("table", run, "--metrics", "psnr", "--columns", "datasets", "--methods", "srmd,cubic,plain"),
        *("--width", "one", "--caption", "Mine: 100 %", "--label", "tab:mine", "--out", file),
    )
    assert done.returncode == 0, done.stderr
    path, marks, note = done.stdout.splitlines()
    assert path == str(file)
    assert marks.startswith("Reconstructions compared with the reference. Best of each dataset in bold,")
    assert note == "plain on other (seed 0): skipped: too small"
    text = file.read_text(encoding="utf-8")
    assert r"\begin{table}" in text
    assert r"\caption{Mine: 100 \%}" in text
    assert r"\label{tab:mine}" in text
    assert r"srmd & \textbf{31.00} & \textbf{31.00} \\" in text
    assert r"plain & \underline{30.50} & -- \\" in text


def test_the_default_lies_in_the_run(cli: Cli, run: Path) -> None:
    done = cli("table", run)
    assert done.stdout.splitlines() == [str(run / "paper.tex"), "plain on other (seed 0): skipped: too small"]
    assert r"\begin{table*}" in (run / "paper.tex").read_text()


def test_several_runs_are_merged(cli: Cli, run: Path, tmp_path: Path) -> None:
    record = Record(
        "cells", "swinir", 0, metrics={"psnr": Score(33.0, 1)}, provenance={"protocol_version": 3}
    )
    job = tmp_path / "gpu" / "jobs" / record.name
    job.mkdir(parents=True)
    write_record(job, record)
    done = cli("table", run, tmp_path / "gpu", "--datasets", "cells", "--out", "both.md")
    assert done.stdout == "both.md\n", done.stderr
    assert "| swinir | **33.00** |" in Path("both.md").read_text(encoding="utf-8")


def test_what_cannot_be_written_is_one_line(cli: Cli, run: Path, tmp_path: Path) -> None:
    for words, message in (
        (
            (run, "--metrics", "psnr,in_plane_psnr"),
            "--metrics: psnr compares with a reference and in_plane_psnr ",
        ),
        ((run, "--metrics", "ssim"), "unknown metric 'ssim'; known: in_plane_psnr, psnr"),
        ((run, "--methods", "srm"), "unknown method 'srm'; did you mean 'srmd'?"),
        ((run, "--datasets", "x"), "unknown dataset 'x'; known: cells, other"),
        ((run, "--columns", "x"), "unknown kind of columns 'x'; known: datasets, metrics"),
        ((run, "--width", "3"), "unknown width '3'; known: one, two"),
        ((run, "--spread", "iqr"), "unknown spread 'iqr'; known: interval, none, std"),
        ((run, "--label", "a{b"), "--label: got 'a{b'; give letters, digits and : . _ / + -"),
        ((run, "--out", "t.doc"), "--out: got t.doc; give a file that ends in .tex, .md, .csv"),
        ((run, "--out", run / "table.tex"), f"--out: {run / 'table.tex'} is the run's own table, "),
        ((run, run), "--out: give the file for the table of 2 runs, such as table.tex"),
        ((tmp_path,), f"{tmp_path}: holds no run; give the folder that a2ibench run wrote"),
    ):
        done = cli("table", *words)
        assert done.returncode == 2, words
        assert done.stderr.startswith(f"a2ibench: error: {message}"), done.stderr
        assert done.stderr.count("\n") == 1
