"""Sheets as Markdown, LaTeX and tables in the terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from a2ibench.errors import one_line
from a2ibench.reporting.captions import TIED
from a2ibench.reporting.layout import ABSENT, Block, Cell, TableContent

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    TIED: r"$\approx$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
}

LONGEST = 4000
"""Characters of a text in a table."""

# Two become a dash, as in the name of an option.
_HYPHENS = re.compile(r"-(?=-)")
_MINUS = re.compile(r"(?<!\w)-(?=\d)")
_INTERVAL = re.compile(r"(\[-?[\d.]+), (-?[\d.]+\])")
# A bracket may open a link, but that of an interval does not.
_MARKDOWN = re.compile(r"[\\`*|<&~]|\[(?!95 % interval|-?[\d.]+, -?[\d.]+\](?!\())")


def markdown(contents: Sequence[TableContent]) -> str:
    """Return all contents as GitHub Markdown: a heading and a table for each dataset."""
    return "\n".join(_markdown_content(content) for content in contents)


def _markdown_content(content: TableContent) -> str:
    lines = [markdown_text(f"{content.caption} {content.remark}".rstrip()), ""]
    for block in content.blocks:
        lines += [f"### {markdown_text(block.dataset)}", ""]
        lines.append(markdown_row([markdown_text(heading) for heading in content.headings]))
        lines.append(markdown_row(["---"] + ["---:"] * (len(content.headings) - 1)))
        lines += [markdown_row([_markdown_cell(cell) for cell in row]) for row in block.rows]
        lines.append("")
    if content.notes:
        lines += [*(f"- {markdown_text(note)}" for note in content.notes), ""]
    return "\n".join(lines)


def markdown_row(texts: Sequence[str]) -> str:
    """Return a row of a table, of texts that are Markdown."""
    return f"| {' | '.join(texts)} |"


def _markdown_cell(cell: Cell) -> str:
    text = markdown_text(cell.text)
    text = f"**{text}**" if cell.best else text
    return f"{text} {markdown_text(cell.interval)}" if cell.interval else text


def markdown_text(text: str) -> str:
    """Return a text with everything escaped that Markdown would take for its own."""
    return _MARKDOWN.sub(r"\\\g<0>", _line(text))


def latex(contents: Sequence[TableContent]) -> str:
    """Return all contents as LaTeX table environments, which need the package booktabs."""
    tables = [_latex_content(content.narrow(), number) for number, content in enumerate(contents, start=1)]
    return "\n".join(["% needs \\usepackage{booktabs}", *tables])


def _latex_content(content: TableContent, number: int) -> str:
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{latex_text(content.caption)}}}",
        rf"  \label{{tab:a2ibench-{number}}}",
        rf"  \begin{{tabular}}{{l{'r' * (len(content.headings) - 1)}}}",
        r"    \toprule",
        f"    {latex_row([latex_text(heading) for heading in content.headings])}",
    ]
    for block in content.blocks:
        lines.append(r"    \midrule")
        lines.append(
            rf"    \multicolumn{{{len(content.headings)}}}{{l}}{{\textit{{{latex_text(block.dataset)}}}}} \\"
        )
        lines += [f"    {latex_row([_latex_cell(cell) for cell in row])}" for row in block.rows]
    lines += [r"    \bottomrule", r"  \end{tabular}"]
    lines += [rf"  \par\footnotesize {latex_text(note)}" for note in content.notes]
    return "\n".join([*lines, r"\end{table}", ""])


def latex_row(texts: Sequence[str]) -> str:
    """Return a row of a tabular, of texts that are LaTeX."""
    # The end of the row before would take a bracket or a star for its own.
    shield = "{}" if texts[0].startswith(("[", "*")) else ""
    return rf"{shield}{' & '.join(texts)} \\"


def _latex_cell(cell: Cell) -> str:
    text = latex_number(cell.text)
    return rf"\textbf{{{text}}}" if cell.best else text


def latex_number(text: str) -> str:
    """Return a text of numbers, with a minus for each hyphen before one."""
    return _MINUS.sub("$-$", latex_text(text))


def latex_text(text: str) -> str:
    """Return a text with everything escaped that LaTeX would take for a command."""
    escaped = "".join(_LATEX.get(character, character) for character in _line(text))
    return _HYPHENS.sub("-{}", escaped).replace(ABSENT, "--")


def _line(text: str) -> str:
    return one_line(text, LONGEST)


def terminal(contents: Sequence[TableContent]) -> Table:
    """Return one table for the terminal; what may not be compared stands in it one below the other."""
    if len(contents) == 1:
        return _terminal_content(contents[0].narrow())
    stack = Table.grid(padding=(0, 0, 1, 0))
    for content in contents:
        stack.add_row(_terminal_content(content.narrow()))
    return stack


def _terminal_content(content: TableContent) -> Table:
    table = Table(
        caption=Text("\n".join(map(_line, [content.caption, *content.notes]))), caption_justify="left"
    )
    table.add_column("dataset")
    for column, heading in enumerate(content.headings):
        table.add_column(Text(_line(heading)), justify="right" if column else "left")
    for block in content.blocks:
        _terminal_block(table, block)
    return table


def _terminal_block(table: Table, block: Block) -> None:
    for index, row in enumerate(block.rows):
        # An interval without a blank is one word, which is not divided where room is scarce.
        texts = [_INTERVAL.sub(r"\1,\2", _line(cell.text)) for cell in row]
        cells = [Text(text, style="bold" if cell.best else "") for text, cell in zip(texts, row, strict=True)]
        table.add_row(Text("" if index else _line(block.dataset)), *cells)
    table.add_section()
