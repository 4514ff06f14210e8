"""The commands that report on a run again, and say what to cite."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from a2ibench.bench.record import Record, write_record
from a2ibench.bench.score import Score

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of one job, which wrote no report."""
    job = tmp_path / "run" / "jobs" / "cells--cubic--s0"
    job.mkdir(parents=True)
    told = {"protocol_version": 2}
    write_record(job, Record("cells", "cubic", 0, metrics={"psnr": Score(30.0, 1)}, provenance=told))
    return tmp_path / "run"


def test_the_page_goes_into_the_folder_of_the_run_or_elsewhere(cli: Cli, run: Path, tmp_path: Path) -> None:
    done = cli("report", run)
    assert (done.returncode, done.stdout) == (0, f"{run / 'report.html'}\n"), done.stderr
    assert (run / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    done = cli("report", run, "--format", "html", "--out", tmp_path / "new" / "page.html")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "new" / "page.html").read_bytes() == (run / "report.html").read_bytes()


def test_tables_go_to_stdout(cli: Cli, run: Path) -> None:
    done = cli("report", run, "--format", "csv")
    assert done.stdout.splitlines()[1].startswith("2,cells,cubic,ok,1,1,30.0,"), done.stderr
    assert not (run / "table.csv").exists()
    assert "\\begin{tabular}" in cli("report", run, "--format", "tex").stdout


def test_what_cannot_be_reported_is_one_line(cli: Cli, run: Path, tmp_path: Path) -> None:
    for words, message in (
        ((tmp_path,), f"{tmp_path}: holds no run; give the folder that a2ibench run wrote"),
        ((run, run), "--out: give the file for the html of 2 runs, such as merged.html"),
        ((run, "--format", "htm"), "unknown format 'htm'; did you mean 'html'?"),
        ((run, "--out", tmp_path), f"{tmp_path}: is a folder; give a file"),
        (
            (run, "--published", tmp_path / "gone.toml"),
            f"{tmp_path / 'gone.toml'}: no such file; give the path of a file of published results",
        ),
        (
            (run, "--published", tmp_path / "mine.toml", "--format", "csv"),
            "--published: only the page shows it, got --format csv; leave one of them out",
        ),
    ):
        done = cli("report", *words)
        assert (done.returncode, done.stderr) == (2, f"a2ibench: error: {message}\n")


def test_runs_are_merged_into_one_report(cli: Cli, cli_process: Cli, run: Path, tmp_path: Path) -> None:
    job = tmp_path / "other" / "jobs" / "cells--srmd--s0"
    job.mkdir(parents=True)
    told = {"protocol_version": 2}
    write_record(job, Record("cells", "srmd", 0, metrics={"psnr": Score(31.0, 1)}, provenance=told))
    done = cli("report", run, tmp_path / "other", "--format", "csv")
    rows = csv.DictReader(done.stdout.splitlines())
    assert [(row["method"], row["run"]) for row in rows] == [("cubic", "run"), ("srmd", "other")], done.stderr
    page = tmp_path / "merged.html"
    done = cli_process("report", run, tmp_path / "other", "--out", page)
    assert (done.returncode, done.stdout) == (0, f"{page}\n"), done.stderr
    assert "Merged of 2 runs" in page.read_text(encoding="utf-8")
    assert not (run / "report.html").exists()
    write_record(job, Record("cells", "srmd", 0, metrics={"psnr": Score(31.0, 2)}, provenance=told))
    done = cli("report", run, tmp_path / "other", "--out", page)
    assert (done.returncode, done.stderr) == (
        2,
        "a2ibench: error: run and other may not share a report: the runs: version of metric psnr is 1 in run "
        "and 2 in other; report on each by itself\n",
    )


def test_cite_prints_bibtex(cli: Cli, run: Path) -> None:
    done = cli("cite", run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("@software{software-a2ibench,")
    assert "@misc{method-cubic," in done.stdout
    assert "% dataset cells: its catalogue states nothing to cite" in done.stdout
