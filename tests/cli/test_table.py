"""The table of results on stdout."""

from __future__ import annotations

import io
import sys

import pytest
from rich.table import Table
from rich.text import Text

from a2ibench.cli.table import columns, plain_table, show_table

CELLS = [f"column{i}-{'x' * 20}" for i in range(8)]


def wide() -> Table:
    """Return a table of some 250 characters."""
    table = Table()
    for cell in CELLS:
        table.add_column(cell)
    table.add_row(*("30.57 ± 0.02" if i % 2 else "—" for i in range(8)))
    return table


def test_without_a_terminal_it_is_ascii_and_complete(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show_table(wide())
    text = capsys.readouterr().out
    assert text == plain_table(wide())
    assert text.isascii()
    lines = text.splitlines()
    assert all(cell in lines[1] for cell in CELLS)
    assert "30.57 +-0.02" in lines[3]
    assert len({len(line) for line in lines}) == 1


def test_on_a_narrow_terminal_no_word_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "80")
    show_table(wide())
    assert all(cell in stream.getvalue() for cell in CELLS)
    assert "…" not in stream.getvalue()


def test_where_there_is_room_no_cell_is_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", "300")
    show_table(wide())
    assert stream.getvalue().splitlines()[3].count("30.57 ± 0.02") == 4


def results() -> Table:
    """Return a table as that of a run: two columns of names, then numbers."""
    table = Table(caption=Text("what the columns mean, and what is compared with what, in one long line"))
    for number, heading in enumerate(["dataset", "method", *CELLS]):
        table.add_column(heading, justify="right" if number > 1 else "left")
    for method in ("cubic", "plain"):
        table.add_row("volume", method, *(f"{method} {i}" for i in range(len(CELLS))))
    return table


def shown(table: Table, monkeypatch: pytest.MonkeyPatch, width: int) -> list[str]:
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("COLUMNS", str(width))
    show_table(table)
    return Text.from_ansi(stream.getvalue()).plain.splitlines()


@pytest.mark.parametrize("width", [60, 80, 100, 500])
def test_columns_without_room_stand_below_beside_the_names_of_their_rows(
    monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    lines = shown(results(), monkeypatch, width)
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for number, heading in enumerate(CELLS):
        (above,) = (index for index, line in enumerate(lines) if heading in line)
        for below, method in enumerate(("cubic", "plain"), start=2):
            assert f"{method} {number}" in lines[above + below]
            assert {"volume", method} <= set(lines[above + below].split())
    assert text.count("what the columns mean") == 1


def test_tables_one_below_the_other_are_fitted_each(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = Table.grid()
    stack.add_row(results())
    stack.add_row(results())
    lines = shown(stack, monkeypatch, 80)
    assert max(map(len, lines)) <= 80
    assert sum(CELLS[-1] in line for line in lines) == 2


def test_the_last_column_of_a_list_goes_on_below_itself() -> None:
    rows = [("a", "one two three four five six seven eight"), ("long-name", "x")]
    assert columns(("name", "what"), rows, 40).splitlines() == [
        "NAME       WHAT",
        "a          one two three four five six",
        "           seven eight",
        "long-name  x",
    ]
    assert columns(("name", "what"), rows).splitlines()[1] == f"a          {rows[0][1]}"
