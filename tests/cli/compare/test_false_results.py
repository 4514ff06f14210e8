"""Comparisons that look good and are not: each is refused or fails, as users see it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

Completed = subprocess.CompletedProcess[str]
Cli = Callable[..., Completed]
Write = Callable[..., Path]


def edit(source: Path, target: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """Write a changed copy of a baseline."""
    content = json.loads(source.read_text())
    change(content)
    target.write_text(json.dumps(content))
    return target


NOTHING: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda c: c.update(jobs=[]), "holds no jobs"),
    (lambda c: c["jobs"][0].update(metrics={}), "no metric has a value on both sides"),
    (lambda c: c["jobs"][0].update(seed=7), "no job is in both"),
    (lambda c: c["jobs"][0].update(status="skipped"), "no job is ok on both sides"),
    (lambda c: c["jobs"][0].update(status="oom"), "no job is ok on both sides"),
    (
        lambda c: c["jobs"][0].update(metrics={"sharpness": {"value": 1, "version": 1}}),
        "no limit for sharpness; give one, sharpness=VALUE, as the largest drop",
    ),
]


@pytest.mark.parametrize(("change", "message"), NOTHING)
def test_nothing_compared_is_bad_input(
    write: Write, cli: Cli, tmp_path: Path, change: Callable[[dict[str, Any]], Any], message: str
) -> None:
    whole = write("whole", {"psnr": 30.0})
    sides = [edit(whole, tmp_path / "changed.json", change)] * 2
    if "no job is in both" in message:
        sides[1] = whole
    done = cli("compare", *sides, "--junit", tmp_path / "junit.xml")
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    suite = ElementTree.fromstring((tmp_path / "junit.xml").read_bytes())[0]  # noqa: S314 (our own)
    assert (suite.attrib["errors"], suite.attrib["failures"]) == ("1", "0")


def test_a_limit_of_infinity_compares_nothing_but_a_stated_time_is_something(write: Write, cli: Cli) -> None:
    timed, scored = write("timed", {}), write("scored", {"psnr": 30.0})
    assert cli("compare", scored, scored, "--max-drop", "psnr=inf").returncode == 2
    assert cli("compare", timed, timed).returncode == 2
    assert cli("compare", timed, timed, "--max-slowdown", "2").returncode == 0


def test_times_that_were_asked_for_and_cannot_be_compared_do_not_pass(
    write: Write, cli: Cli, tmp_path: Path
) -> None:
    old = write("old", {"psnr": 30.0})
    new = edit(old, tmp_path / "new.json", lambda c: c["jobs"][0].update(calibration=None))
    said = cli("compare", new, old)
    assert said.returncode == 0
    assert "note: cells cubic: times are not compared: RUN has no calibration" in said.stdout
    asked = cli("compare", new, old, "--max-slowdown", "2", "--github", "--junit", tmp_path / "junit.xml")
    assert asked.returncode == 1
    assert "NOT COMPARED" in asked.stdout
    assert "not passed: 1 value compared, 1 with a limit could not be compared" in asked.stdout
    assert "::error title=times of cubic on cells::times are not compared" in asked.stdout
    suite = ElementTree.fromstring((tmp_path / "junit.xml").read_bytes())[0]  # noqa: S314 (our own)
    assert suite.attrib["failures"] == "1"
    limits = tmp_path / "limits.toml"
    limits.write_text("[method.cubic]\nslowdown = 2\n")
    assert cli("compare", new, old, "--thresholds", limits).returncode == 1
    assert cli("compare", new, old, "--max-slowdown", "inf").returncode == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"format": "a", "format": "b"}', "key 'format' is given twice"),
        ('{"jobs": 1e999}', "1e999 is too large"),
        ('{"jobs": -Infinity}', "-Infinity is not JSON"),
        ('{"jobs": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ],
)
def test_json_that_says_two_things_or_none_is_one_line(
    write: Write, cli: Cli, tmp_path: Path, text: str, message: str
) -> None:
    odd = tmp_path / "odd.json"
    odd.write_text(text)
    done = cli("compare", write("new", {"psnr": 30.0}), odd)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert "odd.json" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--max-drop", "psnr=1e999"],
        ["--max-slowdown", "1e999"],
        ["--max-slowdown", "nan"],
        ["--max-drop", "psnr=1", "--max-drop", "psnr=2"],
        ["--max-drop", "memory=2"],
    ],
)
def test_a_limit_that_would_be_another_is_refused(write: Write, cli: Cli, arguments: list[str]) -> None:
    old = write("old", {"psnr": 30.0})
    done = cli("compare", old, old, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_names_steer_neither_terminal_nor_ci(write: Write, cli: Cli, tmp_path: Path) -> None:
    def rename(content: dict[str, Any]) -> None:
        (job,) = content["jobs"]
        job |= {"dataset": "a\x1b[2J\u202e", "method": "m\n::error::x", "information": {"torch": "\x9b1"}}
        job["metric_errors"] = {"mine\x07": "broke\x1b]0;"}

    old = edit(write("whole", {"psnr": 30.0}), tmp_path / "old.json", rename)

    def worsen(content: dict[str, Any]) -> None:
        content["jobs"][0]["metrics"]["psnr"]["value"] = 1.0
        content["jobs"][0]["information"] = {"torch": "\x1b1"}

    new = edit(old, tmp_path / "new.json", worsen)
    done = cli("compare", new, old, "--all", "--github", "--junit", tmp_path / "junit.xml")
    assert done.returncode == 1
    xml = (tmp_path / "junit.xml").read_text()
    ElementTree.fromstring(xml)  # noqa: S314 (our own)
    for text in (done.stdout, done.stderr, xml):
        assert not [c for c in text if not c.isprintable() and c != "\n"]
    assert not [line for line in done.stdout.splitlines() if line.startswith("::error::")]
