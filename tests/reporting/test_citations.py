"""What to cite, and the command that makes a run."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.record import Record
from a2ibench.bench.run import Run
from a2ibench.cli.app import app
from a2ibench.reporting.citations import bibtex, citations
from a2ibench.reporting.command_line import run_command

PLAN = {
    "methods": ["cubic", "mine", "gone", "again"],
    "datasets": [
        {
            "name": "cells",
            "citation": "A & B, Journal_of {Cells} 100% 5:1-2, 2020, https://cells.example/x_y.",
        },
        {"name": "silent"},
    ],
    "commands": {"mine": {"citation": "@article{mine,\n  title = {A {Title}},\n}"}},
    "variants": {"again": {"method": "cubic"}},
}


def test_everything_used_is_cited_and_what_has_nothing_says_so(tmp_path: Path):
    run = Run(tmp_path, PLAN, {"a2ibench": "9.9"})
    assert [one.key for one in citations(run)] == [
        "software-a2ibench",
        "method-cubic",
        "method-mine",
        "method-gone",
        "method-again",
        "dataset-cells",
        "dataset-silent",
    ]
    text = bibtex(run)
    assert "  version = {9.9}," in text
    assert "  doi = {10.1109/TASSP.1981.1163711}," in text
    assert "@article{mine,\n  title = {A {Title}},\n}" in text
    assert "% method gone: no installed plugin tells" in text
    assert "% method again: see method-cubic" in text
    assert r"note = {A \& B, Journal\_of \{Cells\} 100\% 5:1-2, 2020" in text
    assert "  url = {https://cells.example/x_y}," in text
    assert "% dataset silent: its catalogue states nothing to cite" in text
    keys = re.findall(r"^@\w+\{(.+),$", text, re.MULTILINE)
    assert len(keys) == len(set(keys)) == 4


@pytest.mark.parametrize("text", ["@misc{x, note = {never closed}", "@misc{x}}", "@misc{\x1b[31m}"])
def test_bibtex_that_would_spoil_the_rest_is_taken_as_text(tmp_path: Path, text: str):
    run = Run(tmp_path, {"methods": ["mine"], "commands": {"mine": {"citation": text}}})
    found = bibtex(run)
    assert "@misc{method-mine," in found
    unescaped = re.sub(r"\\[{}]", "", found)
    assert unescaped.count("{") == unescaped.count("}")
    assert "\x1b" not in found


_BIBTEX = shutil.which("bibtex")


@pytest.mark.skipif(_BIBTEX is None, reason="needs bibtex")
def test_bibtex_reads_it(tmp_path: Path):
    (tmp_path / "run.bib").write_text(bibtex(Run(tmp_path, PLAN)))
    (tmp_path / "run.aux").write_text("\\citation{*}\n\\bibdata{run}\n\\bibstyle{plain}\n")
    done = subprocess.run([_BIBTEX, "run"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "error" not in done.stdout.lower(), done.stdout


def test_finished_volumes_cite_what_was_stated(tmp_path: Path):
    stated = {"external": {"software": "IMOD", "citation": "Kremer et al., 1996"}}
    run = Run(tmp_path, records=(Record("cells", "imod", 0, provenance=stated),))
    assert "note = {Kremer et al., 1996}" in bibtex(run)


@pytest.mark.parametrize(
    "options",
    [
        {"methods": ["cubic", "srmd"], "seeds": 3, "profile": "smoke"},
        {
            "methods": ["plain"],
            "settings": ["plain.channels=8", "plain.keep_mean=false"],
            "budget": "20steps",
            "metrics": ["psnr"],
            "reporters": ["tables"],
            "controls": False,
            "keep_volumes": True,
            "training_degradation": "own",
            "precision": "fp32",
            "evaluate": ["reduced-resolution"],
            "timeout": 60.0,
        },
    ],
)
def test_the_command_plans_the_same_run(tmp_path: Path, options):
    plan = plan_run(RunOptions(datasets=["phantom"], device="cpu", **options))
    command = run_command(Run(tmp_path, plan.to_dict()))
    assert command is not None
    assert command.note == ""
    program, name, *words = shlex.split(command.text)
    assert (program, name) == ("a2ibench", "run")
    run = typer.main.get_command(app).commands["run"]
    with run.make_context("run", words) as context:
        values = dict(context.params)
    back = {
        "methods": values["methods"],
        "datasets": values["datasets"],
        "profile": values["profile"],
        "device": values["device"],
        "seeds": values["seeds"] or 1,
        "precision": values["precision"] or "auto",
        "budget": values["budget"],
        "training_degradation": values["training_degradation"] or "matched",
        "settings": list(values["set"] if "set" in values else values["settings"] or []),
        "metrics": values["metrics"],
        "reporters": values["reporters"],
        "evaluate": values["evaluate"],
        "timeout": values["timeout"],
        "keep_volumes": values["keep_volumes"],
        "controls": not values["no_controls"],
    }
    again = plan_run(RunOptions(**back))
    assert again.to_dict() == plan.to_dict()


def test_a_stack_is_named_as_it_was_given(tmp_path: Path):
    stack = {
        "name": "my-stack",
        "title": "my stack.tif",
        "path": "/data/my stack.tif",
        "voxel_size": [50.0, 4.6, 4.6],
        "crop": [[0, 20], [0, 128], [0, 64]],
        "simulate": None,
    }
    run = Run(tmp_path, {"methods": ["cubic"], "datasets": [stack], "seeds": [0], "profile": "smoke"})
    command = run_command(run)
    assert command is not None
    assert command.text == (
        "a2ibench run --methods cubic --input '/data/my stack.tif' --voxel-size 50,4.6,4.6 "
        f"--crop 0:20,0:128,0:64 --profile smoke --out {tmp_path}"
    )


def test_what_a_command_cannot_say_is_noted(tmp_path: Path):
    command = run_command(Run(tmp_path, {**PLAN, "seeds": [3, 5]}))
    assert command is not None
    assert command.text.startswith("a2ibench run RUN.toml --methods cubic,mine,gone,again ")
    assert "[variants.again], [methods.mine]" in command.note
    assert "seeds 3, 5" in command.note
    assert run_command(Run(tmp_path, {"methods": 3, "datasets": [4]})) is None
