"""The figures of a run: an axial plane of every dataset, as each method reconstructs it."""

from __future__ import annotations

import logging
from itertools import groupby
from pathlib import Path

from a2ibench.bench.record import read_records
from a2ibench.errors import one_line, printable
from a2ibench.reporting.drawing import draw
from a2ibench.reporting.files import replace_file
from a2ibench.reporting.page import own_style, png
from a2ibench.reporting.results import Record, group, ordered
from a2ibench.reporting.scene import make_scene

_logger = logging.getLogger(__name__)


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
            written.append(replace_file(run_dir / "figures" / f"{dataset}.png", content))
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
