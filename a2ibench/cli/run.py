"""The command ``a2ibench run``, and the plan that its ``--dry-run`` shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from a2ibench.bench.options import COMMAND_ONLY, RunOptions, asks_for_jobs, check_option
from a2ibench.cli.errors import ExitCode, say, say_error, say_progress
from a2ibench.cli.options import takes
from a2ibench.cli.progress import duration, shown_events, shown_messages
from a2ibench.cli.runs import follow
from a2ibench.cli.step_summary import add_step_summary
from a2ibench.cli.table import columns, terminal_width
from a2ibench.errors import InputError, printable

if TYPE_CHECKING:
    from a2ibench.bench.benchmark import Results
    from a2ibench.bench.forecast import Forecast, Foreseen
    from a2ibench.bench.plan import Plan

_HEADER = ("dataset", "method", "seed", "action", "time", "why")


def show_forecast(forecast: Forecast, as_json: bool) -> None:
    """Write to stdout what a run would do."""
    if as_json:
        typer.echo(json.dumps(forecast.to_dict(), indent=2))
    else:
        typer.echo("\n".join(map(printable, _lines(forecast))))


def _lines(forecast: Forecast) -> Iterator[str]:
    for name, text in _options(forecast.plan) if forecast.jobs else ():
        yield printable(f"{name.ljust(10)} {text}")
    yield printable(f"{'folder'.ljust(10)} {forecast.folder} ({forecast.state})")
    yield ""
    rows = [
        (one.job.dataset.name, one.job.method, str(one.job.seed), one.action, _time(one), _why(one))
        for one in forecast.jobs
    ]
    rows += [(one.dataset, one.method, str(one.seed), one.action, "", one.reason) for one in forecast.others]
    yield from columns(_HEADER, rows, terminal_width()).splitlines()
    yield ""
    counted = ", ".join(f"{number} to {action}" for action, number in forecast.counts.items() if number)
    yield f"{_jobs(len(rows))}: {counted}"
    yield f"estimated time: {_total(forecast)}"


def _options(plan: Plan) -> Iterator[tuple[str, str]]:
    yield "profile", plan.profile
    yield "device", f"{plan.device}, precision {plan.precision}"
    yield "budget", str(plan.jobs()[0].budget)
    yield (
        "executor",
        plan.executor if plan.timeout is None else f"{plan.executor}, at most {plan.timeout:g} s a job",
    )
    settings = [f"{m}.{key}={value}" for m, values in plan.settings.items() for key, value in values.items()]
    if settings:
        yield "settings", " ".join(settings)


def _time(foreseen: Foreseen) -> str:
    if foreseen.estimate is not None:
        return duration(foreseen.estimate.seconds)
    return "unknown" if foreseen.action in ("run", "retry") else ""


def _why(foreseen: Foreseen) -> str:
    estimate = foreseen.estimate
    if estimate is None:
        return foreseen.reason
    source = f"time {'scaled from' if estimate.scaled else 'of'} {estimate.source}"
    return f"{foreseen.reason}; {source}" if foreseen.reason else source


def _total(forecast: Forecast) -> str:
    if all(one.action == "keep" for one in forecast.jobs):
        return "none, since nothing is left to do"
    if forecast.seconds is None:
        return "unknown; no earlier record of the same method, settings, profile, device and machine"
    known = duration(forecast.seconds)
    return f"{known}, and {_jobs(forecast.unknown)} of unknown time" if forecast.unknown else known


def _jobs(number: int) -> str:
    return "1 job" if number == 1 else f"{number} jobs"


@takes(RunOptions, **COMMAND_ONLY)
def run(
    given: dict[str, Any],
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="A run file (TOML) with these options; the command line goes before it."
        ),
    ] = None,
) -> None:
    """Run methods on datasets, and write records, tables, timing and figures.

    The same command again continues the same run: finished jobs are kept, failed ones are tried again. One
    with further methods, datasets or seeds and the same --out adds rows to it.

    Exit codes: 0 all well, skipped jobs included; 2 bad input; 3 some jobs or reports failed;
    130 interrupted.
    """
    from a2ibench.bench.benchmark import carry_out
    from a2ibench.bench.plan import plan_run

    dry_run, as_json, followed = (given.pop(name, False) for name in ("dry_run", "json", "follow"))
    if followed:
        if given or file is not None or dry_run or as_json:
            raise InputError("--follow: shows a run that another command started; leave other options out")
        follow(followed)
        return
    if as_json and not dry_run:
        raise InputError("--json: shows a plan; add --dry-run, or read the records of a finished run")
    options = _with_file(file, given)
    with shown_messages():
        plan, out = plan_run(options), check_option("out", options)
    _mention_plugins()
    if dry_run:
        _foretell(plan, out, options, as_json)
        return
    begun = partial(_say_opening, plan)
    with shown_messages(), shown_events() as events:
        results = carry_out(options, plan, events=events, begun=begun)
    _show(results)
    add_step_summary(lambda: _summary(results))
    if results.interrupted:
        typer.echo("finished jobs are kept; the same command continues", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED)
    if results.failed:
        raise typer.Exit(ExitCode.SOME_FAILED)


def _say_opening(plan: Plan, folder: Path) -> None:
    parts = ((plan.datasets, "dataset"), (plan.methods, "method"), (plan.seeds, "seed"))
    product = " x ".join(f"{len(some)} {name}{'s' * (len(some) != 1)}" for some, name in parts)
    jobs = _jobs(len(plan.jobs()))
    say_progress(f"{jobs} ({product}) on {plan.device}, profile {plan.profile}, into {folder}")


def _with_file(file: Path | None, given: dict[str, Any]) -> RunOptions:
    if file is None:
        return RunOptions(**given)
    from a2ibench.bench.run_file import combined_options, read_run_file

    return combined_options(read_run_file(file), given)


def _foretell(plan: Plan, out: Path | None, options: RunOptions, as_json: bool) -> None:
    from a2ibench.bench.forecast import forecast

    remove = check_option("remove", options)
    runs = asks_for_jobs(options) or not remove
    show_forecast(forecast(plan, out, options.fresh, remove, runs=runs), as_json)


def _mention_plugins() -> None:
    from a2ibench.registry import host

    for plugin in host().plugins:
        if plugin.disabled:
            say(f"a2ibench: {plugin} is disabled", err=True)
        elif plugin.error:
            say(f"a2ibench: {plugin} failed: {plugin.error}; see a2ibench doctor", err=True)


def _show(results: Results) -> None:
    from a2ibench.cli.table import show_table
    from a2ibench.reporting.tables import console_table

    if results.run.records:
        show_table(console_table(results.run))
    for path in (results.run.folder, *results.written):
        say(path)
    for problem in results.problems:
        say_error(problem)


def _summary(results: Results) -> str:
    from a2ibench.reporting.step_summary import run_summary

    return run_summary(results.run, results.problems)
