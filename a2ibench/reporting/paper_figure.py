"""A figure for a paper: datasets by methods as wide as a column, windows enlarged in rows of their own."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.patches import Rectangle

from a2ibench.contracts.planes import PLANES
from a2ibench.errors import OptionError, one_line
from a2ibench.reporting.canvas import Canvas, draw_scale_bar, drawable, own_style
from a2ibench.reporting.page.viewer_stacks import METHOD, Pair
from a2ibench.reporting.panels import textured_window
from a2ibench.reporting.sheets import Column, Sheet

Window = tuple[Pair, Pair]

_DPI = 600
_EDGE, _GAP = 0.02, 0.04
_NAME, _SCORE, _DATASET = 0.13, 0.11, 0.17
_NAME_SIZE, _SCORE_SIZE, _LEAST_SIZE = 7.0, 6.0, 5.0
_NARROWEST = 0.72
_LEAST_SIDE = 48
_BAR = 0.36
_COLOURS = ("#ffb000", "#4cc9f0", "#f72585", "#8ac926")
_FONT = "DejaVu Sans"


@dataclass(frozen=True)
class PaperFigure:
    """A figure, and what is to be said below it.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Of the width that was asked for.
    caption : tuple of str
        One line for each dataset, each printable.
    """

    figure: Figure
    caption: tuple[str, ...]

    def saved(self, form: str) -> bytes:
        """Return it as ``"png"``, ``"svg"`` or ``"pdf"``, with the caption in its metadata."""
        words = " ".join(self.caption)
        told: dict[str, dict[str, Any]] = {
            "png": {"Software": None, "Description": words},
            "svg": {"Date": None, "Creator": None, "Description": words},
            "pdf": {"CreationDate": None, "Producer": None, "Creator": None, "Subject": words},
        }
        stream = io.BytesIO()
        # Letters of a PDF stay letters; the same figure is the same bytes.
        with own_style(), mpl.rc_context({"pdf.fonttype": 42, "svg.hashsalt": "a2ibench"}):
            self.figure.savefig(stream, format=form, metadata=told[form])
        return stream.getvalue()


@dataclass(frozen=True)
class _Scales:
    greys: tuple[float, float]
    error: float


@dataclass(frozen=True)
class _Grid:
    """Where parts stand, in inches."""

    columns: tuple[str, ...]
    across: int
    width: float

    def lines(self) -> list[tuple[str, ...]]:
        return [
            self.columns[start : start + self.across] for start in range(0, len(self.columns), self.across)
        ]


def paper_figure(
    sheets: Sequence[Sheet], width: float, windows: Sequence[Window | str] = (), *, error: bool = False
) -> PaperFigure:
    """Return a figure of one plane of each dataset: reference, input and methods beside each other.

    Below each plane its windows are enlarged, one in a row, and framed in the plane; nothing is covered.
    Grey levels are shared within a dataset: of the reference, else of the input, 1 % lies beyond each end.
    Where there are more columns than fit, they go on in further lines.

    Parameters
    ----------
    sheets : sequence of Sheet
        One for each dataset.
    width : float
        Inches.
    windows : sequence
        Start and stop of rows and columns, in voxels of the plane; ``"auto"`` is where there is most detail.
    error : bool
        Whether to add a row with the result minus the reference.

    Raises
    ------
    InputError
        If a window lies beyond a plane, or there is no reference for errors.
    """
    lacking = [one.dataset for one in sheets if error and one.reference is None]
    if lacking:
        raise OptionError(
            "{error}: {volume} has no reference; leave it out of {datasets}", volume=one_line(lacking[0])
        )
    chosen = [[_window(one, window) for window in windows] for one in sheets]
    grid = _grid(sheets, width)
    with own_style():
        heights = [
            _height(one, found, grid, len(sheets) > 1, error)
            for one, found in zip(sheets, chosen, strict=True)
        ]
        height = math.fsum(heights) + 2 * _EDGE
        canvas = Canvas(Figure(figsize=(width, height), dpi=_DPI), width, height, _EDGE, _EDGE)
        top = 0.0
        scales = [_scales(one, error) for one in sheets]
        for one, found, scale, tall in zip(sheets, chosen, scales, heights, strict=True):
            _draw(canvas, one, found, grid, scale, top, named=len(sheets) > 1, error=error)
            top += tall
    return PaperFigure(
        canvas.figure,
        tuple(_caption(*parts, error) for parts in zip(sheets, chosen, scales, strict=True)),
    )


def _grid(sheets: Sequence[Sheet], width: float) -> _Grid:
    kinds = {column.name: column.kind for one in sheets for column in one.columns}
    # Reference and input first, also where the first dataset has no reference.
    names = sorted(kinds, key=lambda name: kinds[name] == METHOD or 2 * (name == "input") - 1)
    room = width - 2 * _EDGE + _GAP
    most = max(1, int(room / (_NARROWEST + _GAP)))
    across = math.ceil(len(names) / math.ceil(len(names) / most))
    return _Grid(tuple(names), across, room / across - _GAP)


def _window(one: Sheet, window: Window | str) -> Window:
    (top, bottom), (left, right) = one.area
    if isinstance(window, str):
        least = min(bottom - top, right - left)
        side = max(least // 3, min(least, _LEAST_SIDE))
        image = one.columns[0].image if one.reference is not None else one.columns[-1].image
        row, column = textured_window(image, side)
        return (top + row, top + row + side), (left + column, left + column + side)
    (y0, y1), (x0, x1) = window
    if not (top <= y0 < y1 <= bottom and left <= x0 < x1 <= right):
        raise OptionError(
            "{window}: got {got}; the {family} plane of {volume} has {area} (rows, columns)",
            got=_text(window),
            family=one.family,
            volume=one_line(one.dataset),
            area=_text(one.area),
        )
    return window


def _text(window: Window) -> str:
    return ",".join(f"{start}:{stop}" for start, stop in window)


def _scales(one: Sheet, error: bool) -> _Scales:
    known = one.base.image[np.isfinite(one.base.image)]
    low, high = (float(level) for level in np.percentile(known, [1, 99])) if known.size else (0.0, 1.0)
    most = 1.0
    truth = one.reference
    if error and truth is not None:
        errors = [np.abs(c.image - truth.image).ravel() for c in one.columns if c.kind == METHOD]
        most = float(np.nanpercentile(np.concatenate(errors), 99.5)) or 1.0
    return _Scales((low, max(high, low + 1e-6)), most)


def _tall(window: Window, grid: _Grid) -> float:
    (y0, y1), (x0, x1) = window
    return grid.width * (y1 - y0) / (x1 - x0)


def _rows(one: Sheet, windows: Sequence[Window], grid: _Grid, error: bool) -> list[float]:
    overview = _tall(one.area, grid)
    rows = [overview, *(_tall(window, grid) for window in windows)]
    return rows + [max(overview, _BAR)] * error


def _height(one: Sheet, windows: Sequence[Window], grid: _Grid, named: bool, error: bool) -> float:
    line = _NAME + _SCORE + math.fsum(_rows(one, windows, grid, error)) + _GAP * (1 + len(windows) + error)
    return _DATASET * named + line * len(grid.lines())


def _draw(
    canvas: Canvas,
    one: Sheet,
    windows: Sequence[Window],
    grid: _Grid,
    scales: _Scales,
    top: float,
    *,
    named: bool,
    error: bool,
) -> None:
    if named:
        top += _DATASET
        canvas.text(0, top, one.dataset, size=_NAME_SIZE + 1, weight="bold")
    columns = {column.name: column for column in one.columns}
    heights = _rows(one, windows, grid, error)
    for names in grid.lines():
        top += _NAME + _SCORE
        for place, name in enumerate(names):
            left = place * (grid.width + _GAP)
            column = columns.get(name)
            if column is None:
                canvas.text(left, top - _SCORE, _fitting(name, grid.width, _NAME_SIZE)[0], size=_NAME_SIZE)
                canvas.text(left, top, "no result", size=_SCORE_SIZE, colour="0.35")
                continue
            _cells(canvas, one, column, windows, scales, (left, top, grid.width), heights, place == 0, error)
        top += math.fsum(heights) + _GAP * len(heights)


def _cells(
    canvas: Canvas,
    one: Sheet,
    column: Column,
    windows: Sequence[Window],
    scales: _Scales,
    place: tuple[float, float, float],
    heights: Sequence[float],
    leads: bool,
    error: bool,
) -> None:
    left, top, width = place
    name, size = _fitting(column.name, width, _NAME_SIZE)
    canvas.text(left, top - _SCORE, name, size=size)
    score, size = _fitting(column.score, width, _SCORE_SIZE)
    canvas.text(left, top, score, size=size, colour="0.35")
    shown = [one.area, *windows]
    for number, (window, height) in enumerate(zip(shown, heights, strict=False)):
        axes = canvas.axes(left, top, width, height)
        _image(axes, column, window, one, scales, smooth=number == 0)
        if leads:
            (y0, y1), (x0, x1) = window
            draw_scale_bar(axes, (y1 - y0, x1 - x0), one.spacing, height, at_right=False)
        if number:
            for spine in axes.spines.values():
                spine.set(color=_colour(number - 1), linewidth=1)
        else:
            for index, inner in enumerate(windows):
                _frame(axes, inner, one.area, _colour(index))
        top += height + _GAP
    if error and column.kind == METHOD and one.reference is not None:
        tall = _tall_of(one, width)
        axes = canvas.axes(left, top, width, tall)
        difference = column._replace(image=column.image - one.reference.image)
        _show(axes, difference, one.area, one, "RdBu_r", (-scales.error, scales.error), smooth=True)
    elif error and column is one.reference:
        _colour_bar(canvas, left, top, width, scales.error)


def _tall_of(one: Sheet, width: float) -> float:
    (y0, y1), (x0, x1) = one.area
    return width * (y1 - y0) / (x1 - x0)


def _image(axes: Axes, column: Column, window: Window, one: Sheet, scales: _Scales, *, smooth: bool) -> None:
    _show(axes, column, window, one, "gray", scales.greys, smooth=smooth)


def _show(
    axes: Axes,
    column: Column,
    window: Window,
    one: Sheet,
    colours: str,
    limits: tuple[float, float],
    *,
    smooth: bool,
) -> None:
    """Show a window of a column, with the window's first voxel at 0, where scale bars expect it."""
    (y0, y1), (x0, x1) = window
    first, last = column.rows
    start, stop = one.area[1]
    extent = start - x0 - 0.5, stop - x0 - 0.5, last - y0 - 0.5, first - y0 - 0.5
    axes.imshow(
        column.image,
        cmap=colours,
        vmin=limits[0],
        vmax=limits[1],
        extent=extent,
        aspect="auto",
        interpolation="auto" if smooth else "nearest",
    )
    axes.set(xlim=(-0.5, x1 - x0 - 0.5), ylim=(y1 - y0 - 0.5, -0.5), xticks=[], yticks=[])


def _frame(axes: Axes, window: Window, area: Window, colour: str) -> None:
    (y0, y1), (x0, x1) = window
    (top, _), (left, _) = area
    corner = x0 - left - 0.5, y0 - top - 0.5
    axes.add_patch(Rectangle(corner, x1 - x0, y1 - y0, fill=False, color=colour, linewidth=0.8))


def _colour(index: int) -> str:
    return _COLOURS[index % len(_COLOURS)]


def _colour_bar(canvas: Canvas, left: float, top: float, width: float, limit: float) -> None:
    axes = canvas.axes(left + 0.1 * width, top + 0.04, 0.8 * width, 0.07)
    scale = ScalarMappable(Normalize(-limit, limit), "RdBu_r")
    bar = canvas.figure.colorbar(scale, cax=axes, orientation="horizontal")
    bar.outline.set_linewidth(0.4)
    bar.set_ticks([-limit, 0, limit], labels=[f"{-limit:.3g}", "0", f"{limit:.3g}"])
    bar.ax.tick_params(labelsize=_LEAST_SIZE, width=0.4, length=1.5, pad=1)
    bar.set_label("error", fontsize=_LEAST_SIZE, labelpad=1)


def _fitting(text: str, width: float, size: float) -> tuple[str, float]:
    """Return a text and the size of its letters, so that it is no wider than `width` inches."""
    text = drawable(text)
    if not text:
        return text, size
    needed = _inches(text, size)
    if needed <= width:
        return text, size
    smaller = max(_LEAST_SIZE, size * width / needed)
    while len(text) > 2 and _inches(text, smaller) > width:
        text = f"{text.rstrip('…')[:-1]}…"
    return text, smaller


def _inches(text: str, size: float) -> float:
    # Of the letters as they are: names from elsewhere are no formulas.
    font = get_font(findfont(FontProperties(family=_FONT)))
    font.set_size(size, _DPI)
    font.set_text(text)
    return float(font.get_width_height()[0]) / 64 / _DPI


def _caption(one: Sheet, windows: Sequence[Window], scales: _Scales, error: bool) -> str:
    axis = "zyx"[PLANES[one.family][0]]
    low, high = scales.greys
    parts = [
        f"{one_line(one.dataset)}: {one.family} plane at {axis} = {one.at}, voxels {_text(one.area)} "
        f"(rows, columns), {one.spacing:g} nm each"
    ]
    if windows:
        parts.append(f"enlarged {' and '.join(map(_text, windows))}")
    seeds = [f"{one_line(column.name)} {column.seed}" for column in one.columns if column.seed]
    parts.append(f"shown are {', '.join(seeds)}" if seeds else "")
    if any(column.score for column in one.columns):
        parts.append("PSNR of the volume" + (", mean over seeds" if any("mean" in s for s in seeds) else ""))
    parts.append(f"grey levels {low:.4g} (black) to {high:.4g} (white)")
    if error:
        parts.append(
            f"errors: result minus reference, -{scales.error:.3g} (blue) to {scales.error:.3g} (red)"
        )
    if one.missing:
        parts.append(f"left out, as they kept no planes: {', '.join(map(one_line, one.missing))}")
    return "; ".join(part for part in parts if part) + "."
