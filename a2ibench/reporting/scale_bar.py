"""Scale bars of round lengths."""

from __future__ import annotations

import math

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.patheffects import AbstractPathEffect, withStroke

from a2ibench.reporting.page import FINE


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
    middle, above = start + length / 2, rows - 0.15 * unit - 0.5
    text = axes.text(middle, above, label, color="white", fontsize=FINE, ha="center", va="bottom")
    text.set_path_effects(outline)


def round_length(longest: float) -> float:
    """Return the longest of 1, 2 and 5 times a power of ten that is not above `longest`."""
    power = 10.0 ** math.floor(math.log10(longest))
    # The logarithm of a number just below a power of ten is rounded up to that power.
    return max(digit * power for digit in (0.5, 1, 2, 5) if digit * power <= longest)
