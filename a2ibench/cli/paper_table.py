"""The command ``a2ibench table``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2ibench.cli.errors import say
from a2ibench.cli.options import option
from a2ibench.errors import InputError


def make_table(
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Folder of a run; several are merged.", show_default=False),
    ],
    metrics: Annotated[
        str | None, option("A,B", "Scores to show; by default those of the run's table with a reference.")
    ] = None,
    columns: Annotated[
        str,
        option("metrics|datasets", "What stands side by side; the other one below; metrics by default."),
    ] = "metrics",
    datasets: Annotated[str | None, option("D1,D2", "Datasets, in this order; by default all.")] = None,
    methods: Annotated[
        str | None,
        option("A,B", "Methods, in this order, and controls such as linear; all methods by default."),
    ] = None,
    width: Annotated[
        str, option("one|two", "Columns of the page it spans, of 84 or 174 mm; two by default.")
    ] = "two",
    spread: Annotated[
        str, option("std|interval|none", "What stands after a mean over seeds; std by default.")
    ] = "std",
    ranks: Annotated[
        bool, typer.Option("--ranks/--no-ranks", help="Add the mean ranks over datasets.")
    ] = True,
    caption: Annotated[
        str | None, option("TEXT", "Caption, as plain text; by default what is shown and what marks mean.")
    ] = None,
    label: Annotated[str | None, option("LABEL", "LaTeX label; tab:a2ibench by default.")] = None,
    out: Annotated[
        Path | None, option("FILE", "File ending in .tex, .md or .csv; by default paper.tex in the run.")
    ] = None,
) -> None:
    """Write a table of a run for a paper: chosen scores, the best in bold, the second best underlined.

    Below the file stands on stdout what its caption should say, where another one was given, and what was
    left out.

    Exit codes: 0 written; 2 bad input, such as a table that is wider than the page.
    """
    from a2ibench.bench.merge import merged
    from a2ibench.bench.run import read_run
    from a2ibench.reporting.paper.table import FORMATS, form_of, paper_table

    if out is None and len(runs) > 1:
        raise InputError(f"--out: give the file for the table of {len(runs)} runs, such as table.tex")
    if out is not None:
        form_of(out)
    run = merged([read_run(folder) for folder in runs])
    target = run.files.paper_table if out is None else out
    if target.resolve() in {one.files.table(form).resolve() for one in run.parts for form in FORMATS}:
        raise InputError(f"--out: {target} is the run's own table, which it writes again; give another file")
    made = paper_table(
        run,
        _names(metrics),
        columns=columns,
        datasets=_names(datasets),
        methods=_names(methods),
        width=width,
        spread=spread,
        ranks=ranks,
        caption=caption,
        label=label,
    )
    say(made.save(target))
    for line in (*([made.marks] if caption is not None else []), *made.notes):
        say(line)


def _names(text: str | None) -> list[str] | None:
    return None if text is None else text.split(",")
