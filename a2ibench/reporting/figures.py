"""The figures of a run: an axial plane of every dataset, as each method reconstructs it."""

from __future__ import annotations

import io
from itertools import groupby
from pathlib import Path

from a2ibench.bench.record import read_records
from a2ibench.reporting.drawing import draw
from a2ibench.reporting.files import replace_file
from a2ibench.reporting.results import group, ordered
from a2ibench.reporting.scene import make_scene


def write_figures(run_dir: Path) -> list[Path]:
    """Write figures/<dataset>.png for every dataset of which a job left its planes.

    Each shows an xz plane of the reference, where there is one, of the interpolated input and of every
    method's reconstruction, and the signed errors. Jobs without planes are left out.

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
        scene = make_scene(run_dir, list(records))
        if scene is not None:
            png = io.BytesIO()
            draw(scene).savefig(png, format="png", metadata={"Software": None})
            written.append(replace_file(run_dir / "figures" / f"{dataset}.png", png.getvalue()))
    return written
