"""The plan of a run, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from a2ibench.cli.columns import columns
from a2ibench.cli.messages import duration
from a2ibench.errors import printable

if TYPE_CHECKING:
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
    for name, text in _options(forecast.plan):
        yield printable(f"{name.ljust(10)} {text}")
    yield printable(f"{'folder'.ljust(10)} {forecast.folder} ({forecast.state})")
    yield ""
    rows = [
        (one.job.dataset.name, one.job.method, str(one.job.seed), one.action, _time(one), _why(one))
        for one in forecast.jobs
    ]
    yield from columns(_HEADER, rows).splitlines()
    yield ""
    counted = ", ".join(f"{number} to {action}" for action, number in forecast.counts.items() if number)
    yield f"{_jobs(len(forecast.jobs))}: {counted}"
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
