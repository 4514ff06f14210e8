"""What comes from plugins, files and servers is one printable line, whatever the terminal can show."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import warnings
from types import SimpleNamespace

import pytest
from rich.console import Console

from a2ibench.bench.record import Failure, Record
from a2ibench.cli.bars import BarEvents
from a2ibench.cli.errors import in_one_line
from a2ibench.cli.progress import PhaseLines, outcome, values_text
from a2ibench.cli.table import columns
from a2ibench.errors import InputError
from a2ibench.reporting.canvas import Canvas
from a2ibench.reporting.markup import latex_text

HOSTILE = [
    "\x1b[31mred\x1b[0m",
    "\x9b2J\x07",
    "one\n::error file=a.py::two",
    "one\r\x0b\x0c\x1c\x85\u2028two",
    "\u202eabc\u2066",
    "a\ud800b\0c",
    "[bold]b[/red] [link=http://a]x[/link] [/]",
    r"$\frac{1}{$ $$ \undefined $x^$",
    "x" * 5000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_it_is_one_printable_line(text):
    record = Record("cells", "cubic", 0, "error", error=Failure("ValueError", text))
    clock = iter(range(0, 9000, 100))
    phase = PhaseLines(lambda: next(clock))
    phase.line(text, 0, 9, {})
    lines = [
        in_one_line(InputError(text)),
        in_one_line(OSError(2, "No such file", text)),
        outcome(record),
        values_text({text: 1.0}),
        phase.line(text, 5, 9, {text: 1.0}) or "",
        *columns(["name"], [[text]]).splitlines(),
        latex_text(text),
    ]
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 8


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_bars_show_it_as_it_stands(text):
    file = io.StringIO()
    job = SimpleNamespace(dataset=SimpleNamespace(name="d"), method="m", seed=0, name="d--m--s0")
    with BarEvents(Console(file=file, force_terminal=True, width=300, color_system=None)) as bars:
        bars.job_started(job, 1, 1)
        bars.progress(job, text, 1, 3, {text: 1.0})
        bars.job_finished(job, Record("d", "m", 0, "error", error=Failure("ValueError", text)))
    assert "error" in file.getvalue()
    assert "\x1b[31m" not in file.getvalue()
    assert not set("\x9b\x07\u202e\ud800\0") & set(file.getvalue())


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_figure_takes_it_for_a_text(text):
    page = Canvas.of(text, text, 2, 1)
    page.text(0, 0.5, text)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page.figure.savefig(io.BytesIO(), format="png")


TITLE = "ü \u4e2d ± \U0001f9e0"


@pytest.mark.parametrize("encoding", ["ascii", pytest.param("latin-1", marks=pytest.mark.slow), "utf-8"])
def test_a_terminal_of_any_encoding_is_served(catalogue, environment, monkeypatch, encoding):
    def cli(*words):
        command = [sys.executable, "-m", "a2ibench", *map(str, words)]
        return subprocess.run(command, capture_output=True, encoding=encoding, errors="replace", check=False)

    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    catalogue.write_text(catalogue.read_text().replace("smooth noise", TITLE), encoding="utf-8")
    listed = cli("list", "datasets", "--catalogue", catalogue)
    assert listed.returncode == 0, listed.stderr
    assert "full" in listed.stdout
    foretold = cli("run", "--dry-run", "--methods", "cubic", "--datasets", "full", "--catalogue", catalogue)
    assert foretold.returncode == 0, foretold.stderr
    wrong = cli("list", "datasets", "--catalogue", f"{TITLE}.toml")
    assert wrong.returncode == 2
    assert len(wrong.stderr.splitlines()) == 1


def test_a_reader_that_has_enough_is_no_error(catalogue, environment):
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "a2ibench", "list", "datasets", "--catalogue", str(catalogue)]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 141
