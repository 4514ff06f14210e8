"""The command ``a2ibench reconstruct``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from a2ibench.bench.options import Option
from a2ibench.cli.errors import say, say_progress
from a2ibench.cli.options import takes
from a2ibench.cli.progress import shown_phases
from a2ibench.reconstruction.options import ReconstructOptions

_DRY_RUN = Option("Check everything and say what would be done; write nothing.", type=bool)


@takes(ReconstructOptions, dry_run=_DRY_RUN)
def reconstruct_file(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="TIFF, HDF5, MRC, NumPy or MATLAB v7.3 file, folder of TIFF slices, Zarr, OME-Zarr, N5 or "
            "precomputed volume; a path, or a http, https, s3 or gs address.",
        ),
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT", help="File to write: .ome.zarr, .zarr, .tif, .ome.tif, .h5 or .mrc."
        ),
    ],
    given: dict[str, Any],
) -> None:
    """Train a method on a stack of any size and write its isotropic reconstruction, block by block.

    Interrupted, the same command goes on where it stopped. A figure of three planes is left beside OUTPUT, in
    OUTPUT.json how it came about, and in OUTPUT.checkpoint what was trained, for other stacks.

    Many processes do it with one of --workers, --scheduler and --cluster, or as jobs of the same command: one
    with --prepare, then one for each --part, then one with --finish.

    Exit codes: 0 written; 2 bad input; 130 interrupted.
    """
    from a2ibench.cli.outlook import say_outlook, say_part, say_prepared, say_written
    from a2ibench.reconstruction.joining import PartDone
    from a2ibench.reconstruction.paths import located
    from a2ibench.reconstruction.ways import reconstruct_somehow

    # Before any plugin is loaded, which may change the working folder.
    place, target = located(source), target.absolute()
    given |= {name: value.absolute() for name, value in given.items() if isinstance(value, Path)}
    command = shlex.join(["a2ibench", *context.obj])
    dry_run = given.pop("dry_run", False)
    try:
        with shown_phases() as progress:
            options = ReconstructOptions(**given, progress=progress)
            written = reconstruct_somehow(
                place, target, options, command=command, told=say_outlook, dry_run=dry_run
            )
    except KeyboardInterrupt:
        if not dry_run:
            say(f"{target}: not complete; the same command goes on where it stopped", err=True)
        raise
    if dry_run:
        say_progress("nothing is written, as this is a dry run")
    elif isinstance(written, PartDone):
        say_part(written)
    elif written.pieces is not None:
        say_prepared(written.pieces)
    else:
        say(written.output)
        say_written(written)
