"""The figures of a run: an axial plane of every dataset, as each method reconstructs it."""

from __future__ import annotations

import logging
import math
from itertools import groupby
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from a2ibench.bench.record import read_records
from a2ibench.bench.run_files import RunFiles
from a2ibench.errors import one_line, printable
from a2ibench.files import write_bytes
from a2ibench.reporting.canvas import FINE, GAP, TITLE, Page, draw_scale_bar, own_style, png
from a2ibench.reporting.panels import Plane, Scene, make_scene, textured_window
from a2ibench.reporting.results import Record, group, ordered

_logger = logging.getLogger(__name__)

_WIDE = 2.2
_ACROSS = 6
_INSET = 0.42
_FRAME = "#ffb000"
_ERRORS = "RdBu_r"
_ABOUT = "xz plane at the middle of y, z downwards; framed window enlarged"


def draw(scene: Scene) -> Figure:
    """Return a figure: wide planes stand in rows with their errors beside them, others have them below."""
    z, x = scene.shape
    return _in_rows(scene) if x / z > _WIDE else _in_columns(scene)


def _in_columns(scene: Scene) -> Figure:
    z, x = scene.shape
    bands = math.ceil(len(scene.panels) / _ACROSS)
    across = math.ceil(len(scene.panels) / bands)
    width = min(2.9 if across < 4 else 2.3, 3.4 * x / z)
    height = width * z / x
    side = max(2, min(64, max(16, min(z, x) // 7), min(z, x) // 3))
    window = textured_window(scene.panels[0].image, side)
    band = TITLE + (1 + scene.compared) * (height + GAP)
    page = Page.of(scene.dataset, _about(scene), across * (width + GAP) - GAP, bands * band)
    for index, panel in enumerate(scene.panels):
        left, top = index % across * (width + GAP), index // across * band + TITLE
        page.text(left, top, panel.title)
        image = _image(page.axes(left, top, width, height), panel.image, scene)
        _frame(image, window, side)
        at_right, at_bottom = window[1] + side / 2 < x / 2, window[0] + side / 2 < z / 2
        size = _INSET * min(width, height)
        inset_left = left + (width - size if at_right else 0)
        inset = page.axes(inset_left, top + (height - size if at_bottom else 0), size, size)
        _enlarged(inset, panel.image, window, side, scene)
        if index == 0:
            draw_scale_bar(image, scene.shape, scene.spacing, height, at_right=at_bottom and not at_right)
        below = top + height + GAP
        if panel.error is not None:
            _error(page.axes(left, below, width, height), panel.error, scene)
        elif scene.compared:
            _colour_bar(page, left, below, width, height, scene)
    return page.figure


def _in_rows(scene: Scene) -> Figure:
    z, x = scene.shape
    width = min(6.5, max(3.6, 1.15 * x / z))
    height = width * z / x
    square = max(height, 0.8)
    side = min(z, max(12, min(64, z // 2)))
    window = textured_window(scene.panels[0].image, side)
    step = TITLE + square + GAP
    across = square + (1 + scene.compared) * (width + GAP)
    page = Page.of(scene.dataset, _about(scene), across, len(scene.panels) * step)
    for index, panel in enumerate(scene.panels):
        top = index * step + TITLE
        page.text(0, top, panel.title)
        image = _image(page.axes(0, top, width, height), panel.image, scene)
        _frame(image, window, side)
        _enlarged(page.axes(width + GAP, top, square, square), panel.image, window, side, scene)
        if index == 0:
            draw_scale_bar(image, scene.shape, scene.spacing, height, at_right=False)
        right = width + square + 2 * GAP
        if panel.error is not None:
            _error(page.axes(right, top, width, height), panel.error, scene)
        elif scene.compared:
            _colour_bar(page, right, top, width, height, scene)
    return page.figure


def _about(scene: Scene) -> str:
    about = f"{_ABOUT}; PSNR of the whole volume" if scene.scored else _ABOUT
    return f"{about}, mean over seeds; one shown" if scene.scored and scene.repeated else about


def _image(axes: Axes, image: Plane, scene: Scene) -> Axes:
    low, high = scene.limits
    axes.imshow(image, cmap="gray", vmin=low, vmax=high, aspect="auto")
    return axes


def _enlarged(axes: Axes, image: Plane, window: tuple[int, int], side: int, scene: Scene) -> None:
    row, column = window
    low, high = scene.limits
    part = image[row : row + side, column : column + side]
    axes.imshow(part, cmap="gray", vmin=low, vmax=high, aspect="auto", interpolation="nearest")
    for spine in axes.spines.values():
        spine.set(color=_FRAME, linewidth=1)


def _frame(axes: Axes, window: tuple[int, int], side: int) -> None:
    row, column = window
    axes.add_patch(Rectangle((column - 0.5, row - 0.5), side, side, fill=False, color=_FRAME, linewidth=0.8))


def _error(axes: Axes, error: Plane, scene: Scene) -> None:
    axes.imshow(error, cmap=_ERRORS, vmin=-scene.error_limit, vmax=scene.error_limit, aspect="auto")


def _colour_bar(page: Page, left: float, top: float, width: float, height: float, scene: Scene) -> None:
    length = min(0.8 * width, 2.4)
    axes = page.axes(left + (width - length) / 2, top + max(0, height / 2 - 0.25), length, 0.1)
    scale = ScalarMappable(Normalize(-scene.error_limit, scene.error_limit), _ERRORS)
    bar = page.figure.colorbar(scale, cax=axes, orientation="horizontal", extend="both")
    bar.outline.set_linewidth(0.4)
    bar.ax.tick_params(labelsize=FINE, width=0.4, length=2)
    bar.ax.locator_params(nbins=5)
    bar.set_label(f"{scene.error_label}\n(grey levels)", fontsize=FINE)


def write_figures(run_dir: Path) -> list[Path]:
    """Write figures/<dataset>.png for every dataset of which a job left its planes.

    Each shows an xz plane of the reference, where there is one, of the interpolated input and of every
    method's reconstruction, and the signed errors. Jobs without planes are left out, and so is,
    with a warning, a figure that cannot be drawn.

    Parameters
    ----------
    run_dir : Path
        Folder of a run.

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
    groups = group(ordered(read_records(run_dir), run_dir))
    newest = [record for part in groups for record in part.records if part.protocol == groups[-1].protocol]
    for dataset, records in groupby(ordered(newest, run_dir), key=lambda record: record["dataset"]):
        content = _figure(run_dir, dataset, list(records))
        if content is not None:
            file = RunFiles(run_dir).figure(dataset)
            file.parent.mkdir(exist_ok=True)
            written.append(write_bytes(file, content))
    return written


def _figure(run_dir: Path, dataset: str, records: list[Record]) -> bytes | None:
    try:
        scene = make_scene(run_dir, records)
        with own_style():
            return None if scene is None else png(draw(scene))
    except Exception as error:
        # The figures of other datasets, and the run, are worth as much without this one.
        _logger.warning("figure of %s left out: %s", printable(dataset), one_line(error))
        return None
