"""The table of results on stdout."""

from __future__ import annotations

import io
import sys

import pytest
from rich.table import Table

from a2ibench.cli.table import plain_table, show_table

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
