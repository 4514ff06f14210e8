"""A table for a paper: chosen scores of chosen methods on chosen datasets, and what its marks mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from a2ibench.bench.run import Run
from a2ibench.errors import OptionError, UnknownNameError, one_line
from a2ibench.files import disk_errors, write_bytes
from a2ibench.reporting.layout import table_content
from a2ibench.reporting.paper.markup import WIDTHS, csv_table, latex_table, markdown_table
from a2ibench.reporting.paper.parts import Parts
from a2ibench.reporting.paper.scores import SPREADS, STD, Scores
from a2ibench.reporting.paper.selection import select
from a2ibench.reporting.paper.words import caption_words

METRICS, DATASETS = COLUMNS = ("metrics", "datasets")
"""What the columns of a table may be."""

FORMATS = ("tex", "md", "csv")
"""What a table may be written as."""

LABEL = "tab:a2ibench"
"""The label of a table that was given none."""

# What no package of LaTeX takes for a command in a label.
_LABEL = re.compile(r"[A-Za-z0-9:._/+-]+")


@dataclass(frozen=True)
class PaperTable:
    """A table for a paper, which `Run.table` makes; a notebook shows it as Markdown.

    Parameters
    ----------
    parts : Parts
        Headings and rows.
    marks : str
        What the numbers and marks mean, in sentences; the caption where none was given.
    caption : str
        The caption.
    label : str
        Of LaTeX.
    width : str
        ``"one"`` or ``"two"`` columns of a page.
    notes : tuple of str
        What was left out, and what is to be known of single jobs, a printable line each.
    """

    parts: Parts
    marks: str
    caption: str
    label: str = LABEL
    width: str = "two"
    notes: tuple[str, ...] = ()

    def text(self, form: str = "tex") -> str:
        """Return the table as ``"tex"``, ``"md"`` or ``"csv"``.

        LaTeX is a ``table`` for one column of a page, or a ``table*`` for two, and needs the package
        booktabs. Columns that have no room beside the others go on below them. CSV has each mean, its spread
        and its mark in columns of their own, and no caption.

        Raises
        ------
        InputError
            If not even one column of scores has room beside the names of the methods.
        UnknownNameError
            If there is no such form.
        """
        _check("format", form, FORMATS)
        if form == "csv":
            return csv_table(self.parts)
        if form == "md":
            return markdown_table(self.parts, self.caption)
        told = () if self.caption == self.marks else (self.marks,)
        return latex_table(self.parts, self.caption, self.label, self.width, (*told, *self.notes))

    def save(self, path: str | Path) -> Path:
        """Write it to a file that ends in .tex, .md or .csv, and return the file.

        Raises
        ------
        InputError
            As `text`, or if the file has another suffix or cannot be written.
        """
        target = Path(path)
        content = self.text(form_of(target)).encode("utf-8", "backslashreplace")
        with disk_errors(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            return write_bytes(target, content)

    def _repr_markdown_(self) -> str:
        return self.text("md")


def form_of(path: Path) -> str:
    """Return which of `FORMATS` a file is by its suffix.

    Raises
    ------
    InputError
        If it is none of them.
    """
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        ends = ", .".join(FORMATS)
        raise OptionError("{out}: got {path}; give a file that ends in .{ends}", path=path, ends=ends)
    return form


def paper_table(
    run: Run,
    metrics: Sequence[str] | None = None,
    *,
    columns: str = METRICS,
    datasets: Sequence[str] | None = None,
    methods: Sequence[str] | None = None,
    width: str = "two",
    spread: str = STD,
    ranks: bool = True,
    caption: str | None = None,
    label: str | None = None,
) -> PaperTable:
    """Return a table of a run for a paper; see `Run.table`."""
    _check("kind of columns", columns, COLUMNS)
    _check("width", width, tuple(WIDTHS))
    _check("spread", spread, SPREADS)
    if label is not None and not _LABEL.fullmatch(label):
        raise OptionError("{label}: got {got}; give letters, digits and : . _ / + -", got=repr(label))
    chosen = select(run, metrics, datasets, methods)
    found = run.standings(chosen.group)
    scores = Scores(table_content(chosen.group, found, chosen.metrics), chosen.metrics, spread)
    parts = (scores.by_metrics if columns == METRICS else scores.by_datasets)(ranks)
    marks = caption_words(chosen, scores, found, parts, with_ranks=ranks)
    shown = {block.dataset for block in scores.blocks}
    lacking = [name for name in chosen.datasets if name not in shown]
    notes = [f"{name}: has no score of {', '.join(chosen.metrics)}; left out" for name in lacking]
    return PaperTable(
        parts,
        marks,
        marks if caption is None else caption,
        LABEL if label is None else label,
        width,
        tuple(one_line(note) for note in (*notes, *scores.content.notes)),
    )


def _check(kind: str, given: str, known: Sequence[str]) -> None:
    if given not in known:
        raise UnknownNameError(kind, given, known)
