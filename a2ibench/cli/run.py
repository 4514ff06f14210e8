"""The command ``a2ibench run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2ibench.cli.codes import ExitCode
from a2ibench.cli.display import shown_events
from a2ibench.cli.errors import say_error
from a2ibench.cli.options import Catalogue, option

if TYPE_CHECKING:
    from a2ibench.running import Results


def run(
    methods: Annotated[str, option("all|A,B", "Methods to compare; all by default.")] = "all",
    datasets: Annotated[
        str | None, option("all|D1,D2", "Datasets; by default every one that needs no download.")
    ] = None,
    catalogue: Catalogue = None,
    profile: Annotated[
        str | None,
        option("smoke|quick|full", "Network size and training; full by default with a GPU, else quick."),
    ] = None,
    seeds: Annotated[int, option("N", "Repeat each job with seeds 0 to N-1; 1 by default.")] = 1,
    device: Annotated[str, option("auto|cpu|cuda", "Where methods run; auto by default.")] = "auto",
    precision: Annotated[str, option("auto|fp32|bf16", "Of networks; auto by default.")] = "auto",
    budget: Annotated[
        str | None, option("2000steps|300s", "Training of each learned method, instead of the profile's.")
    ] = None,
    executor: Annotated[
        str, option("process|inline", "A process for each job (the default), or all in this one.")
    ] = "process",
    settings: Annotated[
        list[str] | None, option("METHOD.KEY=VALUE", "Change a setting of a method; repeatable.", "--set")
    ] = None,
    timeout: Annotated[float | None, option("SECONDS", "Stop a job that takes longer.")] = None,
    out: Annotated[
        Path | None, option("DIR", "Folder of this run; by default one in reports/ named after the options.")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over instead of continuing a run.")] = False,
) -> None:
    """Run methods on datasets, and write records, tables, timing and figures.

    The same command again continues the same run: finished jobs are kept, failed ones are tried again.

    Exit codes: 0 all well, skipped jobs included; 2 bad input; 3 some jobs or reports failed;
    130 interrupted.
    """
    from a2ibench.bench.plan import plan_run
    from a2ibench.running import benchmark

    plan = plan_run(
        methods,
        datasets,
        catalogue=catalogue,
        profile=profile,
        seeds=seeds,
        device=device,
        precision=precision,
        budget=budget,
        settings=settings or (),
        timeout=timeout,
        executor=executor,
    )
    _mention_plugins()
    with shown_events() as events:
        results = benchmark(plan, out=out, fresh=fresh, events=events)
    _show(results)
    if results.interrupted:
        typer.echo("finished jobs are kept; the same command continues", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED)
    if results.failed:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _mention_plugins() -> None:
    from a2ibench.plugins import host

    for plugin in host().plugins:
        if plugin.disabled:
            typer.echo(f"a2ibench: {plugin} is disabled", err=True)
        elif plugin.error:
            typer.echo(f"a2ibench: {plugin} failed: {plugin.error}; see a2ibench doctor", err=True)


def _show(results: Results) -> None:
    from a2ibench.cli.table import show_table
    from a2ibench.reporting.tables import console_table

    if results.records:
        show_table(console_table(results.records, results.folder))
    for path in (results.folder, *results.written):
        typer.echo(path)
    for problem in results.problems:
        say_error(problem)
