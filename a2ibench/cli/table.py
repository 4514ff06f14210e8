"""The table of results on stdout: fitted to a terminal, plain ASCII of full width elsewhere."""

from __future__ import annotations

import io
import sys

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_UNLIMITED = 10_000


class _Ascii(io.StringIO):
    # From this rich sees which characters it may draw lines with.
    encoding = "ascii"


def show_table(table: Table) -> None:
    """Write a table to stdout."""
    if sys.stdout.isatty():
        console = Console()
        unlimited = console.options.update(max_width=_UNLIMITED)
        for column in table.columns:
            cells = [column.header, *column.cells]
            # Without this rich cuts words off where a terminal is narrow.
            column.min_width = max(Measurement.get(console, unlimited, cell).minimum for cell in cells)
        console.width = max(console.width, Measurement.get(console, unlimited, table).minimum)
        console.print(table)
    else:
        typer.echo(plain_table(table), nl=False)


def plain_table(table: Table) -> str:
    """Return a table as ASCII text whose columns are as wide as what they hold."""
    text = _Ascii()
    console = Console(file=text, width=_UNLIMITED, no_color=True, force_terminal=False)
    console.width = Measurement.get(console, console.options, table).maximum
    console.print(table)
    # Of equal length, so that columns stay aligned.
    ascii_text = text.getvalue().replace("± ", "+-").replace("—", "-").encode("ascii", "replace").decode()
    return "\n".join(line.rstrip() for line in ascii_text.splitlines()) + "\n"
