"""A small but real folder of a run, for reporters to report on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from a2ibench.testing.texture import SPACING, scene

OK: Final = "texture--cubic--s0"
FAILED: Final = "missing--cubic--s0"
SKIPPED: Final = "texture--cubic--s1"


def make_run(folder: Path) -> Path:
    """Run cubic interpolation on two volumes, one of which is not there, and write tables and figures.

    No hook of any plugin is told of it.

    Parameters
    ----------
    folder : Path
        An empty folder, for the volume and the run.

    Returns
    -------
    Path
        The folder of the run. Of its jobs one is ok, one failed and one was skipped.
    """
    import tifffile

    from a2ibench.bench.folder import prepare_run_folder
    from a2ibench.bench.job import run_job
    from a2ibench.bench.key import job_key
    from a2ibench.bench.plan import plan_run
    from a2ibench.bench.provenance import finish, new_record
    from a2ibench.bench.record import JOBS, write_record

    tifffile.imwrite(folder / "texture.tif", scene(1.0, (24, 32, 28))[0].data)
    catalogue = folder / "datasets.toml"
    catalogue.write_text("".join(map(_table, ("texture", "missing"))), encoding="utf-8")
    plan = plan_run(
        ["cubic"],
        ["texture", "missing"],
        catalogue=catalogue,
        profile="smoke",
        device="cpu",
        metrics=["psnr", "ssim"],
        seeds=2,
    )
    run = prepare_run_folder(plan, folder / "run")
    for planned in plan.jobs():
        job = replace(planned, key=job_key(planned))
        place = run / JOBS / job.name
        if job.name in (OK, FAILED):
            place.mkdir(parents=True)
            run_job(job, place)
        elif job.name == SKIPPED:
            place.mkdir(parents=True)
            record = new_record(job, "skipped") | {"reason": "the volume is too thin"}
            finish(record)
            write_record(place, record)
    write_builtin_reports(run)
    return run


def write_builtin_reports(run: Path) -> None:
    """Write the tables and figures that are there when a reporter is called."""
    from a2ibench.reporting.figures import write_figures
    from a2ibench.reporting.tables import write_tables

    write_tables(run)
    write_figures(run)


def _table(name: str) -> str:
    size = [SPACING] * 3
    return f"[{name}]\npath = '{name}.tif'\nvoxel_size = {size}\nsimulate = {{ratio = 3.0}}\n"
