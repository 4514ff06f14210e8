"""What a table for a paper shows, before it is LaTeX, Markdown or CSV."""

from __future__ import annotations

from dataclasses import dataclass

BEST, SECOND = "best", "second"
"""Marks of the best value of its kind, and of the second best."""


@dataclass(frozen=True)
class Score:
    """What stands in a place of the table.

    Parameters
    ----------
    mean : str
        The number as it is displayed; empty where there is none.
    spread : str
        Its standard deviation, or the ends of its interval in brackets; may be empty.
    mark : str
        ``"best"``, ``"second"`` or nothing.
    tied : bool
        Whether it cannot be told from the best.
    """

    mean: str = ""
    spread: str = ""
    mark: str = ""
    tied: bool = False


@dataclass(frozen=True)
class Column:
    """A column: its name, its heading in print, and whether it is of scores, which have spreads and marks."""

    name: str
    heading: str
    scores: bool = True


@dataclass(frozen=True)
class Part:
    """Rows below a title of their own: its name, the title in print, and for each row a label and scores."""

    name: str
    title: str
    rows: tuple[tuple[str, tuple[Score, ...]], ...]


@dataclass(frozen=True)
class Parts:
    """The whole table.

    Parameters
    ----------
    kind : str
        What the parts are: ``"dataset"`` or ``"metric"``.
    columns : tuple of Column
        Those after the names of the methods.
    parts : tuple of Part
        One below the other.
    spread : str
        What the spreads are: ``"std"`` or ``"interval"``; empty where no score has one.
    """

    kind: str
    columns: tuple[Column, ...]
    parts: tuple[Part, ...]
    spread: str = ""
