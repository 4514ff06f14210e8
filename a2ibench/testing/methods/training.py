"""How a training reports, how long it takes, whether it can be stopped, and whether anything is learnt."""

from __future__ import annotations

import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Budget, Progress
from a2ibench.protocol.intensity import normalise
from a2ibench.protocol.resample import interpolate
from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.methods.results import ASSERTED, FAINT
from a2ibench.testing.methods.trial import (
    BASE,
    FRACTIONAL,
    LONGER,
    SPREAD,
    Case,
    Report,
    Run,
    Trial,
    grid_of,
    recorder,
)
from a2ibench.testing.methods.weights import alter_weights
from a2ibench.testing.volumes import Floats, best_orientation, levels_apart, scene

FIT = "fit"
NO_TRAINING = "the method says trains = False: its weights come with it"
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
    _training_only(run)
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
    "stop after ctx.budget.steps steps, or ctx.budget.seconds seconds, and report that number as the total; "
    "where fit trains nothing, say trains = False, and let no result depend on the budget or on fit's volume",
)
def _budget(trial: Trial) -> None:
    run = trial.need(BASE)
    if not trains(run):
        _check_untrained(trial)
        return
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


def _check_untrained(trial: Trial) -> None:
    run, start = trial.need(FRACTIONAL), trial.need(START)
    apart = levels_apart(run.output, start.output)
    if apart > max(ROUNDING, SPREAD[trial.device]):
        raise CheckFailed(
            f"trains is False, but with budgets of {START.steps} and {run.case.steps} steps results are "
            f"{apart:.2g} grey levels apart"
        )
    if _depends_on_volume(trial, run):
        raise CheckFailed("trains is False, but the result depends on the volume that fit was shown")


def _training_only(run: Run) -> None:
    if not trains(run):
        raise CheckSkipped(NO_TRAINING)


def trains(run: Run) -> bool:
    """Whether a method learns in `fit`, as all do that do not say otherwise."""
    return bool(getattr(run.method, "trains", True))


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


ROUNDING: Final = 0.02
"""Grey levels of 255 that two results may differ by without one of them having learnt anything."""
GAIN: Final = 0.05
"""Decibels. In as many steps the networks that a2ibench ships gain several tenths."""
START: Final = replace(FRACTIONAL, owner="training-beats-its-start", steps=1)
_WIDEST = 3.0


@rule(
    "The result depends on the weights in the checkpoint",
    "restore the weights in load, and let what the network computes reach the result, at its full weight",
)
def _depends_on_weights(trial: Trial) -> None:
    run = _learned(trial, trial.need(BASE))
    volume, _ = scene(BASE.ratio, BASE.shape)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            run.method.save(folder)
            restored = trial.build()
            restored.load(folder)
            same = trial.reconstruct(restored, volume)
        except Exception as error:
            raise CheckSkipped("needs a checkpoint that can be loaded, see checkpoint-restores") from error
        if levels_apart(same, run.output) > max(ROUNDING, SPREAD[trial.device]):
            raise CheckSkipped("needs a checkpoint that restores the result, see checkpoint-restores")
        if not alter_weights(folder):
            _differs_by_training(trial)
            return
        other = trial.build()
        try:
            other.load(folder)
            changed = np.asarray(other.reconstruct(volume, grid_of(volume), trial.context()))
        except Exception:
            # A checkpoint that knows its own checksum refuses to be altered.
            _differs_by_training(trial)
            return
    apart = levels_apart(changed, same) if changed.shape == same.shape else math.inf
    # What is no longer finite has changed.
    if apart <= max(ROUNDING, SPREAD[trial.device]):
        raise CheckFailed(
            "with every weight of the checkpoint altered by half, the reconstruction is the same "
            f"({apart:.2g} grey levels apart): no weight reaches the result"
        )


@rule(
    "Training makes the result better than it was at the start",
    "let the optimizer change the weights that the result is made with, at a learning rate above 0, "
    "towards the volume's own patches; a loss that falls is not enough if reconstruct uses something else",
)
def _training_beats_its_start(trial: Trial) -> None:
    run = _learned(trial, trial.need(FRACTIONAL))
    _training_only(run)
    start = trial.attempt(START)
    if _psnr(run) < _psnr(start) + GAIN:
        run = trial.attempt(replace(START, steps=LONGER))
    before, after = _psnr(start), _psnr(run)
    if after >= before + GAIN:
        return
    _comparable(run, start)
    if _same(trial, run.output, start.output) and not _depends_on_volume(trial, run):
        raise CheckFailed(
            f"trained for 1 step and for {run.case.steps}, on this volume and on another, it gives the same "
            "result: nothing is learnt"
        )
    # What is found in one step, such as a least squares fit, is good from the start.
    cubic = _cubic(run.case)
    if after < cubic + GAIN:
        raise CheckFailed(
            f"after 1 step the result has {before:.2f} dB PSNR, after {run.case.steps} it has {after:.2f}; "
            f"cubic interpolation has {cubic:.2f} dB"
        )


def _learned(trial: Trial, run: Run) -> Run:
    """Return a run of a method that has something to learn, and skip the check for one that has not."""
    if run.fit_reports or trial.learns(run) or any(_networks(run.method)) or _counted(run.method):
        return run
    raise CheckSkipped("nothing is trained: the checkpoint is empty and fit reports nothing")


def _comparable(run: Run, start: Run) -> None:
    """Skip the check where another fault, which another check tells, explains that nothing is gained."""
    best, score = best_orientation(run.output, run.truth)
    if best != ASSERTED or score < FAINT:
        raise CheckSkipped("the result is unlike the volume, see axis-order")
    if np.abs(run.output).max() > _WIDEST:
        raise CheckSkipped("the result holds no intensities, see intensity-range")
    if any(report.phase == FIT and report.total > START.steps for report in start.fit_reports):
        raise CheckSkipped("the training does not keep to its budget, see budget")


def _networks(method: Any) -> Iterator[Any]:
    torch: Any = sys.modules.get("torch")
    if torch is not None:
        members = getattr(method, "__dict__", {}).values()
        yield from (member for member in members if isinstance(member, torch.nn.Module))


def _counted(method: Any) -> bool:
    with suppress(Exception):
        return int(method.parameters()) > 0
    return False


def _differs_by_training(trial: Trial) -> None:
    # Weights that cannot be altered from outside are altered by training them otherwise.
    first, second = trial.need(FRACTIONAL), trial.need(START)
    if _same(trial, first.output, second.output) and not _depends_on_volume(trial, first):
        raise CheckFailed(
            f"trained for {START.steps} step and for {first.case.steps}, on this volume and on another, it "
            "gives the same result: no weight reaches the result"
        )


def _depends_on_volume(trial: Trial, run: Run) -> bool:
    volume, _ = scene(run.case.ratio, run.case.shape)
    other, _ = scene(run.case.ratio, run.case.shape, seed=1)
    elsewhere = trial.build()
    elsewhere.fit(other, trial.context(run.case.steps))
    return not _same(trial, trial.reconstruct(elsewhere, volume), run.output)


def _same(trial: Trial, *outputs: Any) -> bool:
    # The means of slices may be taken from the volume without learning anything.
    apart = levels_apart(*(output - output.mean((1, 2), keepdims=True) for output in outputs))
    return apart <= max(ROUNDING, SPREAD[trial.device])


def _psnr(run: Run) -> float:
    return _decibels(run.output, run.truth)


def _cubic(case: Case) -> float:
    volume, truth = scene(case.ratio, case.shape)
    return _decibels(interpolate(normalise(volume.data, volume), grid_of(volume)), truth)


def _decibels(result: Floats, truth: NDArray[np.float32]) -> float:
    error = float(np.mean((result.astype(np.float64) - truth) ** 2))
    return -10 * math.log10(error) if error > 0 else math.inf


RULES = (_progress, _budget, _cancellation, _depends_on_weights, _training_beats_its_start)
