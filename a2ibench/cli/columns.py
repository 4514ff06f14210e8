"""Aligned columns of plain text."""

from __future__ import annotations

from collections.abc import Sequence

from a2ibench.errors import one_line


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
