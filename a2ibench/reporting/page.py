"""A figure whose parts are placed in inches from the upper left corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from a2ibench.errors import one_line

DPI = 200
GAP, TITLE = 0.07, 0.21
TEXT, FINE = 8.0, 6.5
_MARGIN, _HEAD = 0.12, 0.4
_LONGEST = 200


@dataclass(frozen=True)
class Page:
    """A figure with a heading, and the size of what stands below the heading.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Not known to pyplot.
    width, height : float
        Of the whole figure, in inches.
    """

    figure: Figure
    width: float
    height: float

    @classmethod
    def of(cls, heading: str, about: str, width: float, height: float) -> Page:
        """Return an empty page for parts that take `width` by `height` inches."""
        width, height = max(width, 4.6) + 2 * _MARGIN, height + _HEAD + _MARGIN
        page = cls(Figure(figsize=(width, height), dpi=DPI), width, height)
        page.text(0, -0.17, heading, size=TEXT + 1, weight="bold")
        page.text(0, -0.01, about, size=FINE, colour="0.35")
        return page

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes without ticks."""
        below = self.height - _HEAD - top - height
        box = (_MARGIN + left) / self.width, below / self.height, width / self.width, height / self.height
        axes = self.figure.add_axes(box)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_linewidth(0.4)
        return axes

    def text(
        self,
        left: float,
        top: float,
        text: str,
        *,
        size: float = TEXT,
        weight: str = "normal",
        colour: str = "black",
    ) -> None:
        """Write one line that ends just above `top`."""
        x, y = (_MARGIN + left) / self.width, (self.height - _HEAD - top + 0.04) / self.height
        # A name may hold what matplotlib would take for a formula, or no font can draw.
        font: dict[str, Any] = {"fontsize": size, "fontweight": weight, "color": colour}
        line = one_line(text, _LONGEST)
        self.figure.text(x, y, line, parse_math=False, va="bottom", ha="left", **font)
