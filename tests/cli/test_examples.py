"""The examples that the help of commands ends with."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable

import pytest
import typer

from a2ibench.cli.app import app
from a2ibench.cli.examples import EXAMPLES

Cli = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line in lines])
def test_each_is_a_command_line_that_can_be_read(line: str) -> None:
    program, *words = shlex.split(line)
    assert program == "a2ibench"
    command, context = typer.main.get_command(app), None
    while hasattr(command, "commands"):
        context = command.make_context(words[0], list(words), parent=context)
        name, command, words = command.resolve_command(context, words)
        assert name
    # Raises where an option or an argument is unknown or missing; the command itself is not called.
    command.make_context(command.name, words, parent=context)


@pytest.mark.parametrize("command", EXAMPLES)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_ends_with_them_on_a_line_each(cli: Cli, command: str, flag: str) -> None:
    done = cli(*command.split(), flag)
    assert done.returncode == 0
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert all(line in lines for line in EXAMPLES[command])


@pytest.mark.parametrize("words", [[], ["doctor"], ["plugin"], ["list"]])
def test_h_is_help_everywhere(cli: Cli, words: list[str]) -> None:
    assert cli(*words, "-h").stdout == cli(*words, "--help").stdout != ""
