"""Tables for papers as LaTeX, Markdown and CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from a2ibench.errors import OptionError, one_line
from a2ibench.reporting.captions import TIED
from a2ibench.reporting.layout import ABSENT
from a2ibench.reporting.markup import latex_number, latex_row, latex_text, markdown_row, markdown_text
from a2ibench.reporting.paper.parts import BEST, SECOND, Parts, Score
from a2ibench.reporting.paper.scores import INTERVAL, STD
from a2ibench.reporting.paper.widths import GAP, LINE, MM, RULE, SIZE, divided, heading_lines, points
from a2ibench.reporting.tables import csv_text

METHOD = "method"

WIDTHS = {"one": 84.0, "two": 174.0}
"""Width of a table that spans so many columns of a page, mm: what the narrowest of usual journals have."""

HEIGHT = 240.0
"""Height of a page, mm, in the same way."""

_BEFORE = {STD: " ± ", INTERVAL: " ", "": ""}
_LATEX_BEFORE = {STD: r"\,$\pm$\,", INTERVAL: "~", "": ""}
# Points that headings may be wide, from all of it to a word in each line.
_HEADING_LIMITS = (math.inf, 72, 60, 48, 36, 0)
_ENVIRONMENTS = {"one": "table", "two": "table*"}


def markdown_table(parts: Parts, caption: str) -> str:
    """Return a table as GitHub Markdown: its caption, and a heading and a table for each part."""
    lines = [markdown_text(caption), ""]
    for part in parts.parts:
        lines += [f"### {markdown_text(part.title)}", ""]
        lines.append(markdown_row([METHOD, *(markdown_text(column.heading) for column in parts.columns)]))
        lines.append(markdown_row(["---"] + ["---:"] * len(parts.columns)))
        for label, scores in part.rows:
            cells = [_markdown_score(score, parts.spread) for score in scores]
            lines.append(markdown_row([markdown_text(label), *cells]))
        lines.append("")
    return "\n".join(lines)


def _markdown_score(score: Score, spread: str) -> str:
    if not score.mean:
        return ABSENT
    marked = {BEST: f"**{score.mean}**", SECOND: f"<ins>{score.mean}</ins>"}.get(score.mark, score.mean)
    rest = f"{_BEFORE[spread]}{markdown_text(score.spread)}" if score.spread else ""
    return f"{TIED} " * score.tied + marked + rest


def csv_table(parts: Parts) -> str:
    """Return a table as CSV: for each column the mean, its spread where there is one, and its mark.

    Marks are ``best``, ``second`` and ``tied``, which cannot be told from the best, in words.
    """
    rows = []
    for part in parts.parts:
        for label, scores in part.rows:
            row = {parts.kind: part.name, METHOD: label}
            for column, score in zip(parts.columns, scores, strict=True):
                row[column.name] = score.mean
                if not column.scores:
                    continue
                if parts.spread:
                    row[f"{column.name}_{parts.spread}"] = score.spread
                row[f"{column.name}_mark"] = " ".join(filter(None, [score.mark, "tied" * score.tied]))
            rows.append(row)
    return csv_text(pd.DataFrame(rows))


def latex_table(parts: Parts, caption: str, label: str, width: str, notes: Sequence[str] = ()) -> str:
    """Return a table as a LaTeX environment, which needs the package booktabs.

    Columns that have no room beside the others go on below them, under headings of their own.

    Parameters
    ----------
    parts : Parts
        What it shows.
    caption, label : str
        The caption as text, and the label as it is.
    width : str
        One of `WIDTHS`.
    notes : sequence of str
        Lines that stand before it as comments.

    Raises
    ------
    InputError
        If a column has no room beside the names of the methods.
    """
    groups, headings = _layout(parts, width)
    across = len(groups[0])
    pair = bool(parts.spread)
    lines = [r"% needs \usepackage{booktabs}", *(f"% {latex_text(note)}" for note in notes)]
    lines += [
        rf"\begin{{{_ENVIRONMENTS[width]}}}",
        r"  \centering",
        rf"  \caption{{{latex_text(caption)}}}",
        rf"  \label{{{label}}}",
        r"  \medskip",
        r"  \footnotesize",
        rf"  \setlength{{\tabcolsep}}{{{GAP:g}pt}}",
        rf"  \begin{{tabular}}{{@{{}}l{('r@{}l' if pair else 'r') * across}@{{}}}}",
        r"    \toprule",
    ]
    total, start = 1 + across * (1 + pair), len(lines)
    for number, group in enumerate(groups):
        lines += [r"    \midrule[\heavyrulewidth]"] * bool(number)
        lines += [f"    {row}" for row in _heads([headings[place] for place in group], across, pair)]
        for part in parts.parts:
            lines.append(r"    \midrule")
            lines.append(
                rf"    \multicolumn{{{total}}}{{@{{}}l@{{}}}}{{\textit{{{latex_text(part.title)}}}}} \\"
            )
            for name, scores in part.rows:
                cells = [_latex_score(scores[place], parts.spread) for place in group]
                lines.append(f"    {latex_row([latex_text(name), *_filled(cells, across, pair)])}")
    _check_height(lines[start:], caption, width, parts.spread if len(groups) > 1 else "")
    return "\n".join([*lines, r"    \bottomrule", r"  \end{tabular}", rf"\end{{{_ENVIRONMENTS[width]}}}", ""])


def _check_height(rows: Sequence[str], caption: str, width: str, spread: str) -> None:
    """Raise an error where LaTeX would cut a table off at the end of the page."""
    rules = sum(row.lstrip().startswith(r"\midrule") for row in rows)
    # The caption has letters of ten points.
    told = math.ceil(1.25 * points(caption) / (WIDTHS[width] * MM)) * 1.5 * SIZE
    tall = _mm((len(rows) - rules) * LINE + rules * RULE + told)
    if tall > HEIGHT:
        raise OptionError(
            "{metrics}: the table is {tall} mm tall, and a page has {whole} mm; "
            + _narrower(width, spread)
            + "show fewer {metrics}, {datasets} or {methods}",
            tall=tall,
            whole=f"{HEIGHT:g}",
        )


def _narrower(width: str, spread: str) -> str:
    """Return what makes a table narrower, or gives it more room, as the beginning of advice."""
    return "give {width:two}, or " * (width == "one") + "give {spread:none}, or " * bool(spread)


def _filled(cells: Sequence[str], across: int, pair: bool) -> list[str]:
    return [*cells, *["&" if pair else ""] * (across - len(cells))]


def _heads(headings: Sequence[Sequence[str]], across: int, pair: bool) -> list[str]:
    """Return the rows of headings of several lines, the last of which stand beside each other."""
    height = max(map(len, headings))
    raised = [[""] * (height - len(one)) + [*one] for one in headings]
    rows = []
    for number in range(height):
        texts = [latex_text(one[number]) for one in raised]
        cells = [
            rf"\multicolumn{{2}}{{c{'@{}' * (place == across - 1)}}}{{{text}}}" if pair else text
            for place, text in enumerate(texts)
        ]
        rows.append(latex_row([METHOD * (number == height - 1), *_filled(cells, across, pair)]))
    return rows


def _latex_score(score: Score, spread: str) -> str:
    if not score.mean:
        return r"\multicolumn{2}{c}{--}" if spread else "--"
    mean = latex_number(score.mean)
    marked = {BEST: rf"\textbf{{{mean}}}", SECOND: rf"\underline{{{mean}}}"}.get(score.mark, mean)
    marked = rf"{latex_text(TIED)}\,{marked}" if score.tied else marked
    rest = f"{_LATEX_BEFORE[spread]}{latex_number(score.spread)}" if score.spread else ""
    return f"{marked} & {rest}".rstrip() if spread else marked


def _score_width(parts: Parts, place: int) -> float:
    scores = [scores[place] for part in parts.parts for _, scores in part.rows]
    means = max(
        points(score.mean, bold=score.mark == BEST) + (points(TIED) if score.tied else 0) for score in scores
    )
    return means + max(
        points(f"{_BEFORE[parts.spread]}{score.spread}") if score.spread else 0 for score in scores
    )


def _layout(parts: Parts, width: str) -> tuple[list[list[int]], list[list[str]]]:
    """Return which columns stand beside each other, and the lines of each heading.

    Headings are broken no more than lets further columns have room.

    Raises
    ------
    InputError
        If there is too little room for one of the columns, or a title is wider than the table.
    """
    scores = [_score_width(parts, place) for place in range(len(parts.columns))]

    def broken(limit: float) -> list[list[str]]:
        return [
            heading_lines(column.heading, max(score, limit))
            for column, score in zip(parts.columns, scores, strict=True)
        ]

    room = _room(parts, width, _widths(scores, broken(0)))
    layouts = []
    for limit in _HEADING_LIMITS:
        widths = _widths(scores, headings := broken(limit))
        if max(widths) <= room:
            layouts.append((divided(widths, room), headings))
    return min(layouts, key=lambda layout: len(layout[0]))


def _widths(scores: Sequence[float], headings: Sequence[Sequence[str]]) -> list[float]:
    return [2 * GAP + max(score, *map(points, lines)) for score, lines in zip(scores, headings, strict=True)]


def _room(parts: Parts, width: str, columns: Sequence[float]) -> float:
    """Return the points that columns have beside the names; raise an error if one has not enough."""
    whole = WIDTHS[width] * MM
    label = max((label for part in parts.parts for label, _ in part.rows), key=points)
    title = max((part.title for part in parts.parts), key=points)
    widest = max(range(len(columns)), key=columns.__getitem__)
    # The last column has no gap on its right.
    room = whole - points(label)
    if columns[widest] <= room and points(title) <= whole:
        return room
    spread = parts.spread
    if points(title) > whole:
        spread = ""
        what = f"the name {one_line(title)} alone is {_mm(points(title))} mm wide"
    else:
        what = (
            f"the names of methods are {_mm(points(label))} mm wide, such as {one_line(label)}, and the "
            f"column {one_line(parts.columns[widest].heading)} {_mm(columns[widest])} mm"
        )
    raise OptionError(
        "{width}: {what}, and a table has {whole} mm; "
        + _narrower(width, spread)
        + "leave names out with {methods} or {datasets}",
        what=what,
        whole=f"{WIDTHS[width]:g}",
    )


def _mm(length: float) -> int:
    return math.ceil(length / MM)
