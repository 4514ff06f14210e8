"""Compares what a run came to with a baseline: what is worse, what is better, and what cannot be said."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from a2ibench.bench.gate.difference import Difference
from a2ibench.bench.gate.limits import Thresholds
from a2ibench.bench.gate.outcome import Outcome, RunOutcome, place_text
from a2ibench.bench.gate.rules import judge_job
from a2ibench.bench.gate.same_job import check_identity
from a2ibench.bench.gate.values import Resources, compare_scores, compare_times
from a2ibench.errors import InputError, one_line, printable

_SHOWN = 5
_LONGEST = 80


def check_compared(run: RunOutcome, baseline: RunOutcome, differences: Sequence[Difference]) -> None:
    """Check that two runs have jobs in common, and that something was compared or is worse.

    A score counts, and anything else whose limit somebody gave: what nobody asked for does not stand in for
    scores.

    Raises
    ------
    InputError
        If nothing was; says why, and what to do.
    """
    _check_common(run, baseline)
    if any(d.failed or (d.compared and (d.kind == "metric" or d.stated)) for d in differences):
        return
    raise InputError(f"nothing was compared: {_reason(run, baseline, differences)}")


def _check_common(run: RunOutcome, baseline: RunOutcome) -> None:
    for name, side in (("RUN", run), ("BASELINE", baseline)):
        if not side.jobs:
            raise InputError(f"nothing to compare: {name} holds no jobs; run it, or give another {name}")
    if not run.jobs.keys() & baseline.jobs.keys():
        raise InputError(
            f"nothing to compare: no job is in both, RUN has {_jobs(run)}, BASELINE has {_jobs(baseline)}; "
            "give the baseline of such a run"
        )


def _reason(run: RunOutcome, baseline: RunOutcome, differences: Sequence[Difference]) -> str:
    common = run.jobs.keys() & baseline.jobs.keys()
    both = [place for place in common if run.jobs[place].ok and baseline.jobs[place].ok]
    if not both:
        return "no job is ok on both sides; run them again"
    scores = [d for d in differences if d.kind == "metric" and d.change is not None]
    if not scores:
        return (
            "no metric has a value on both sides; "
            "take a dataset with a reference, or a metric that needs none"
        )
    limited = [d for d in scores if d.limit is not None and math.isfinite(d.limit)]
    if not limited:
        names = _names(scores)
        first = names.split(", ")[0]
        return (
            f"no limit for {names}; give one, {first}=VALUE, as the largest drop or in a file of thresholds"
        )
    return (
        f"what was gained over cubic in {_names(limited)} is less than what may be lost; "
        "give smaller limits, or train longer"
    )


def _names(scores: Sequence[Difference]) -> str:
    names = list(dict.fromkeys(one_line(d.subject, _LONGEST) for d in scores))
    more = f" (and {len(names) - _SHOWN} more)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _jobs(run: RunOutcome) -> str:
    more = f" (and {len(run.jobs) - 1} more)" if len(run.jobs) > 1 else ""
    return place_text(next(iter(run.jobs))) + more


@dataclass(frozen=True)
class Comparison:
    """A run beside its baseline.

    Parameters
    ----------
    differences : tuple of Difference
        The worst first, notes last.
    notes : tuple of str
        What else differs, one printable line each.
    """

    differences: tuple[Difference, ...]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing is worse, and nothing left open that somebody gave a limit for."""
        return not any(difference.failed for difference in self.differences)

    @property
    def compared(self) -> int:
        """How many values were held against a limit that a bad one would not have kept."""
        return sum(difference.compared for difference in self.differences)

    def of(self, verdict: str) -> list[Difference]:
        """Return the differences with a verdict, the worst first."""
        return [difference for difference in self.differences if difference.verdict == verdict]

    def to_dict(self) -> dict[str, Any]:
        """Return everything, JSON-able once infinities are made texts."""
        return {
            "format": "a2ibench-comparison",
            "format_version": 1,
            "ok": self.ok,
            "compared": self.compared,
            "counts": dict(sorted(Counter(d.verdict for d in self.differences).items())),
            "differences": [difference.to_dict() for difference in self.differences],
            "notes": list(self.notes),
        }


def compare(run: RunOutcome, baseline: RunOutcome, thresholds: Thresholds | None = None) -> Comparison:
    """Compare a run with a baseline.

    Scores are compared as means over the seeds that both sides have, times as medians over them of
    multiples of the calibration, resources as medians.

    Parameters
    ----------
    run, baseline : RunOutcome
        The baseline says of each metric whether higher is better.
    thresholds : Thresholds, optional
        By default the built-in ones.

    Raises
    ------
    InputError
        If jobs that both sides have did not measure the same; names the field and both values. If nothing
        is worse because nothing was compared; says why.
    """
    comparison = find_differences(run, baseline, thresholds)
    check_compared(run, baseline, comparison.differences)
    return comparison


def find_differences(
    run: RunOutcome, baseline: RunOutcome, thresholds: Thresholds | None = None
) -> Comparison:
    """Return what `compare` does, also where nothing was compared: that it is ok then means nothing.

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
    groups: dict[tuple[str, str], list[tuple[Outcome, Outcome]]] = {}
    for place in places:
        old, new = baseline.jobs.get(place), run.jobs.get(place)
        if old is not None and new is not None and old.ok and new.ok:
            groups.setdefault(place[:2], []).append((old, new))
    resources = Resources(limits)
    for pairs in groups.values():
        differences += compare_scores(pairs, baseline, limits, notes)
        differences += compare_times(pairs, limits, notes)
        differences += resources.compare(pairs)
    notes += resources.notes()
    notes += [f"metric {name} is new" for name in sorted(run.metrics - baseline.metrics)]
    order = {"worse": 0, "unknown": 1, "note": 3}
    differences.sort(key=lambda d: (order.get(d.verdict, 2), -d.excess, d.dataset, d.method, d.subject))
    return Comparison(tuple(differences), tuple(dict.fromkeys(map(printable, notes))))
