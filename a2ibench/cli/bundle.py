"""The command ``a2ibench bundle``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from a2ibench.cli.errors import say


def make_bundle(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")],
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUT]", help="The file; by default RUN.zip, beside the folder.", show_default=False
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a bundle of that name.")] = False,
) -> None:
    """Write what a run came to as one file without volumes, for others to verify.

    It holds the records of all jobs that ended, the scores of their slices, run.json and a manifest of
    checksums. The same run gives the same bytes.

    Exit codes: 0 written; 2 bad input, such as a run with a damaged record.
    """
    from a2ibench.bench.bundle.writing import write_bundle

    say(write_bundle(run, out, force=force))
