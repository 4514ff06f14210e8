"""What the pages tell readers to type can be typed."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import typer.main

from a2ibench import load_catalogue
from a2ibench.cli import listing
from a2ibench.cli.app import app

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]
_FENCE = re.compile(r"^```(?P<language>\w+)[^\n]*\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(page: Path, *languages: str) -> Iterator[str]:
    for found in _FENCE.finditer(page.read_text(encoding="utf-8")):
        if found["language"] in languages:
            yield found["code"]


def _command_lines(page: Path) -> Iterator[list[str]]:
    for code in _blocks(page, "sh", "console", "yaml"):
        for line in code.replace("\\\n", " ").splitlines():
            found = re.match(r"(?:\$ |- run: )?(?:\S*/)?a2ibench (.*)", line)
            if found:
                words = shlex.shlex(found[1], posix=True, punctuation_chars=True)
                words.whitespace_split = True
                yield list(takewhile(lambda word: not set(word) <= set("&|;<>"), words))


def _unknown(words: list[str]) -> list[str]:
    command: Any = typer.main.get_command(app)
    for word in words:
        inner = getattr(command, "commands", None)
        if inner is None:
            break
        if word in inner:
            command = inner[word]
        elif not word.startswith("-"):
            return [word]
    known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
    known |= {"--help", "--debug", "--version"}
    return [word for word in words if word.startswith("--") and word.partition("=")[0] not in known]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_commands_exist_with_their_options(page: Path) -> None:
    for words in _command_lines(page):
        assert _unknown(words) == [], words


def test_commands_are_found_and_wrong_ones_reported() -> None:
    found = [words for page in PAGES for words in _command_lines(page)]
    assert len(found) > 20
    assert _unknown(["run", "--method", "cubic"]) == ["--method"]
    assert _unknown(["walk"]) == ["walk"]
    assert _unknown(["plugin", "check", "cubic", "--kind", "method"]) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_toml_and_python_can_be_parsed(page: Path) -> None:
    for code in _blocks(page, "toml"):
        tomllib.loads(code)
    for code in _blocks(page, "python"):
        compile(code, str(page), "exec")


def test_the_catalogue_of_the_page_can_be_read(tmp_path: Path) -> None:
    example = next(_blocks(ROOT / "docs" / "your_data.md", "toml"))
    (tmp_path / "my.toml").write_text(example, encoding="utf-8")
    assert list(load_catalogue(tmp_path / "my.toml")) == ["my-stack", "my-fibsem"]


def test_the_tutorial_shows_methods_as_a_terminal_of_80_columns_does(monkeypatch, capsys) -> None:
    command = "$ a2ibench list methods\n"
    (shown,) = [
        code for code in _blocks(ROOT / "docs" / "tutorial.md", "console") if code.startswith(command)
    ]
    monkeypatch.setattr(listing, "terminal_width", lambda: 80)
    listing.listing("methods")
    lines = capsys.readouterr().out.splitlines()
    # Versions grow, and plugins may be installed besides.
    printed = "\n".join(re.sub(r"  \d+\.\d+\.\S+  ", "  0.1.0  ", line) for line in lines)
    assert printed == shown.removeprefix(command).rstrip()
