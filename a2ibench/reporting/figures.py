"""The figures of a run: an axial plane of every dataset as each method restores it, and axial power."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from a2ibench.bench.record import Record
from a2ibench.bench.run import Run
from a2ibench.errors import one_line, printable
from a2ibench.files import write_bytes
from a2ibench.reporting.axial_power import axial_power_curves, draw_axial_power
from a2ibench.reporting.canvas import FINE, GAP, TITLE, Canvas, draw_scale_bar, own_style, png
from a2ibench.reporting.panels import FigureData, Plane, figure_data, textured_window

_logger = logging.getLogger(__name__)

_WIDE = 2.2
_ACROSS = 6
_INSET = 0.42
_FRAME = "#ffb000"
_ERRORS = "RdBu_r"
_ABOUT = "xz plane at the middle of y, z downwards; framed window enlarged"


def draw(data: FigureData) -> Figure:
    """Return a figure: wide planes stand in rows with their errors beside them, others have them below."""
    z, x = data.shape
    return _in_rows(data) if x / z > _WIDE else _in_columns(data)


def _in_columns(data: FigureData) -> Figure:
    z, x = data.shape
    bands = math.ceil(len(data.panels) / _ACROSS)
    across = math.ceil(len(data.panels) / bands)
    width = min(2.9 if across < 4 else 2.3, 3.4 * x / z)
    height = width * z / x
    side = max(2, min(64, max(16, min(z, x) // 7), min(z, x) // 3))
    window = textured_window(data.panels[0].image, side)
    band = TITLE + (1 + data.compared) * (height + GAP)
    canvas = Canvas.of(data.dataset, _about(data), across * (width + GAP) - GAP, bands * band)
    for index, panel in enumerate(data.panels):
        left, top = index % across * (width + GAP), index // across * band + TITLE
        canvas.text(left, top, panel.title)
        image = _image(canvas.axes(left, top, width, height), panel.image, data)
        _frame(image, window, side)
        at_right, at_bottom = window[1] + side / 2 < x / 2, window[0] + side / 2 < z / 2
        size = _INSET * min(width, height)
        inset_left = left + (width - size if at_right else 0)
        inset = canvas.axes(inset_left, top + (height - size if at_bottom else 0), size, size)
        _enlarged(inset, panel.image, window, side, data)
        if index == 0:
            draw_scale_bar(image, data.shape, data.spacing, height, at_right=at_bottom and not at_right)
        below = top + height + GAP
        if panel.error is not None:
            _error(canvas.axes(left, below, width, height), panel.error, data)
        elif data.compared:
            _colour_bar(canvas, left, below, width, height, data)
    return canvas.figure


def _in_rows(data: FigureData) -> Figure:
    z, x = data.shape
    width = min(6.5, max(3.6, 1.15 * x / z))
    height = width * z / x
    square = max(height, 0.8)
    side = min(z, max(12, min(64, z // 2)))
    window = textured_window(data.panels[0].image, side)
    step = TITLE + square + GAP
    across = square + (1 + data.compared) * (width + GAP)
    canvas = Canvas.of(data.dataset, _about(data), across, len(data.panels) * step)
    for index, panel in enumerate(data.panels):
        top = index * step + TITLE
        canvas.text(0, top, panel.title)
        image = _image(canvas.axes(0, top, width, height), panel.image, data)
        _frame(image, window, side)
        _enlarged(canvas.axes(width + GAP, top, square, square), panel.image, window, side, data)
        if index == 0:
            draw_scale_bar(image, data.shape, data.spacing, height, at_right=False)
        right = width + square + 2 * GAP
        if panel.error is not None:
            _error(canvas.axes(right, top, width, height), panel.error, data)
        elif data.compared:
            _colour_bar(canvas, right, top, width, height, data)
    return canvas.figure


def _about(data: FigureData) -> str:
    about = f"{_ABOUT}; PSNR of the whole volume" if data.scored else _ABOUT
    return f"{about}, mean over seeds; one shown" if data.scored and data.repeated else about


def _image(axes: Axes, image: Plane, data: FigureData) -> Axes:
    low, high = data.limits
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, aspect="auto")
    return axes


def _enlarged(axes: Axes, image: Plane, window: tuple[int, int], side: int, data: FigureData) -> None:
    row, column = window
    low, high = data.limits
    part = image[row : row + side, column : column + side]
    axes.imshow(part, cmap="gray", vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    for spine in axes.spines.values():
        spine.set(color=_FRAME, linewidth=1)


def _frame(axes: Axes, window: tuple[int, int], side: int) -> None:
    row, column = window
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), side, side, fill=False, color=_FRAME, linewidth=0.8))


def _error(axes: Axes, error: Plane, data: FigureData) -> None:
    axes.imshow(error, cmap=_ERRORS, vmin=-data.error_limit, vmax=data.error_limit, aspect="auto")


def _colour_bar(
    canvas: Canvas, left: float, top: float, width: float, height: float, data: FigureData
) -> None:
    length = min(0.8 * width, 2.4)
    axes = canvas.axes(left + (width - length) / 2, top + max(0, height / 2 - 0.25), length, 0.1)
    scale = ScalarMappable(Normalize(-data.error_limit, data.error_limit), _ERRORS)
    bar = canvas.figure.colorbar(scale, cax=axes, orientation="horizontal", extend="both")
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(labelsize=FINE, width=0.4, length=2)
    bar.ax.locator_params(nbins=5)
    bar.set_label(f"{data.error_label}\n(grey levels)", fontsize=FINE)


def write_figures(run: Run) -> list[Path]:
    """Write figures/<dataset>.png for every dataset of which a job left its planes, and axial_power.png.

    Each shows an xz plane of the reference, where there is one, of the interpolated input and of every
    method's reconstruction, and the signed errors. Jobs without planes are left out, and so is,
    with a warning, a figure that cannot be drawn. The last figure is of all datasets whose records tell of
    axial power.

    Parameters
    ----------
    run : Run
        The run.

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    written = []
    newest = {
        record.name
        for part in run.groups
        for record in part.records
        if part.protocol == run.groups[-1].protocol
    }
    shown = [record for record in run.records if record.name in newest]
    for dataset, records in groupby(shown, key=lambda record: record.dataset):
        content = _figure(run, dataset, list(records))
        if content is not None:
            file = run.files.figure(dataset)
            file.parent.mkdir(exist_ok=True)
            written.append(write_bytes(file, content))
    curves = axial_power_curves(shown)
    content = _drawn("axial power", lambda: draw_axial_power(curves) if curves else None)
    if content is not None:
        written.append(write_bytes(run.files.axial_power, content))
    return written


def _figure(run: Run, dataset: str, records: list[Record]) -> bytes | None:
    def of_planes() -> Figure | None:
        data = figure_data(records, run.files_of)
        return None if data is None else draw(data)

    return _drawn(dataset, of_planes)


def _drawn(subject: str, figure: Callable[[], Figure | None]) -> bytes | None:
    try:
        with own_style():
            drawn = figure()
            return None if drawn is None else png(drawn)
    except Exception as error:
        # Other figures, and the run, are worth as much without this one.
        _logger.warning("figure of %s left out: %s", printable(subject), one_line(error))
        return None
