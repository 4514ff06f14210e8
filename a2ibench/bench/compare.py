"""Compares what a run came to with a baseline: what is worse, what is better, and what cannot be said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from a2ibench.bench.gate.difference import Difference
from a2ibench.bench.gate.identity import check_identity
from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.bench.gate.rules import judge_job, judge_score, judge_time, lost_metric
from a2ibench.bench.gate.thresholds import SLOWDOWN, Thresholds
from a2ibench.errors import InputError

PHASES = ("fit", "reconstruct")
"""Phases whose time is a method's own."""

_THREADS = "threads"
_Pairs = list[tuple[Outcome, Outcome]]


@dataclass(frozen=True)
class Comparison:
    """A run beside its baseline.

    Parameters
    ----------
    differences : tuple of Difference
        The worst first, notes last.
    notes : tuple of str
        What else differs, one line each.
    """

    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is worse."""
        return not self.of("worse")

    def of(self, verdict: str) -> list[Difference]:
        """Return the differences with a verdict, the worst first."""
        return [difference for difference in self.differences if difference.verdict == verdict]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, JSON-able once infinities are made texts."""
        return {
            "format": "a2ibench-comparison",
            "format_version": 1,
            "ok": self.ok,
            "counts": dict(sorted(Counter(d.verdict for d in self.differences).items())),
            "differences": [difference.to_dict() for difference in self.differences],
            "notes": list(self.notes),
        }


def compare(run: RunOutcome, baseline: RunOutcome, thresholds: Thresholds | None = None) -> Comparison:
    """Compare a run with a baseline.

    Scores are compared as means over the seeds that both sides have, times as medians over them of
    multiples of the calibration.

    Parameters
    ----------
    run, baseline : RunOutcome
        The baseline says of each metric whether higher is better.
    thresholds : Thresholds, optional
        By default the built-in ones.

    Raises
    ------
    InputError
        If jobs that both sides have did not measure the same; names the field and both values.
    """
    limits = thresholds or Thresholds()
    notes = check_identity(run, baseline)
    places = sorted({*run.jobs, *baseline.jobs})
    found = [judge_job(baseline.jobs.get(place), run.jobs.get(place)) for place in places]
    differences = [difference for difference in found if difference is not None]
    groups: dict[tuple[str, str], _Pairs] = {}
    for place in places:
        old, new = baseline.jobs.get(place), run.jobs.get(place)
        if old is not None and new is not None and old.ok and new.ok:
            groups.setdefault(place[:2], []).append((old, new))
    for (dataset, method), pairs in groups.items():
        differences += _scores(dataset, method, pairs, baseline, limits)
        differences += _times(dataset, method, pairs, limits, notes)
    notes += [f"metric {name} is new" for name in sorted(run.metrics - baseline.metrics)]
    differences.sort(key=lambda d: (d.verdict == "note", -d.excess, d.dataset, d.method, d.subject))
    return Comparison(tuple(differences), tuple(dict.fromkeys(notes)))


def _scores(
    dataset: str, method: str, pairs: _Pairs, baseline: RunOutcome, limits: Thresholds
) -> Iterator[Difference]:
    for metric in sorted({name for old, _ in pairs for name in old.metrics}):
        both = [(old, new) for old, new in pairs if metric in old.metrics and metric in new.metrics]
        for old, new in pairs:
            if metric in old.metrics and metric not in new.metrics:
                yield lost_metric(new, metric)
        if not both:
            continue
        limit, up = limits.limit(dataset, method, metric), baseline.higher_is_better.get(metric)
        if limit is not None and up is None:
            raise InputError(
                f"metric {metric}: neither BASELINE nor a plugin tells whether higher is better; "
                "install the metric's plugin"
            )
        values = [[outcome.metrics[metric].value for outcome in side] for side in zip(*both, strict=True)]
        yield judge_score(dataset, method, metric, values[0], values[1], up, limit)


def _times(
    dataset: str, method: str, pairs: _Pairs, limits: Thresholds, notes: list[str]
) -> Iterator[Difference]:
    limit = limits.limit(dataset, method, SLOWDOWN)
    if limit is None:
        return
    usable = []
    for pair in pairs:
        obstacle = _obstacle(*pair)
        if obstacle is None:
            usable.append(pair)
        else:
            notes.append(f"{dataset} {method}: times are not compared: {obstacle}")
    if any(old.information.get(_THREADS) != new.information.get(_THREADS) for old, new in usable):
        # No two computations divide among threads alike, so the calibration explains less then.
        limit = limit**2
    for phase in PHASES:
        if phase == "fit" and any(_trains_by_the_clock(new) for _, new in usable):
            notes.append(f"{dataset} {method}: times of fit are not compared: the budget is in seconds")
            continue
        difference = judge_time(dataset, method, phase, usable, limit)
        if difference is not None:
            yield difference


def _obstacle(old: Outcome, new: Outcome) -> str | None:
    if old.calibration is None or new.calibration is None:
        return f"{'RUN' if new.calibration is None else 'BASELINE'} has no calibration"
    there, here = (f"{c.kernel} version {c.version}" for c in (old.calibration, new.calibration))
    return None if there == here else f"the calibration is {here} in RUN and {there} in BASELINE"


def _trains_by_the_clock(outcome: Outcome) -> bool:
    budget = str(outcome.identity.get("budget"))
    return budget.endswith("s") and not budget.endswith("steps")
