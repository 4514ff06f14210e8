"""Tables on stdout: fitted to a terminal, plain ASCII of full width elsewhere."""

from __future__ import annotations

import io
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence

import typer
from rich.console import Console, RenderableType
from rich.measure import Measurement
from rich.table import Table

from a2ibench.errors import one_line, printable

_NARROWEST = 20


def terminal_width() -> int | None:
    """Return how many characters a line of stdout has; None where it is no terminal."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Return rows under an upper-case header, two spaces between columns.

    Parameters
    ----------
    header : sequence of str
        One name a column.
    rows : sequence of sequence of str
        As many texts as there are columns; an empty text is shown as ``-``, and what cannot
        be shown in a line as escapes.
    width : int, optional
        Characters of a line. What the last column has beyond them goes on below, whole words, in that column;
        by default it is as long as it is.

    Returns
    -------
    str
        Lines without trailing blanks.
    """
    table = [[name.upper() for name in header], *([one_line(text) or "-" for text in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    left = sum(widths[:-1]) + 2 * (len(widths) - 1)
    room = max(_NARROWEST, width - left) if width is not None else max(widths[-1], 1)
    lines = []
    for *cells, last in table:
        parts = textwrap.wrap(last, room, break_long_words=False, break_on_hyphens=False) or [""]
        first = [*map(str.ljust, cells, widths), parts[0]]
        lines += ["  ".join(first).rstrip(), *(" " * left + part for part in parts[1:])]
    return "\n".join(lines)


_UNLIMITED = 10_000


class _Ascii(io.StringIO):
    # From this rich sees which characters it may draw lines with.
    encoding = "ascii"


def show_table(table: Table) -> None:
    """Write a table to stdout."""
    if sys.stdout.isatty():
        console = Console()
        for part in fitted(table, console):
            console.print(part)
    else:
        typer.echo(plain_table(table), nl=False)


def fitted(table: Table, console: Console) -> Iterator[RenderableType]:
    """Yield a table in parts that a console has room for, one below the other, with no cell wrapped.

    Each part has the columns in front that name its rows, those that are not of numbers, and as many others
    as there is room for. A column that is too wide by itself is wrapped all the same, at words: left to
    itself rich cuts words off where a console is narrow.
    """
    inner = [cell for column in table.columns for cell in column.cells if isinstance(cell, Table)]
    if inner:
        for one in inner:
            yield from fitted(one, console)
        return
    unlimited = console.options.update(max_width=_UNLIMITED)
    spans = [
        [Measurement.get(console, unlimited, cell) for cell in (column.header, *column.cells)]
        for column in table.columns
    ]
    widths = [max(span.maximum for span in column) for column in spans]
    groups = _groups(table, widths, console.width)
    for group in groups:
        part = _part(table, group, caption=len(groups) == 1)
        _make_narrow(part, [spans[index] for index in group], console)
        yield part
    if len(groups) > 1 and table.caption:
        yield table.caption


def _groups(table: Table, widths: Sequence[int], room: int) -> list[list[int]]:
    """Return which columns stand in which part."""
    names = 0
    while names < len(widths) - 1 and table.columns[names].justify == "left":
        names += 1
    # A table of text alone has its names in the first column.
    keys = list(range(names if names < len(widths) - 1 else 1))
    groups = [list(keys)]
    for index in range(len(keys), len(widths)):
        taken = [*groups[-1], index]
        if len(taken) > len(keys) + 1 and _total(widths, taken) > room:
            groups.append([*keys, index])
        else:
            groups[-1] = taken
    return groups


def _total(widths: Sequence[int], taken: Sequence[int]) -> int:
    return sum(widths[index] for index in taken) + 3 * len(taken) + 1


def _part(table: Table, group: Sequence[int], *, caption: bool) -> Table:
    part = Table(
        box=table.box, caption=table.caption if caption else None, caption_justify=table.caption_justify
    )
    for index in group:
        column = table.columns[index]
        part.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
    cells = [list(column.cells) for column in table.columns]
    for number, row in enumerate(table.rows):
        part.add_row(*(cells[index][number] for index in group), style=row.style, end_section=row.end_section)
    return part


def _make_narrow(table: Table, spans: Sequence[Sequence[Measurement]], console: Console) -> None:
    """Make columns narrow enough for a console, the widest first, and the console wide enough for words."""
    least = [max(span.minimum for span in column) for column in spans]
    width = [max(span.maximum for span in column) for column in spans]
    lines = 3 * len(width) + 1
    while sum(width) + lines > console.width and width != least:
        wide = max(range(len(width)), key=lambda k: (width[k] > least[k], width[k]))
        width[wide] -= 1
    for column, fitting in zip(table.columns, width, strict=True):
        column.width = fitting
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
