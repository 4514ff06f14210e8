"""The command ``a2ibench run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2ibench.cli.codes import ExitCode
from a2ibench.cli.display import shown_events
from a2ibench.cli.errors import say, say_error
from a2ibench.cli.options import Catalogue, option
from a2ibench.errors import InputError

if TYPE_CHECKING:
    from a2ibench.bench.plan import Plan
    from a2ibench.running import Results


def run(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="A run file (TOML) with these options; the command line goes before it."
        ),
    ] = None,
    methods: Annotated[str | None, option("all|A,B", "Methods to compare; all by default.")] = None,
    datasets: Annotated[
        str | None, option("all|D1,D2", "Datasets; by default every one that needs no download.")
    ] = None,
    catalogue: Catalogue = None,
    profile: Annotated[
        str | None,
        option("smoke|quick|full", "Network size and training; full by default with a GPU, else quick."),
    ] = None,
    seeds: Annotated[int | None, option("N", "Repeat each job with seeds 0 to N-1; 1 by default.")] = None,
    device: Annotated[str | None, option("auto|cpu|cuda", "Where methods run; auto by default.")] = None,
    precision: Annotated[str | None, option("auto|fp32|bf16", "Of networks; auto by default.")] = None,
    budget: Annotated[
        str | None, option("2000steps|300s", "Training of each learned method, instead of the profile's.")
    ] = None,
    executor: Annotated[
        str | None, option("process|inline", "A process for each job (the default), or all in this one.")
    ] = None,
    settings: Annotated[
        list[str] | None, option("METHOD.KEY=VALUE", "Change a setting of a method; repeatable.", "--set")
    ] = None,
    timeout: Annotated[float | None, option("SECONDS", "Stop a job that takes longer.")] = None,
    out: Annotated[
        Path | None, option("DIR", "Folder of this run; by default one in reports/ named after the options.")
    ] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over; keep the earlier run as DIR.1.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be done and how long it may take; do nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: print JSON.")] = False,
) -> None:
    """Run methods on datasets, and write records, tables, timing and figures.

    The same command again continues the same run: finished jobs are kept, failed ones are tried again.

    Exit codes: 0 all well, skipped jobs included; 2 bad input; 3 some jobs or reports failed;
    130 interrupted.
    """
    from a2ibench.bench.plan import plan_run
    from a2ibench.running import benchmark

    if as_json and not dry_run:
        raise InputError("--json: shows a plan; add --dry-run, or read the records of a finished run")
    given = {
        "methods": methods,
        "datasets": datasets,
        "catalogue": catalogue,
        "profile": profile,
        "seeds": seeds,
        "device": device,
        "precision": precision,
        "budget": budget,
        "executor": executor,
        "settings": settings,
        "timeout": timeout,
        "out": out,
    }
    options = _with_file(file, {name: value for name, value in given.items() if value is not None})
    out = options.pop("out", None)
    plan = plan_run(**options)
    _mention_plugins()
    if dry_run:
        _foretell(plan, out, fresh, as_json)
        return
    with shown_events() as events:
        results = benchmark(plan, out=out, fresh=fresh, events=events)
    _show(results)
    if results.interrupted:
        typer.echo("finished jobs are kept; the same command continues", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED)
    if results.failed:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _with_file(file: Path | None, given: dict[str, Any]) -> dict[str, Any]:
    if file is None:
        return given
    from a2ibench.bench.run_options import combined_options
    from a2ibench.bench.runfile import read_run_file

    return combined_options(read_run_file(file), given)


def _foretell(plan: Plan, out: Path | None, fresh: bool, as_json: bool) -> None:
    from a2ibench.bench.forecast import forecast
    from a2ibench.cli.dry_run import show_forecast

    show_forecast(forecast(plan, out, fresh), as_json)


def _mention_plugins() -> None:
    from a2ibench.plugins import host

    for plugin in host().plugins:
        if plugin.disabled:
            say(f"a2ibench: {plugin} is disabled", err=True)
        elif plugin.error:
            say(f"a2ibench: {plugin} failed: {plugin.error}; see a2ibench doctor", err=True)


def _show(results: Results) -> None:
    from a2ibench.cli.table import show_table
    from a2ibench.reporting.tables import console_table

    if results.records:
        show_table(console_table(results.records, results.folder))
    for path in (results.folder, *results.written):
        say(path)
    for problem in results.problems:
        say_error(problem)
