"""Tables on stdout: fitted to a terminal, plain ASCII of full width elsewhere."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from a2ibench.errors import one_line, printable


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return rows under an upper-case header, two spaces between columns, the last column as long as it is.

    Parameters
    ----------
    header : sequence of str
        One name a column.
    rows : sequence of sequence of str
        As many texts as there are columns; an empty text is shown as ``-``, and what cannot
        be shown in a line as escapes.

    Returns
    -------
    str
        Lines without trailing blanks.
    """
    table = [[name.upper() for name in header], *([one_line(text) or "-" for text in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in table)


_UNLIMITED = 10_000


class _Ascii(io.StringIO):
    # From this rich sees which characters it may draw lines with.
    encoding = "ascii"


def show_table(table: Table) -> None:
    """Write a table to stdout."""
    if sys.stdout.isatty():
        console = Console()
        fit_columns(table, console)
        console.print(table)
    else:
        typer.echo(plain_table(table), nl=False)


def fit_columns(table: Table, console: Console) -> None:
    """Make columns narrow enough for a console, the widest first, and the console wide enough for words.

    Left to itself rich cuts words off where a console is narrow.
    """
    unlimited = console.options.update(max_width=_UNLIMITED)
    spans = [
        [Measurement.get(console, unlimited, cell) for cell in (column.header, *column.cells)]
        for column in table.columns
    ]
    least = [max(span.minimum for span in column) for column in spans]
    width = [max(span.maximum for span in column) for column in spans]
    lines = 3 * len(width) + 1
    while sum(width) + lines > console.width and width != least:
        wide = max(range(len(width)), key=lambda k: (width[k] > least[k], width[k]))
        width[wide] -= 1
    for column, fitted in zip(table.columns, width, strict=True):
        column.width = fitted
    console.width = max(console.width, sum(width) + lines)


def plain_table(table: Table) -> str:
    """Return a table as ASCII text whose columns are as wide as what they hold."""
    text = _Ascii()
    console = Console(file=text, width=_UNLIMITED, no_color=True, force_terminal=False)
    console.width = Measurement.get(console, console.options, table).maximum
    console.print(table)
    # Of equal length, so that columns stay aligned.
    plain = text.getvalue().replace("± ", "+-").replace("—", "-").replace("≈", "~")
    ascii_text = plain.encode("ascii", "replace").decode()
    return "\n".join(printable(line.rstrip()) for line in ascii_text.split("\n")[:-1]) + "\n"
