"""One chart of the page, before it is drawn: what lies where, what it says in words, and its numbers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Line:
    """One line or one marker of a chart.

    Parameters
    ----------
    name : str
        The method, or ``"reference"``.
    x, y : sequence of float
        Where it goes through; a single point is a marker.
    spread : tuple of float or None
        Ends of an interval of a single point.
    note : str
        What is told of it where a pointer rests on it.
    """

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    spread: tuple[float, float] | None = None
    note: str = ""


@dataclass(frozen=True)
class Chart:
    """One chart.

    Parameters
    ----------
    kind, dataset, title : str
        What kind of chart it is, for programs; what it is of, and what it shows, for people.
    x, y : str
        Labels of the axes.
    lines : tuple of Line
        In the order of the methods.
    log : str
        Axes that are logarithmic: some of ``"xy"``.
    levels : tuple of tuple
        Names and heights of what has no place along x.
    front : tuple of str
        Methods that no other is better and cheaper than, by cost.
    words : str
        What it shows, for those who do not see it.
    thresholds : tuple of tuple
        Names and heights of lines that curves are read off at.
    limits : tuple of float or None
        Ends of the y axis, where charts beside each other share them.
    wavelengths : bool
        Whether x is a spatial frequency in cycles/nm, whose ticks tell the wavelength, too.
    """

    kind: str
    dataset: str
    title: str
    x: str
    y: str
    lines: tuple[Line, ...]
    log: str = ""
    levels: tuple[tuple[str, float], ...] = ()
    front: tuple[str, ...] = ()
    words: str = ""
    thresholds: tuple[tuple[str, float], ...] = ()
    limits: tuple[float, float] | None = None
    wavelengths: bool = False

    def numbers(self) -> str:
        """Return what is saved of it, as JSON.

        Returns
        -------
        str
            ``head``, the names of the columns, and ``lines``: each a name and lists of x, y and, where it has
            an interval, its ends. An x that is null is that of the line before.
        """
        lines: list[list[Any]] = []
        before: tuple[float, ...] | None = None
        for line in self.lines:
            x = None if line.x == before else _finite(line.x)
            lines.append([line.name, x, _finite(line.y), *(_finite((end,)) for end in line.spread or ())])
            before = line.x
        lines += [[name, [None], [height]] for name, height in self.levels]
        ends = ["low", "high"] if any(line.spread for line in self.lines) else []
        return json.dumps({"head": ["method", self.x, self.y, *ends], "lines": lines}, separators=(",", ":"))


def _finite(values: tuple[float, ...]) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values]
