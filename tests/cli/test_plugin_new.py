from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from a2ibench.cli import main

Completed = subprocess.CompletedProcess[str]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_method_is_the_default(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugin", "new", "sharp-eyes"]) == 0
    folder = here / "a2ibench-sharp-eyes"
    assert (folder / "a2ibench_sharp_eyes" / "method.py").is_file()
    printed = capsys.readouterr().out
    for file in folder.rglob("*"):
        assert not file.is_file() or str(file.relative_to(here)) in printed
    assert "pip install -e 'a2ibench-sharp-eyes[test]'" in printed
    assert "a2ibench plugin check sharp-eyes" in printed


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("method", "method.py"),
        ("degradation", "model.py"),
        ("metric", "metric.py"),
        ("dataset", "__init__.py"),
        ("reporter", "reporter.py"),
    ],
)
def test_every_kind_goes_where_it_is_asked_to(kind: str, file: str, here: Path) -> None:
    assert main(["plugin", "new", "mine", "some/where", "--kind", kind]) == 0
    assert (here / "some" / "where" / "a2ibench_mine" / file).is_file()
    registers = (here / "some" / "where" / "a2ibench_mine" / "__init__.py").read_text()
    assert f"def a2ibench_register_{kind}s(" in registers


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["My Method"], "got 'My Method'; give at most"),
        (["../outside"], "got '../outside'; give at most"),
        (["mine", "--kind", "protocol"], "got 'protocol'; give one of dataset, degradation"),
        (["cubic"], "a package a2ibench_cubic is installed; give another name"),
        (["mine", "full"], "full: is not empty; give a folder that is new or empty"),
        (["mine", "full/file"], "full/file: is a file; give a folder"),
    ],
)
def test_errors_are_one_line_and_write_nothing(
    arguments: list[str], words: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "full").mkdir()
    (here / "full" / "file").write_text("mine")
    assert main(["plugin", "new", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("a2ibench: error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert [file for file in here.rglob("*") if file.is_file()] == [here / "full" / "file"]


def test_in_a_process_of_its_own(cli: Callable[..., Completed], tmp_path: Path) -> None:
    done = cli("plugin", "new", "mine", tmp_path / "plugin", "--kind", "metric")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "plugin" / "pyproject.toml").is_file()
    again = cli("plugin", "new", "mine", tmp_path / "plugin", "--kind", "metric")
    assert again.returncode == 2
    assert "is not empty" in again.stderr
