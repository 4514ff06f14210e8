"""Compares the scores, times and needs of a method on a dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from a2ibench.bench.gate.limits import (
    CUBIC,
    MACS,
    MEMORY,
    PARAMS,
    RATIOS,
    SLOWDOWN,
    Limit,
    Thresholds,
    gain_over_cubic,
    is_learned,
    score_limit,
)
from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.bench.gate.rules import (
    LEAST_SECONDS,
    Difference,
    judge_failed_metric,
    judge_ratio,
    judge_score,
    judge_time,
)
from a2ibench.bench.record import BESIDE, Calibration
from a2ibench.errors import InputError, one_line


def compare_scores(
    pairs: Sequence[tuple[Outcome, Outcome]], baseline: RunOutcome, limits: Thresholds, notes: list[str]
) -> Iterator[Difference]:
    """Yield what became of every metric that the baseline has, or that failed.

    Parameters
    ----------
    pairs : sequence of (Outcome, Outcome)
        Of one dataset and method, by seed: baseline and run, both ok.
    baseline : RunOutcome
        Says whether higher is better, and what cubic came to.
    limits : Thresholds
        How much scores may lose.
    notes : list of str
        Is added to.

    Raises
    ------
    InputError
        If a metric has a limit and nobody knows whether higher is better.
    """
    dataset, method, _ = pairs[0][0].place
    learned = is_learned(pairs)
    for metric in sorted({name for pair in pairs for name in _named(pair)}):
        for old, new in pairs:
            failed = judge_failed_metric(old, new, metric) if metric in _named((old, new)) else None
            if failed is not None:
                yield failed
        both = [(old, new) for old, new in pairs if metric in old.metrics and metric in new.metrics]
        if not both:
            continue
        up = baseline.higher_is_better.get(metric)
        limit = Limit(None)
        # A ratio that a file limits is no metric, whatever a metric may be called.
        if metric not in RATIOS and limits.limit(dataset, method, metric) is not None:
            if up is None:
                raise InputError(
                    f"metric {one_line(metric)}: neither BASELINE nor a plugin tells whether higher is "
                    "better; install the metric's plugin"
                )
            gain = (
                None if method == CUBIC else gain_over_cubic([old for old, _ in both], metric, up, baseline)
            )
            if gain is None and learned:
                notes.append(
                    f"{dataset}: BASELINE has no {CUBIC} of these seeds, so limits are not held against "
                    "gains, and a network that learns nothing may pass"
                )
            limit = score_limit(dataset, method, metric, gain, learned, limits)
        values = [[outcome.metrics[metric].value for outcome in side] for side in zip(*both, strict=True)]
        yield judge_score(dataset, method, metric, values[0], values[1], up, limit)


def _named(pair: tuple[Outcome, Outcome]) -> set[str]:
    old, new = pair
    return {*old.metrics, *old.metric_errors, *new.metric_errors}


PHASES = ("fit", "reconstruct")
"""Phases whose time is a method's own."""

_THREADS = "threads"


def compare_times(
    pairs: Sequence[tuple[Outcome, Outcome]], limits: Thresholds, notes: list[str]
) -> Iterator[Difference]:
    """Yield what became of the times of `PHASES`.

    Times that cannot be compared are a note, and where somebody gave the limit a difference that does not
    pass.

    Parameters
    ----------
    pairs : sequence of (Outcome, Outcome)
        Of one dataset and method, by seed: baseline and run, both ok.
    limits : Thresholds
        The allowed ratio.
    notes : list of str
        Is added to.
    """
    dataset, method, _ = pairs[0][0].place
    limit = limits.limit(dataset, method, SLOWDOWN)
    if limit is None:
        return
    stated = limits.stated(dataset, method, SLOWDOWN) is not None
    asked = stated and math.isfinite(limit)
    found = [(pair, _time_obstacle(*pair, asked)) for pair in pairs]
    usable = [pair for pair, obstacle in found if obstacle is None]
    for obstacle in dict.fromkeys(obstacle for _, obstacle in found if obstacle is not None):
        text = f"times are not compared: {obstacle}"
        if asked:
            yield Difference(dataset, method, "times", "time", "unknown", text, limit=limit, stated=True)
        else:
            notes.append(f"{dataset} {method}: {text}")
    if any(old.information.get(_THREADS) != new.information.get(_THREADS) for old, new in usable):
        # No two computations divide among threads alike, so the calibration explains less then.
        limit = limit**2
    for phase in PHASES:
        if phase == "fit" and any(_trains_by_the_clock(new) for _, new in usable):
            notes.append(f"{dataset} {method}: times of fit are not compared: the budget is in seconds")
            continue
        difference = judge_time(dataset, method, phase, usable, limit, stated)
        if difference is not None:
            yield difference


def _time_obstacle(old: Outcome, new: Outcome, asked: bool) -> str | None:
    there, here = (set(PHASES) & set(outcome.timings) for outcome in (old, new))
    if not (there or here):
        return "neither side has any" if asked else None
    for name, lacking in (("RUN", there - here), ("BASELINE", here - there)):
        if lacking:
            return f"{name} has none of {' and '.join(sorted(lacking))}"
    if all(max(old.timings[phase], new.timings[phase]) < LEAST_SECONDS for phase in there):
        return None
    beside = [name for name, one in (("RUN", new), ("BASELINE", old)) if one.information.get(BESIDE)]
    if beside:
        return f"jobs of {' and '.join(beside)} ran beside others on the same machine"
    if old.calibration is None or new.calibration is None:
        return f"{'RUN' if new.calibration is None else 'BASELINE'} has no calibration"
    was, now = _kind(old.calibration), _kind(new.calibration)
    return None if was == now else f"the calibration is {now} in RUN and {was} in BASELINE"


def _kind(calibration: Calibration) -> str:
    return f"{one_line(calibration.kernel)} version {calibration.version}"


def _trains_by_the_clock(outcome: Outcome) -> bool:
    budget = str(outcome.identity.get("budget"))
    return budget.endswith("s") and not budget.endswith("steps")


MEMORY_SLACK = 64 << 20
"""Bytes by which the memory of honest repeats may differ, however small they are."""


@dataclass(frozen=True)
class _Resource:
    subject: str
    key: str
    read: Callable[[Outcome], float | None]
    alike: tuple[str, ...] = ()
    slack: float = 0.0


_RESOURCES = (
    _Resource(PARAMS, PARAMS, lambda outcome: outcome.model.get(PARAMS)),
    _Resource(MACS, MACS, lambda outcome: outcome.model.get(MACS)),
    # Libraries of another release, and what each thread keeps, take memory that is not the method's.
    _Resource(
        *("process memory", MEMORY, lambda outcome: outcome.memory.get("process")),
        *(("torch", "threads"), MEMORY_SLACK),
    ),
    _Resource(
        *("device memory", MEMORY, lambda outcome: outcome.memory.get("device")),
        *(("torch", "machine"), MEMORY_SLACK),
    ),
)


class Resources:
    """Compares resources group by group, and gathers what could not be compared."""

    def __init__(self, limits: Thresholds) -> None:
        self._limits = limits
        self._left_out: dict[tuple[str, str], list[str]] = {}

    def compare(self, pairs: Sequence[tuple[Outcome, Outcome]]) -> Iterator[Difference]:
        """Yield what became of the resources of a method on a dataset.

        Parameters
        ----------
        pairs : sequence of (Outcome, Outcome)
            Of one dataset and method, by seed: baseline and run, both ok.
        """
        dataset, method, _ = pairs[0][0].place
        for resource in _RESOURCES:
            limit = self._limits.limit(dataset, method, resource.key)
            stated = self._limits.stated(dataset, method, resource.key) is not None
            if limit is None:
                continue
            usable = []
            for old, new in pairs:
                there, here = resource.read(old), resource.read(new)
                obstacle = _obstacle(resource, old, new, stated)
                if obstacle is not None:
                    yield from self._leave_out(resource, (dataset, method), obstacle, limit, stated)
                elif there is not None and here is not None:
                    usable.append((there, here))
            if usable:
                old_values, new_values = zip(*usable, strict=True)
                yield judge_ratio(
                    *(dataset, method, resource.subject, old_values, new_values),
                    *(limit, resource.slack, stated),
                )

    def notes(self) -> list[str]:
        """Return a line for each reason for which something was not compared."""
        return [
            f"{subject} is not compared: {reason} ({', '.join(dict.fromkeys(places))})"
            for (subject, reason), places in self._left_out.items()
        ]

    def _leave_out(
        self, resource: _Resource, group: tuple[str, str], reason: str, limit: float, stated: bool
    ) -> Iterator[Difference]:
        subject = resource.subject
        if stated and math.isfinite(limit):
            text = f"{subject} is not compared: {reason}"
            yield Difference(*group, subject, "resource", "unknown", text, limit=limit, stated=True)
        else:
            self._left_out.setdefault((subject, reason), []).append(" ".join(group))


def _obstacle(resource: _Resource, old: Outcome, new: Outcome, stated: bool) -> str | None:
    there, here = resource.read(old), resource.read(new)
    if there is None and here is None:
        return None
    if there is None or here is None:
        return f"{'BASELINE' if there is None else 'RUN'} does not tell it"
    # Whoever gives a limit knows where it holds.
    differing = [name for name in resource.alike if old.information.get(name) != new.information.get(name)]
    return f"{' and '.join(differing)} differ" if differing and not stated else None
