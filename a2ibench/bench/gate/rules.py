"""When a number has become worse: the rules for scores, times, resources, and jobs that are gone."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from a2ibench.bench.gate.limits import Limit
from a2ibench.bench.gate.outcome import Outcome
from a2ibench.bench.record import FINISHED, Calibration
from a2ibench.errors import one_line

Kind = Literal["metric", "time", "resource", "job"]
Verdict = Literal["worse", "unknown", "better", "within", "note"]


@dataclass(frozen=True)
class Difference:
    """One number, or one job, of a run beside its baseline.

    Parameters
    ----------
    dataset, method : str
        Names.
    subject : str
        A metric, a phase, a resource such as ``"params"``, or a job as ``"seed 0"``.
    kind : {"metric", "time", "resource", "job"}
        What the subject is.
    verdict : {"worse", "unknown", "better", "within", "note"}
        Whether it changed by more than its limit and which way. Unknown is what has a limit that somebody
        gave and could not be compared; a note has no limit.
    text : str
        One line for people, without dataset and method.
    baseline, run : float or None
        The two values. Times are multiples of the calibration.
    change : float or None
        Of a metric the difference, of a time and a resource the ratio.
    limit : float or None
        What the change may be.
    excess : float
        How bad it is: above 1 it is worse than its limit, below 0 it improved.
    guards : bool
        Whether the limit is small enough to notice a network that learns nothing.
    stated : bool
        Whether somebody gave the limit, in a file or on the command line.
    """

    dataset: str
    method: str
    subject: str
    kind: Kind
    verdict: Verdict
    text: str
    baseline: float | None = None
    run: float | None = None
    change: float | None = None
    limit: float | None = None
    excess: float = 0.0
    guards: bool = True
    stated: bool = False

    @property
    def compared(self) -> bool:
        """Whether a value was held against a limit that a bad one would not have kept."""
        if self.limit is None or not math.isfinite(self.limit):
            return False
        return self.verdict == "worse" or (self.verdict in ("better", "within") and self.guards)

    @property
    def failed(self) -> bool:
        """Whether a comparison with it does not pass."""
        return self.verdict in ("worse", "unknown")

    def to_dict(self) -> dict[str, Any]:
        """Return every field."""
        return asdict(self)


LEAST_SECONDS = 1.0
"""Shorter phases are left alone: what they take is mostly the noise of their start."""

_LONGEST = 80
_ROUNDING = 1e-12
_TICK = 1e-6


def judge_score(
    dataset: str,
    method: str,
    metric: str,
    old: Sequence[float],
    new: Sequence[float],
    higher_is_better: bool | None,
    limit: Limit,
) -> Difference:
    """Compare the means over the same seeds.

    Parameters
    ----------
    old, new : sequence of float
        Of the baseline and the run; plus infinity where a metric has no bound.
    higher_is_better : bool or None
        None where that is not known; then there is no limit either.
    limit : Limit
        How much the mean may lose.
    """
    there, here = mean(old), mean(new)
    change = 0.0 if there == here else here - there
    values = f"{one_line(metric, _LONGEST)} {there:.6g} -> {here:.6g}"
    if limit.value is None or higher_is_better is None:
        text = f"{values}; it has no limit"
        return Difference(dataset, method, metric, "metric", "note", text, there, here, change)
    loss = -change if higher_is_better else change
    slack = _ROUNDING * max(abs(there), abs(here)) if math.isfinite(change) else 0.0
    verdict = _verdict(loss, limit.value + slack)
    way = "unchanged" if change == 0 else f"{'up' if change > 0 else 'down'} {abs(change):.3g}"
    text = f"{values}: {way}, {limit.value:.4g} allowed{limit.reason}"
    excess = _excess(loss, limit.value)
    return Difference(
        *(dataset, method, metric, "metric", verdict, text, there, here, change, limit.value, excess),
        guards=limit.guards,
        stated=limit.stated,
    )


def mean(values: Sequence[float]) -> float:
    """Return the mean, also of numbers whose sum is too large for one."""
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)


def judge_time(
    dataset: str,
    method: str,
    phase: str,
    pairs: Sequence[tuple[Outcome, Outcome]],
    limit: float,
    stated: bool = False,
) -> Difference | None:
    """Compare a phase's times as multiples of the calibration of their own job.

    Parameters
    ----------
    pairs : sequence of (Outcome, Outcome)
        Baseline and run by seed, all with comparable calibrations; the median over the seeds counts.
    limit : float
        Allowed ratio.
    stated : bool
        Whether somebody gave the limit.

    Returns
    -------
    Difference or None
        None where the phase is missing, or shorter than `LEAST_SECONDS` on both sides.
    """
    timed = [
        (old, new)
        for old, new in pairs
        if phase in old.timings
        and phase in new.timings
        and max(old.timings[phase], new.timings[phase]) >= LEAST_SECONDS
    ]
    if not timed:
        return None
    there, here = (
        statistics.median(pair[side].timings[phase] / calibration_of(pair[side]).seconds for pair in timed)
        for side in (0, 1)
    )
    ratio = statistics.median(_slowdown(old, new, phase) for old, new in timed)
    loss, bound = _log(ratio), math.log(limit)
    verdict = _verdict(loss, bound + _ROUNDING)
    text = f"{phase} takes {ratio:.3g} times as long relative to the calibration, {limit:g} allowed"
    return Difference(
        *(dataset, method, phase, "time", verdict, text, there, here, ratio, limit, _excess(loss, bound)),
        stated=stated,
    )


def judge_ratio(
    dataset: str,
    method: str,
    subject: str,
    old: Sequence[float],
    new: Sequence[float],
    limit: float,
    slack: float = 0.0,
    stated: bool = False,
) -> Difference:
    """Compare the medians of what a job needs over the same seeds; less is better.

    Parameters
    ----------
    old, new : sequence of float
        Of the baseline and the run, at least 0.
    limit : float
        Allowed ratio.
    slack : float
        A change of no more than this is within every limit.
    stated : bool
        Whether somebody gave the limit.
    """
    there, here = statistics.median(old), statistics.median(new)
    ratio = 1.0 if there == here else here / there if there else math.inf
    loss, bound = _log(ratio), math.log(limit)
    verdict = "within" if abs(here - there) <= slack else _verdict(loss, bound + _ROUNDING)
    text = f"{subject} {there:.6g} -> {here:.6g}: {ratio:.3g} times as much, {limit:g} allowed"
    if verdict == "within":
        # What the slack allows is no excess.
        loss = min(max(loss, -bound), bound)
    return Difference(
        *(dataset, method, subject, "resource", verdict, text, there, here, ratio, limit),
        _excess(loss, bound),
        stated=stated,
    )


def calibration_of(outcome: Outcome) -> Calibration:
    """Return the calibration of a job that has one.

    Raises
    ------
    ValueError
        If it has none.
    """
    if outcome.calibration is None:
        raise ValueError("the times of a job without calibration cannot be compared")
    return outcome.calibration


def judge_job(old: Outcome | None, new: Outcome | None) -> Difference | None:
    """Compare what became of a job; None where it ended in the same way.

    A job that had finished and now is gone or failed is worse, and so is one that had a result and is
    skipped. One that had failed before may be gone, and a new one may do what it likes.
    """
    if old is None or new is None:
        found = new or old
        if found is None:
            return None
        if old is None:
            return _job(found, "note", f"new, {found.status}; the baseline has no such job")
        if old.status in FINISHED:
            return _job(found, "worse", f"missing; the baseline has it, {old.status}")
        return _job(found, "note", f"missing; in the baseline it ended as {old.status}")
    text = f"{new.status}, was {old.status}"
    if old.status == new.status:
        return None if new.status in FINISHED else _job(new, "note", f"{new.status} on both sides")
    if new.ok or (new.status in FINISHED and not old.ok):
        return _job(new, "better", text)
    return _job(new, "worse" if old.status in FINISHED else "note", text)


def judge_failed_metric(old: Outcome, new: Outcome, metric: str) -> Difference | None:
    """Compare what became of a metric of two jobs that are ok; None where both have its value.

    A metric that the baseline has is worse where it failed or is gone. One that failed there, too, is a
    note, and so is a new one that fails.
    """
    subject = f"{one_line(metric, _LONGEST)} of seed {new.seed}"
    there, here = old.metric_errors.get(metric), new.metric_errors.get(metric)
    if metric in new.metrics:
        text = f"{subject} has a value; in the baseline it failed"
        return None if there is None or metric in old.metrics else _metric(new, subject, "better", text)
    if metric in old.metrics:
        what = "is missing" if here is None else f"failed ({here})"
        return _metric(new, subject, "worse", f"{subject} {what}; the baseline has it")
    if there is not None:
        what = "is missing" if here is None else f"failed ({here})"
        return _metric(new, subject, "note", f"{subject} {what}; in the baseline it failed, too")
    return _metric(new, subject, "note", f"{subject} failed ({here}); the baseline does not have it")


def _metric(outcome: Outcome, subject: str, verdict: Verdict, text: str) -> Difference:
    excess = {"worse": math.inf, "better": -math.inf}.get(verdict, 0.0)
    return Difference(outcome.dataset, outcome.method, subject, "metric", verdict, text, excess=excess)


def _job(outcome: Outcome, verdict: Verdict, text: str) -> Difference:
    excess = {"worse": math.inf, "better": -math.inf}.get(verdict, 0.0)
    return Difference(
        outcome.dataset, outcome.method, f"seed {outcome.seed}", "job", verdict, text, excess=excess
    )


def _slowdown(old: Outcome, new: Outcome, phase: str) -> float:
    then, now = calibration_of(old), calibration_of(new)
    # Beside the wide computation the job may seem slower than it is because of fewer threads, beside the
    # serial one because of more; and a short phase because of its start. The mildest of them is certain.
    speeds = then.seconds / now.seconds, then.serial_seconds / now.serial_seconds
    seconds = old.timings[phase], new.timings[phase]
    ratios = [
        max(seconds[1], least) / max(seconds[0], least) * speed
        for speed in speeds
        for least in (LEAST_SECONDS, _TICK)
    ]
    if min(ratios) < 1 < max(ratios):
        return 1.0
    return min(ratios, key=lambda ratio: abs(_log(ratio)))


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -math.inf


def _verdict(loss: float, limit: float) -> Verdict:
    if loss > limit:
        return "worse"
    return "better" if -loss > limit else "within"


def _excess(loss: float, limit: float) -> float:
    if loss == 0 or math.isinf(limit):
        return 0.0
    return loss / limit if limit > 0 else math.copysign(math.inf, loss)
