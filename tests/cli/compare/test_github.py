"""What a comparison leaves on the page of a workflow run."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Cli = Callable[..., subprocess.CompletedProcess[str]]
Write = Callable[..., Path]


def test_a_summary_stands_beside_the_annotations(
    write: Write, cli_process: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    old, new = write("old", {"psnr": 30.0}), write("new", {"psnr": 29.0})
    done = cli_process("compare", new, old)
    assert done.returncode == 1
    assert "::error title=psnr of cubic on cells::" in done.stdout
    text = summary.read_text(encoding="utf-8")
    assert text.startswith("### \N{CROSS MARK} Comparison with `old.json`")
    assert "| `cells` | `cubic` | `psnr` | `30` | `29` | `-1` |" in text


def test_no_summary_where_none_is_wanted(
    write: Write, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    summary = tmp_path / "summary.md"
    old = write("old", {"psnr": 30.0})
    assert cli("compare", old, old).returncode == 0
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert cli("compare", old, old, "--no-github").returncode == 0
    assert not summary.exists()
    assert cli("compare", old, tmp_path / "none.json").returncode == 2
    assert "none.json" in summary.read_text(encoding="utf-8")


def test_a_summary_that_cannot_be_written_changes_nothing(
    write: Write, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "none" / "summary.md"))
    old = write("old", {"psnr": 30.0})
    done = cli("compare", old, old, "--json")
    assert done.returncode == 0
    assert done.stdout.startswith("{")
    assert done.stderr.count("\n") == 1
    assert "no summary in GITHUB_STEP_SUMMARY" in done.stderr
