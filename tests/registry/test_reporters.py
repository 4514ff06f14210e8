"""Reporters: which of them write, and what one of version 1 of the contract is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from a2ibench import Run
from a2ibench.bench.benchmark import write_reports
from a2ibench.bench.options import RunOptions, check_option
from a2ibench.bench.record import Record, write_record
from a2ibench.errors import PluginError, UnknownNameError
from a2ibench.registry import host
from a2ibench.registry.validation import call_reporter

PLUGIN = """
from a2ibench import ReporterSpec, hookimpl

@hookimpl
def a2ibench_register_reporters(register):
    register(ReporterSpec("new", "report.written:new", ""))
    register(ReporterSpec("old", "report.written:old", ""))
"""
WRITTEN = """
from pathlib import Path

def new(run):
    (run.folder / "new.txt").write_text(" ".join(record.name for record in run.records))
    return [run.folder / "new.txt"]

def old(run_folder: Path) -> list[Path]:
    (run_folder / "old.txt").touch()
    return [run_folder / "old.txt"]
"""


@pytest.fixture
def folder(tmp_path: Path, install_plugin: Callable[..., Any]) -> Path:
    """Install two reporters, and return the folder of a run."""
    install_plugin("report", PLUGIN, files={"written.py": WRITTEN})
    job = tmp_path / "jobs" / "cells--cubic--s0"
    job.mkdir(parents=True)
    write_record(job, Record("cells", "cubic", 0))
    return tmp_path


def test_all_write_by_default_and_ours_first(folder: Path) -> None:
    names = check_option("reporters", RunOptions())
    assert names == ("tables", "figures", "page", "new", "old")
    written, problems = write_reports(folder, names)
    tables = ["table.csv", "table.md", "table.tex", "timing.csv"]
    assert [path.name for path in written] == [*tables, "report.html", "new.txt"]
    assert (folder / "new.txt").read_text() == "cells--cubic--s0"
    (problem,) = problems
    assert problem == (
        "reporter old: takes run_folder, as version 1 of the contract wanted; "
        "let its function take an a2ibench.Run, whose `folder` is what version 1 handed over"
    )


def test_the_named_ones_write_in_their_order(folder: Path) -> None:
    assert check_option("reporters", RunOptions(reporters="new,tables")) == ("new", "tables")
    written, problems = write_reports(folder, ("new",))
    assert [path.name for path in written] == ["new.txt"]
    assert not problems
    assert not (folder / "table.csv").exists()
    assert check_option("reporters", RunOptions(reporters="none")) == ()
    assert check_option("reporters", RunOptions(reporters=[])) == ()
    with pytest.raises(UnknownNameError, match="figurs"):
        check_option("reporters", RunOptions(reporters=["figurs"]))


@pytest.mark.parametrize(
    "report",
    [
        lambda folder: (folder / "x").touch(),
        lambda folder: list(folder.glob("jobs/*")),
        lambda run_folder: [],
    ],
)
def test_one_that_takes_the_run_for_its_folder_is_told_what_to_change(report: Any, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=r"let its function take an a2ibench\.Run"):
        call_reporter(report, Run(tmp_path))


def test_errors_of_its_own_stay_its_own(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="int"):
        call_reporter(lambda run: run.records + 1 if run else None, Run(tmp_path))
    assert call_reporter(len, "ab") == 2


def test_the_stated_version_is_checked_when_it_is_registered(install_plugin: Callable[..., Any]) -> None:
    source = PLUGIN.replace('"report.written:old", ""', '"report.written:old", "", api_version=1')
    install_plugin("report", source, files={"written.py": WRITTEN})
    (status,) = (plugin for plugin in host().plugins if plugin.name == "report")
    assert status.error is not None
    assert "reporter 'old': api_version is 1, this a2ibench supports 2; let its function take" in status.error
    assert "and leave api_version out" in status.error
