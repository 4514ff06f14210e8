"""Texts from elsewhere reach people as printable lines, whatever they hold."""

from __future__ import annotations

import io
import re
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image
from rich.console import Console

from a2ibench.bench.job import Job
from a2ibench.bench.record import Record
from a2ibench.cli.bars import BarEvents
from a2ibench.cli.errors import in_one_line
from a2ibench.cli.progress import PhaseLines, PlainEvents
from a2ibench.cli.table import columns, plain_table
from a2ibench.contracts import Budget, DatasetSpec
from a2ibench.errors import InputError, one_line, printable
from a2ibench.reporting.canvas import drawable, own_style, png
from a2ibench.reporting.comparison import annotation
from a2ibench.reporting.figures import draw
from a2ibench.reporting.layout import Block, Cell, TableContent
from a2ibench.reporting.markup import latex, latex_text, markdown, terminal
from a2ibench.reporting.orthogonal import Planes, draw_planes
from a2ibench.reporting.panels import FigureData, Panel

HOSTILE = {
    "colour": "red \x1b[31mtext\x1b[0m",
    "title of the terminal": "\x1b]0;owned\x07",
    "C1 control": "\x9b2Jgone",
    "bidi override": "abc\u202egpj.exe",
    "carriage return": "fine\rFAILED",
    "newline and command": "first\n::error file=a.py::second",
    "command": "::set-output name=x::y",
    "old command": "text ##[error]text",
    "variable of a pipeline": "##vso[task.setvariable variable=x]y",
    "separators of lines": "a\u2028b\x85c\x0bd",
    "rich markup": "[bold]x[/nothing] [link=http://x]y[/link] :smile:",
    "unbalanced formula": r"$\frac{1 ^_{ $$",
    "unknown formula": r"$\nosuchcommand{x}$",
    "lone surrogate": "a\udc9bb",
    "null": "a\0b",
    "long": "n" * 5000,
    "long with a command": "word " * 900 + "::error::x",
    "scripts": "皮質 قشرة кора",
    "zero width": "a\u200bb\ufeff",
}
STEERING = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")
COMMAND = re.compile(r"^\s*::[a-z]|##(vso|teamcity)?\[", re.IGNORECASE)

texts = st.text(st.characters(), max_size=60) | st.sampled_from(sorted(HOSTILE.values()))
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


def check_line(line: str) -> None:
    """Fail if a line holds what steers a terminal or a CI service."""
    assert not [c for c in line if unicodedata.category(c) in STEERING], ascii(line)
    assert not COMMAND.search(line), line


def sheet_of(text: str) -> TableContent:
    """Return a table that holds a text in every place."""
    row = (Cell(text, best=True, interval=text), Cell(text))
    return TableContent(
        text, ("method", text), (Block(text, (row, row)),), (f"cubic on d: {text}", text), text
    )


@given(texts)
def test_no_text_steers_a_terminal_or_a_ci_service(text: str) -> None:
    for line in (printable(text), one_line(text), in_one_line(text), in_one_line(InputError(text))):
        check_line(line)
        assert "\n" not in line
        assert len(line.splitlines()) <= 1
    assert len(one_line(text)) <= 503
    assert printable(printable(text)) == printable(text)


@given(texts)
def test_every_form_of_a_table_is_printable_line_by_line(text: str) -> None:
    sheet = sheet_of(text)
    forms = (markdown([sheet]), latex([sheet]), plain_table(terminal([sheet])), latex_text(text))
    for line in "\n".join(forms).split("\n"):
        check_line(line)
    rows = [line for line in forms[0].split("\n") if line.startswith("|")]
    assert len(rows) == 4
    assert forms[1].count(r"\\" + "\n") == 4


@given(texts, texts)
def test_columns_have_a_line_a_row(first: str, second: str) -> None:
    lines = columns(["name", "title"], [[first, second], ["plain", first]]).split("\n")
    assert len(lines) == 3
    for line in lines:
        check_line(line)


@given(texts)
def test_an_annotation_is_one_command(text: str) -> None:
    line = annotation("error", text, text)
    assert line.startswith("::error title=")
    check_line(line.removeprefix("::error"))


def test_ordinary_texts_stay_as_they_are() -> None:
    for text in (
        "a/b (50 %), 8 by 8 nm",
        "皮質",
        "Größe: ±0.5 µm",
        "std::vector",
        "at ::1",
        "# title",
        "a::b",
    ):
        assert printable(text) == text


def test_the_end_of_a_long_error_stays() -> None:
    line = in_one_line(InputError(f"{'x' * 5000}: no such file; check the path"))
    assert line.endswith("no such file; check the path")
    assert len(line) < 1010


def test_an_error_that_cannot_be_shown_is_one_line() -> None:
    class BrokenError(InputError):
        def __str__(self) -> str:
            raise RuntimeError

    assert one_line(BrokenError()) == "BrokenError, which cannot be shown"


@hostile
def test_progress_names_of_plugins_are_one_line(text: str) -> None:
    job = Job(DatasetSpec("d", "D", (1.0, 1.0, 1.0)), "m", 0, "smoke", Budget(steps=1))
    record = Record("d", "m", 0, "skipped", reason=text)
    clock, said = iter(range(0, 1000, 5)), list[str]()
    events = PlainEvents(said.append, lambda: next(clock))
    phases = PhaseLines(lambda: next(clock))
    events.job_started(job, 1, 1)
    for step in (0, 5):
        events.progress(job, text, step, 10, {text: 1.0})
        said.append(phases.line(text, step, 10, {text: 1.0}) or "")
    events.job_finished(job, record)
    assert any("5/10" in line and "left" in line for line in said)
    for line in said:
        check_line(line)
        assert len(line) < 700
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=200, legacy_windows=False, _environ={})
    with BarEvents(console) as bars:
        bars.job_started(job, 1, 1)
        bars.progress(job, text, 5, 10, {text: 1.0})
        bars._progress.refresh()
        bars.job_finished(job, record)
    # What rich itself steers the terminal with are colours and movements of the cursor.
    own = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", stream.getvalue())
    assert "\x1b[31mtext" not in stream.getvalue()
    for line in re.split(r"[\r\n]+", own):
        check_line(line)
    if "[bold]" in text:
        assert "[bold]x[/nothing]" in own
        assert ":smile:" in own


def test_figures_take_every_name_without_a_warning(tmp_path: Path) -> None:
    plane = np.random.default_rng(0).random((24, 32)).astype(np.float32)
    panels = tuple(Panel(text, plane, plane - 0.5, 30.0) for text in HOSTILE.values())
    middle = Planes((plane, plane, plane))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for text in (HOSTILE["unbalanced formula"], HOSTILE["colour"]):
            with own_style():
                content = png(draw(FigureData(text, panels, (0, 1), 0.5, "error", 8.0)))
            path = draw_planes(middle, middle, (8.0, 8.0), name=text, about=text, path=tmp_path / "a.png")
            assert image.imread(io.BytesIO(content)).shape[0] > 200
            assert image.imread(path).shape[0] > 200


@given(texts)
def test_names_in_figures_are_lines_of_known_glyphs(text: str) -> None:
    check_line(drawable(text))
    assert len(drawable(text)) < 1300
    assert "皮" not in drawable(text)


def test_a_matplotlibrc_with_latex_and_fonts_that_are_missing_changes_nothing(tmp_path: Path) -> None:
    import matplotlib as mpl

    middle = Planes((np.eye(20), np.eye(20), np.eye(20)))

    def written() -> bytes:
        return draw_planes(middle, middle, (8, 8), name="$x", about="", path=tmp_path / "a.png").read_bytes()

    usual = written()
    with mpl.rc_context({"text.usetex": True, "font.family": ["no such font"], "figure.facecolor": "red"}):
        assert written() == usual


def test_the_longest_name_of_a_file_can_be_replaced(tmp_path: Path) -> None:
    middle = Planes((np.eye(20), np.eye(20), np.eye(20)))
    path = tmp_path / f"{'é' * 125}.png"
    draw_planes(middle, middle, (8.0, 8.0), name=path.name, about="", path=path)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
