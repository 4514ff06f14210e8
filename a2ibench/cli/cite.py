"""The command ``a2ibench cite``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def cite(run: Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a run.")]) -> None:
    """Print what to cite where a run's results are used, as BibTeX: a2ibench, the methods, the datasets.

    Exit codes: 0 printed; 2 bad input, such as a folder that holds no run.
    """
    from a2ibench.bench.run import read_run
    from a2ibench.reporting.citations import bibtex

    typer.echo(bibtex(read_run(run)), nl=False)
