"""How wide texts are in the letters of LaTeX, and which columns have room beside each other."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from matplotlib.font_manager import FontProperties, findfont, get_font

from a2ibench.errors import one_line
from a2ibench.reporting.markup import LONGEST

MM = 72.27 / 25.4
"""Points of LaTeX in a millimetre."""

SIZE = 8.0
"""Points of the letters: those of ``\\footnotesize`` where the text has 10."""

GAP = 4.0
"""Points on each side of a column: LaTeX's ``\\tabcolsep``."""

LINE, RULE = 9.5, 4.6
"""Points from line to line, and of a rule with what is above and below it."""

# Small letters are drawn wider than ten-point ones made smaller, bold ones the more so.
_WIDER, _BOLD = 1.08, 1.26
_SIGNS = {"—": 0.55, "±": 1.25, "≈": 1.05, "↑": 0.55, "↓": 0.55, "\\": 0.55, "<": 0.85, ">": 0.85}
_BREAK = re.compile(r"(?<=[ -])(?=[^ ])")


def points(text: str, *, bold: bool = False) -> float:
    """Return how wide a text is in print, at most, in points."""
    font = get_font(findfont(FontProperties(family="cmr10")))
    # Large, for widths that are not rounded to dots.
    font.set_size(100 * SIZE, 72)
    line = one_line(text, LONGEST)
    known = "".join(sign for sign in line if sign.isascii() and sign not in _SIGNS)
    # Spaces at the ends count, too.
    font.set_text(f"|{known}|")
    framed = font.get_width_height()[0]
    font.set_text("||")
    width = (framed - font.get_width_height()[0]) / 64 / 100
    # A letter that the font lacks is taken from another one, and as wide as any.
    signs = math.fsum(_SIGNS.get(sign, 1.0) for sign in line if sign in _SIGNS or not sign.isascii())
    return (width + signs * SIZE) * (_BOLD if bold else _WIDER)


def heading_lines(text: str, room: float) -> list[str]:
    """Return a heading in lines, broken behind blanks and hyphens where it is wider than `room` points."""
    lines = [""]
    for word in _BREAK.split(text):
        if lines[-1] and points(lines[-1] + word.rstrip()) > room:
            lines.append("")
        lines[-1] += word
    return [line.rstrip() for line in lines]


def divided(widths: Sequence[float], room: float) -> list[list[int]]:
    """Return which columns stand beside each other, in as few rows of columns as have room, of equal numbers.

    Columns that stand one below the other are as wide as the widest of them.

    Parameters
    ----------
    widths : sequence of float
        Of the columns, points.
    room : float
        For those beside each other; every column fits by itself.
    """
    for across in range(len(widths), 0, -1):
        rows = math.ceil(len(widths) / across)
        if across < len(widths) and math.ceil(len(widths) / rows) != across:
            continue
        groups = [
            [*range(start, min(start + across, len(widths)))] for start in range(0, len(widths), across)
        ]
        needed = [max(widths[one[place]] for one in groups if place < len(one)) for place in range(across)]
        if math.fsum(needed) <= room or across == 1:
            return groups
    return []
