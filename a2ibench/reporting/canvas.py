"""A figure whose parts are placed in inches from the upper left corner, and scale bars of round lengths."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from matplotlib import rc_context, style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle
from matplotlib.patheffects import AbstractPathEffect, withStroke

from a2ibench.errors import one_line


def draw_scale_bar(
    axes: Axes, shape: tuple[int, int], spacing: float, inches: float, *, at_right: bool
) -> None:
    """Draw a bar of a round length into a corner at the bottom of an image.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
        Shows the image.
    shape : tuple of int
        Rows and columns of the image.
    spacing : float
        Nanometres between its columns; where it is NaN nothing is drawn.
    inches : float
        Height of the axes.
    at_right : bool
        Draw it at the right instead of the left.
    """
    if math.isnan(spacing):
        return
    rows, columns = shape
    nanometres = round_length(0.25 * columns * spacing)
    length = nanometres / spacing
    unit = rows / inches
    start = columns - length - 0.08 * unit - 0.5 if at_right else 0.08 * unit - 0.5
    bar = Rectangle((start, rows - 0.13 * unit - 0.5), length, 0.04 * unit, facecolor="white", linewidth=0)
    outline: list[AbstractPathEffect] = [withStroke(linewidth=1.5, foreground="black")]
    bar.set_path_effects(outline)
    axes.add_patch(bar)
    label = f"{nanometres / 1000:g} µm" if nanometres >= 1000 else f"{nanometres:g} nm"
    # A label wider than its bar would leave the image where it stood over the middle.
    end, align = (start + length, "right") if at_right else (start, "left")
    place, stands = rows - 0.15 * unit - 0.5, "bottom"
    if inches < _LABELLED and not at_right:
        # Above the bar there is no room.
        end, place, stands = start + length + 0.05 * unit, rows - 0.11 * unit - 0.5, "center"
    text = axes.text(end, place, label, color="white", fontsize=FINE, ha=align, va=stands)
    text.set_path_effects(outline)


def round_length(longest: float) -> float:
    """Return the longest of 1, 2 and 5 times a power of ten that is not above `longest`."""
    power = 10.0 ** math.floor(math.log10(longest))
    # The logarithm of a number just below a power of ten is rounded up to that power.
    return max(digit * power for digit in (0.5, 1, 2, 5) if digit * power <= longest)


DPI = 200
GAP, TITLE = 0.07, 0.21
TEXT, FINE = 8.0, 6.5
_MARGIN, _HEAD = 0.12, 0.4
_LONGEST = 120
# Inches of an image in which a label stands above its bar.
_LABELLED = 0.3
_FONT = "DejaVu Sans"


@contextmanager
def own_style() -> Iterator[None]:
    """Have figures look the same whatever a matplotlibrc says, and set text without LaTeX."""
    with rc_context(), style.context("default"):
        yield


def png(figure: Figure) -> bytes:
    """Return a figure as a PNG file, the same bytes for the same figure."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def drawable(text: str) -> str:
    """Return a text in one line of bounded length, with escapes for what the font has no glyphs of."""
    known = _glyphs()
    return "".join(
        character if ord(character) in known else character.encode("unicode_escape").decode("ascii")
        for character in one_line(text, _LONGEST)
    )


@cache
def _glyphs() -> frozenset[int]:
    # The font that comes with matplotlib, and is therefore there.
    return frozenset(get_font(findfont(FontProperties(family=_FONT))).get_charmap())


@dataclass(frozen=True)
class Canvas:
    """A figure with a heading, and the size of what stands below the heading.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Not known to pyplot.
    width, height : float
        Of the whole figure, in inches.
    margin, head : float
        What is left free at the left, and above all parts.
    """

    figure: Figure
    width: float
    height: float
    margin: float = _MARGIN
    head: float = _HEAD

    @classmethod
    def of(cls, heading: str, about: str, width: float, height: float) -> Canvas:
        """Return an empty canvas for parts that take `width` by `height` inches."""
        width, height = max(width, 4.6) + 2 * _MARGIN, height + _HEAD + _MARGIN
        canvas = cls(Figure(figsize=(width, height), dpi=DPI), width, height)
        canvas.text(0, -0.17, heading, size=TEXT + 1, weight="bold")
        canvas.text(0, -0.01, about, size=FINE, colour="0.35")
        return canvas

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Return axes without ticks."""
        below = self.height - self.head - top - height
        box = (self.margin + left) / self.width, below / self.height, width / self.width, height / self.height
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
        """Write one line that ends just above `top`; names from elsewhere are no formulas."""
        x, y = (self.margin + left) / self.width, (self.height - self.head - top + 0.04) / self.height
        line = self.figure.text(x, y, drawable(text), va="bottom", ha="left", parse_math=False, usetex=False)
        line.set(fontfamily=_FONT, fontsize=size, fontweight=weight, color=colour)
