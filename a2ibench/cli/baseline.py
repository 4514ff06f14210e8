"""The command ``a2ibench baseline``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2ibench.cli.options import option


def make_baseline(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the baseline.")],
    out: Annotated[Path | None, option("DIR", "Where to write it; reports/reference by default.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a baseline of that name.")] = False,
    allow_failed: Annotated[
        bool,
        typer.Option(
            "--allow-failed", help="Take a run whose jobs did not all finish, or whose metrics failed."
        ),
    ] = False,
) -> None:
    """Write what a run came to as DIR/NAME.json, without images, for later comparisons.

    Exit codes: 0 written; 2 bad input, such as a run with failed jobs.
    """
    from a2ibench.bench.baseline import FOLDER, write_baseline

    typer.echo(write_baseline(run, name, out or FOLDER, force=force, allow_failed=allow_failed))
