"""What is said of an option stands once: command line, run files, Python and messages hold to the tables."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

import a2ibench
from a2ibench.bench.executors import EXECUTORS
from a2ibench.bench.options import RunOptions, check_option, options_of
from a2ibench.bench.tuning_options import TuneOptions
from a2ibench.bench.volume_options import ScoreOptions, SimulateOptions
from a2ibench.errors import OptionError
from a2ibench.recommendation.options import RecommendOptions
from a2ibench.reconstruction.options import ReconstructOptions

SOURCE = Path(a2ibench.__file__).parent
# Options of git and pytest, and names of jobs.
NOT_OURS = {"environment.py", "testing"}


def sources() -> list[Path]:
    files = [path.relative_to(SOURCE) for path in SOURCE.rglob("*.py")]
    return [SOURCE / path for path in files if path.parts[0] not in {"cli", "scaffold", *NOT_OURS}]


TABLES = (RunOptions, TuneOptions, ScoreOptions, SimulateOptions)


@pytest.mark.parametrize(
    ("function", "table"),
    [*zip((a2ibench.run, a2ibench.tune, a2ibench.score, a2ibench.simulate), TABLES, strict=True)],
)
def test_python_takes_the_options_of_a_table(function: Any, table: type) -> None:
    taken = inspect.signature(function).parameters
    assert [*taken] == [*options_of(table)]
    assert all(f"\n{name} : " in function.__doc__ for name in taken)


@pytest.mark.parametrize(
    ("function", "own"),
    [(a2ibench.reconstruct, {"volume"}), (a2ibench.reconstruct_file, {"source", "target"})],
)
def test_python_takes_the_options_of_a_reconstruction(function: Any, own: set[str]) -> None:
    taken = dict(inspect.signature(function).parameters)
    assert all(f"\n{name} : " in function.__doc__ for name in taken)
    defaults = {one.name: one.default for one in dataclasses.fields(ReconstructOptions)}
    assert {name: taken.pop(name).default for name in own} == dict.fromkeys(own, inspect.Parameter.empty)
    assert {name: one.default for name, one in taken.items()} == {name: defaults[name] for name in taken}
    assert function is a2ibench.reconstruct or taken.keys() == defaults.keys()


def test_the_executors_that_are_shown_are_those_there_are() -> None:
    assert options_of(RunOptions)["executor"].metavar.split("|") == [*EXECUTORS]


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (RunOptions(timeout=0), "timeout"),
        (RunOptions(seeds=0), "seeds"),
        (RunOptions(budget="ten"), "budget"),
        (RunOptions(" , "), "methods"),
        (ReconstructOptions(seed=-1), "seed"),
        (ReconstructOptions(ratio=1), "ratio"),
    ],
)
def test_what_cannot_be_used_names_its_option(options: Any, name: str) -> None:
    with pytest.raises(OptionError) as caught:
        check_option(name, options)
    assert caught.value.option == name
    assert str(caught.value).startswith(f"{name}: got ")


def test_no_message_outside_the_command_line_names_a_flag() -> None:
    for path in sources():
        # These write commands for people to run.
        if {"inspection", "recommendation"} & {*path.parts} or path.name == "command_line.py":
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        docstrings = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in set(ast.walk(tree)) - docstrings:
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not re.search(r"(?<![\w-])--[a-z]{2}", node.value), (path, node.lineno)


def test_messages_name_options_that_there_are() -> None:
    gate = {"max_drop", "max_slowdown", "thresholds", "force", "allow_failed", "out"}
    figure = {"error", "label", "seed", "slice", "window"}
    tables = (RunOptions, ReconstructOptions, TuneOptions, ScoreOptions, SimulateOptions, RecommendOptions)
    known = gate.union(figure, *map(options_of, tables))
    calls = [
        (path, node)
        for path in sources()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "OptionError" and node.keywords
    ]
    assert len(calls) > 20
    for path, call in calls:
        if isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str):
            named = {name for _, name, _, _ in Formatter().parse(call.args[0].value) if name}
            assert named <= known | {keyword.arg for keyword in call.keywords}, (path, call.lineno)
