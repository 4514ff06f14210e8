"""The commands ``a2ibench simulate`` and ``a2ibench score``: volumes out of the bench, and into it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from a2ibench.bench.options import Option
from a2ibench.bench.volume_options import ScoreOptions, SimulateOptions
from a2ibench.cli.errors import ExitCode, say, say_error, say_progress
from a2ibench.cli.options import takes
from a2ibench.cli.progress import shown_messages

_REFERENCE = Option("Write also what it is scored against, as NAME-reference beside OUT.", type=bool)
_OVERWRITE = Option("Replace files of these names.", type=bool)
_JSON = Option("Print the record as JSON instead of a table.", type=bool)


@takes(SimulateOptions, reference=_REFERENCE, overwrite=_OVERWRITE)
def simulate_dataset(
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="Name of a dataset, or with --ratio the path of a stack.")
    ],
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="File to write: .ome.zarr, .zarr, .tif, .ome.tif, .h5 or .mrc."),
    ],
    given: dict[str, Any],
) -> None:
    """Write exactly what a method is handed of a dataset: the anisotropic input that is simulated of it.

    Exit codes: 0 written; 2 bad input, such as a dataset that simulates nothing.
    """
    from a2ibench.bench.export import write_simulated

    reference, overwrite = (given.pop(name, False) for name in ("reference", "overwrite"))
    with shown_messages():
        options = SimulateOptions(dataset, **given)
        written = write_simulated(options, out, reference=reference, overwrite=overwrite)
    for path in written:
        say(path)


@takes(ScoreOptions, json=_JSON)
def score_finished(
    volume: Annotated[
        str, typer.Argument(metavar="VOLUME", help="The finished volume, in any format that is read.")
    ],
    dataset: Annotated[
        str, typer.Argument(metavar="DATASET", help="The dataset that it is a reconstruction of.")
    ],
    given: dict[str, Any],
) -> None:
    """Check and score a volume that was reconstructed elsewhere, and enter it as a row of a run.

    Exit codes: 0 scored; 2 bad input, such as a volume of another grid, shifted or flipped; 3 a metric or a
    report failed.
    """
    from a2ibench.bench.entry import score_volume
    from a2ibench.cli.table import show_table
    from a2ibench.files import plain
    from a2ibench.reporting.tables import console_table

    as_json = given.pop("json", False)
    with shown_messages():
        scored = score_volume(ScoreOptions(volume, dataset, **given))
    if as_json:
        typer.echo(json.dumps(plain(scored.record.to_dict()), indent=2, allow_nan=False))
    else:
        show_table(console_table(scored.run))
    if "into" in given and not as_json:
        for path in (scored.run.folder, *scored.written):
            say(path)
    for problem in scored.problems:
        say_error(problem)
    if scored.problems or scored.record.metric_errors:
        for line in scored.record.failed_metrics:
            say_progress(line)
        raise typer.Exit(ExitCode.SOME_FAILED)
