"""How a training reports, how long it takes, and whether it can be stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import suppress
from numbers import Real
from typing import Any

from a2ibench.contracts import Budget, Progress
from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.methods.trial import BASE, Report, Run, Trial, grid_of, recorder
from a2ibench.testing.volumes import scene

FIT = "fit"
OTHER_BUDGET = 9
SECONDS, GRACE, PATIENCE = 1.0, 15.0, 10
LONG = 200


class StopError(Exception):
    """Raised by a progress to stop a training."""


class OverrunError(Exception):
    """Raised by a progress to end a training that goes on past its budget."""


@rule(
    "A training reports its progress, up to its end",
    'call ctx.progress("fit", step, total, loss=loss) now and then, and at the end with step == total',
)
def _progress(trial: Trial) -> None:
    run = trial.need(BASE)
    if _needs_no_training(trial, run):
        raise CheckSkipped("nothing is trained: the checkpoint is empty and fit reports nothing")
    told = [report for report in run.fit_reports if report.phase == FIT]
    if not told:
        phases = ", ".join(sorted({repr(report.phase) for report in run.fit_reports}))
        raise CheckFailed(
            "fit never called ctx.progress('fit', ...)" + (f", only {phases}" if phases else "")
        )
    for reports in (run.fit_reports, run.reconstruct_reports):
        _check_reports(reports)
    if told[-1].done != told[-1].total:
        raise CheckFailed(f"the last report of fit is {told[-1].done} of {told[-1].total}")


@rule(
    "A training keeps to its budget of steps or of seconds",
    "stop after ctx.budget.steps steps, or ctx.budget.seconds seconds, and report that number as the total",
)
def _budget(trial: Trial) -> None:
    run = trial.need(BASE)
    if not any(report.phase == FIT for report in run.fit_reports):
        raise CheckSkipped("fit reports no progress that would tell its steps")
    other: list[Report] = []
    _fit(trial, Budget(steps=OTHER_BUDGET), recorder(other))
    for steps, reports in ((BASE.steps, run.fit_reports), (OTHER_BUDGET, other)):
        last = next((report for report in reversed(reports) if report.phase == FIT), None)
        if last is None:
            raise CheckFailed(f"with a budget of {steps} steps fit reports nothing")
        if last.total != steps or last.done > steps:
            raise CheckFailed(f"with a budget of {steps} steps fit reports {last.done} of {last.total}")
    _check_seconds(trial)


@rule(
    "An exception raised by ctx.progress stops fit and reconstruct at once",
    "let every exception that ctx.progress raises pass: catch none around it, or raise it again",
)
def _cancellation(trial: Trial) -> None:
    run = trial.need(BASE)
    if not run.fit_reports and not run.reconstruct_reports:
        raise CheckSkipped("neither fit nor reconstruct reports progress, so nothing can stop them")
    volume, _ = scene(BASE.ratio, BASE.shape)

    def fit(told: Progress) -> None:
        _fit(trial, Budget(steps=LONG), told)

    def reconstruct(told: Progress) -> None:
        run.method.reconstruct(volume, grid_of(volume), trial.context(progress=told))

    for stop in (StopError("stop"), KeyboardInterrupt("stop")):
        if run.fit_reports:
            _check_stops("fit", fit, stop)
        if run.reconstruct_reports:
            _check_stops("reconstruct", reconstruct, stop)


def _needs_no_training(trial: Trial, run: Run) -> bool:
    return not run.fit_reports and not trial.learns(run)


def _fit(trial: Trial, allowed: Budget, told: Progress) -> None:
    volume, _ = scene(BASE.ratio, BASE.shape)
    trial.build().fit(volume, trial.context(allowed, told))


def _check_reports(reports: list[Report]) -> None:
    before: dict[str, float] = {}
    for report in reports:
        shown = f"({report.phase!r}, {report.done!r}, {report.total!r})"
        numbers = [report.done, report.total, *report.values.values()]
        if not isinstance(report.phase, str) or not all(map(_real, numbers)):
            raise CheckFailed(
                f"progress {shown} {report.values or ''}: give a phase as text, and real numbers"
            )
        if not (0 <= report.done <= report.total and math.isfinite(report.total)):
            raise CheckFailed(f"progress {shown}: done is not between 0 and the total")
        if report.done < before.get(report.phase, 0):
            raise CheckFailed(f"progress {shown}: {before[report.phase]} were done before")
        before[report.phase] = report.done


def _real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _check_seconds(trial: Trial) -> None:
    wall, processor = time.perf_counter(), time.process_time()

    def over() -> bool:
        # On a machine that is busy with other things the processor's time tells more.
        passed = time.perf_counter() - wall
        worked = time.process_time() - processor
        return min(passed, worked) > SECONDS + GRACE or passed > PATIENCE * (SECONDS + GRACE)

    def told(phase: str, done: float, total: float, **values: float) -> None:
        if over():
            raise OverrunError

    with suppress(OverrunError):
        _fit(trial, Budget(seconds=SECONDS), told)
    if over():
        raise CheckFailed(f"with a budget of {SECONDS:g} s fit went on for more than {SECONDS + GRACE:g} s")


def _check_stops(name: str, act: Callable[[Progress], None], stop: BaseException) -> None:
    calls = 0

    def told(phase: str, done: float, total: float, **values: float) -> None:
        nonlocal calls
        calls += 1
        raise stop

    kind = type(stop).__name__
    try:
        act(told)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt) and not isinstance(stop, KeyboardInterrupt):
            raise
        if calls and type(error) is not type(stop):
            raise CheckFailed(
                f"{name} raised {type(error).__name__} where ctx.progress had raised {kind}"
            ) from error
        if not calls:
            raise
    else:
        if calls:
            raise CheckFailed(f"{name} went on after ctx.progress had raised {kind}")
    if calls > 1:
        raise CheckFailed(f"{name} called ctx.progress {calls - 1} times after it had raised {kind}")


RULES = (_progress, _budget, _cancellation)
