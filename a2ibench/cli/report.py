"""The command ``a2ibench report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2ibench.cli.errors import say
from a2ibench.cli.options import option
from a2ibench.errors import InputError, UnknownNameError

_HTML = "html"
_FORMATS = "md|csv|tex|html|parquet"


def make_report(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Folder of a run; several are merged.", show_default=False),
    ],
    form: Annotated[
        str, option(_FORMATS, "The page (the default), or a table, which goes to stdout.", "--format")
    ] = _HTML,
    out: Annotated[
        Path | None,
        option(
            "FILE",
            "Where to write it; by default report.html in the folder of the run. Several runs need it.",
        ),
    ] = None,
    report_planes: Annotated[
        int | None, option("N", "Planes of each direction on the page, 0 for none; by default all kept.")
    ] = None,
    published: Annotated[
        Path | None,
        option("FILE", "A TOML file of published results that the page knows of, beside those that ship."),
    ] = None,
) -> None:
    """Write everything about a run on one page, or print its table.

    Every run writes the page, too; this makes it again, also of runs that earlier releases made. Several runs
    are merged into one report, which tells where each row comes from, unless they may not share a table.

    Exit codes: 0 written; 2 bad input, such as a folder that holds no run.
    """
    from a2ibench.bench.merge import merged
    from a2ibench.bench.run import read_run
    from a2ibench.reporting.report import BINARY, FORMATS, report, write_report

    if form not in FORMATS:
        raise UnknownNameError("format", form, FORMATS)
    if report_planes is not None and report_planes < 0:
        raise InputError(f"--report-planes: got {report_planes}; give 0 or more")
    if published is not None and form != _HTML:
        raise InputError(f"--published: only the page shows it, got --format {form}; leave one of them out")
    if len(runs) > 1 and out is None and (form == _HTML or form in BINARY):
        raise InputError(f"--out: give the file for the {form} of {len(runs)} runs, such as merged.{form}")
    run = merged([read_run(folder) for folder in runs])
    if form == _HTML or form in BINARY or out is not None:
        say(write_report(run, form, out, planes=report_planes, published=published))
    else:
        typer.echo(report(run, form).decode(), nl=False)
