"""The command ``a2ibench fetch``."""

from __future__ import annotations

from typing import Annotated

import typer

from a2ibench.cli.errors import ExitCode, say, say_error
from a2ibench.cli.options import Catalogue
from a2ibench.cli.progress import interactive
from a2ibench.errors import A2IBenchError


def fetch_datasets(
    datasets: Annotated[
        list[str], typer.Argument(metavar="DATASET...", help="Names, as a2ibench list datasets shows them.")
    ],
    catalogue: Catalogue = None,
) -> None:
    """Download datasets into the cache, verify their checksums, and print where each lies.

    One that was interrupted is continued. Of archives only the wanted member is kept, and of chunked remote
    volumes only the crop is downloaded.

    One that fails does not stop the others; the exit code is 3 then. Files that must be got by hand count
    as failed, with the instructions for getting them.
    """
    from a2ibench.bench.specs import known_datasets
    from a2ibench.data.catalogue import find_dataset
    from a2ibench.data.fetch import fetch

    known = known_datasets(catalogue)
    failed = False
    for spec in [find_dataset(name, known) for name in datasets]:
        try:
            path = fetch(spec, progress=interactive())
        except A2IBenchError as error:
            failed = True
            say_error(error)
        else:
            say(f"{spec.name}  {path}")
    if failed:
        raise typer.Exit(ExitCode.SOME_FAILED)
