"""Sections and tables as document nodes, for what is generated from the code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from docutils import nodes
from sphinx.environment import BuildEnvironment
from sphinx.util.nodes import make_id

_OPTION = re.compile(r"(?<!\S)(--[a-z][a-z-]*)")

Inline = str | nodes.Node
Cell = Inline | Sequence[Inline]


def section(
    env: BuildEnvironment, document: nodes.document, title: str, *content: nodes.Node, code: bool = False
) -> nodes.section:
    """Return a section with a title, in code type if `code`, whose anchor is made from the title."""
    heading = nodes.title("", "", nodes.literal(title, title) if code else nodes.Text(title))
    part = nodes.section("", heading, *content, ids=[make_id(env, document, "", title)], names=[])
    document.note_implicit_target(part)
    return part


def paragraph(*inlines: Inline) -> nodes.paragraph:
    """Return a paragraph of texts and nodes."""
    return nodes.paragraph("", "", *_inline(inlines))


def paragraphs(text: str) -> list[nodes.Node]:
    """Return plain text, divided at empty lines; nothing in it but options is taken for code."""
    return [paragraph(" ".join(part.split())) for part in text.split("\n\n") if part.strip()]


def marked(text: str) -> list[nodes.Node]:
    """Return a text of which what stands between double backticks is code."""
    parts = text.split("``")
    return [nodes.literal(part, part) if at % 2 else nodes.Text(part) for at, part in enumerate(parts)]


def code_block(text: str) -> nodes.literal_block:
    """Return lines of code without colours."""
    return nodes.literal_block(text, text, language="none")


def table(headings: Sequence[str], rows: Iterable[Sequence[Cell]], widths: Sequence[int]) -> nodes.table:
    """Return a table.

    Parameters
    ----------
    headings : sequence of str
        Of the columns.
    rows : iterable of sequences
        Each cell is a text, a node, or several of them.
    widths : sequence of int
        Of the columns, relative to each other.
    """
    group = nodes.tgroup("", cols=len(headings))
    group += [nodes.colspec("", colwidth=width) for _, width in zip(headings, widths, strict=True)]
    group += nodes.thead("", _row(headings))
    group += nodes.tbody("", *map(_row, rows))
    return nodes.table("", group, classes=["reference", "colwidths-given"])


def _row(cells: Sequence[Cell]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", _contents(cell)) for cell in cells))


def _contents(cell: Cell) -> nodes.paragraph:
    return paragraph(cell) if isinstance(cell, str | nodes.Node) else paragraph(*cell)


def _inline(inlines: Iterable[Inline]) -> Iterator[nodes.Node]:
    for inline in inlines:
        if isinstance(inline, nodes.Node):
            yield inline
            continue
        # Typographers make a dash of two hyphens, which options must keep.
        for number, part in enumerate(_OPTION.split(inline)):
            yield nodes.literal(part, part) if number % 2 else nodes.Text(part)
