"""The command ``a2ibench plugin tune``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2ibench.bench.tuning_options import TuneOptions
from a2ibench.cli.errors import ExitCode, say, say_error, say_progress
from a2ibench.cli.options import takes
from a2ibench.cli.progress import shown_events
from a2ibench.cli.table import columns, terminal_width

if TYPE_CHECKING:
    from a2ibench.bench.executors.events import Events


@takes(TuneOptions)
def tune_method(
    given: dict[str, Any],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of a registered method.")],
) -> None:
    """Find the learning rate of a method, by the same grid, budget and volumes for every method.

    Tune on development volumes only, never on one that a table reports: of a catalogue of your own nobody
    else can know. The score is the PSNR above that of cubic interpolation, mean over datasets and seeds.
    The same command again goes on where it was stopped.

    Exit codes: 0 there is a best value, also where others diverged; 2 bad input; 3 a training failed, or
    diverged with every value; 130 interrupted.
    """
    from a2ibench.bench.tuning import FILE, plan_tuning, run_tuning
    from a2ibench.reporting.tuning import tuning_conclusions, tuning_headings, tuning_rows

    options = TuneOptions(name, **given)
    plan = plan_tuning(options)
    try:
        tuning = run_tuning(plan, fresh=options.fresh, watch=_watched)
    except KeyboardInterrupt:
        typer.echo("finished trainings are kept; the same command continues", err=True)
        raise
    typer.echo(columns(tuning_headings(tuning), tuning_rows(tuning), terminal_width()))
    for line in tuning_conclusions(tuning):
        say(line)
    say(tuning.folder / FILE)
    for problem in tuning.problems:
        say_error(problem)
    if tuning.failed:
        raise typer.Exit(ExitCode.SOME_FAILED)


@contextmanager
def _watched(name: str) -> Iterator[Events]:
    say_progress(f"{name}:")
    with shown_events() as events:
        yield events
