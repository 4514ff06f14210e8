"""The page of what is stable names what there is."""

from __future__ import annotations

import re
from pathlib import Path

import a2ibench
from a2ibench import testing
from a2ibench.cli.errors import ExitCode
from a2ibench.registry.loading import HOOKS

PAGE = (Path(__file__).parents[2] / "docs" / "stability.md").read_text(encoding="utf-8")
NUMBERS = {6: "six"}


def test_public_names_are_those_that_are_listed() -> None:
    (listed,) = re.findall(r"^```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    # A new name goes into the list; one that is gone breaks the promise of the page.
    assert re.split(r",\s+", listed.strip()) == a2ibench.__all__


def test_so_are_those_of_the_checks() -> None:
    (listed,) = re.findall(r"of `a2ibench\.testing`: (.*?)\.$", PAGE, re.MULTILINE)
    assert re.findall(r"`(\w+)`", listed) == testing.__all__


def test_exit_codes_and_hooks_are_those_that_are_stated() -> None:
    (row,) = re.findall(r"^\| exit codes \| (.*?) \|", PAGE, re.MULTILINE)
    assert re.findall(r"\d+", row) == [str(int(code)) for code in ExitCode]
    assert f"the {NUMBERS[len(HOOKS)]} hooks" in PAGE
