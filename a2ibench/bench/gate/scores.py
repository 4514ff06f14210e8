"""Compares the scores of a method on a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from a2ibench.bench.gate.difference import Difference
from a2ibench.bench.gate.gain import CUBIC, Limit, gain_over_cubic, is_learned, score_limit
from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.bench.gate.rules import judge_failed_metric, judge_score
from a2ibench.bench.gate.thresholds import RATIOS, Thresholds
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
