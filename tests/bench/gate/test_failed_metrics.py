"""Metrics that failed, on one side and on both."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from a2ibench.bench.gate.compare import compare
from a2ibench.bench.gate.limits import Thresholds
from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.bench.score import Score

Job = Callable[..., Outcome]
Run = Callable[..., RunOutcome]


def with_metric(outcome: Outcome, state: float | str | None) -> Outcome:
    """Return a job in which ssim has a value, failed for a reason, or is not there."""
    if isinstance(state, str):
        return replace(outcome, metric_errors={"ssim": state})
    if state is None:
        return outcome
    return replace(outcome, metrics={**outcome.metrics, "ssim": Score(state, 1)})


@pytest.mark.parametrize(
    ("old", "new", "verdict", "text"),
    [
        (0.9, "flat", "worse", "ssim of seed 0 failed (flat); the baseline has it"),
        (0.9, None, "worse", "ssim of seed 0 is missing; the baseline has it"),
        ("flat", 0.9, "better", "ssim of seed 0 has a value; in the baseline it failed"),
        ("flat", "odd", "note", "ssim of seed 0 failed (odd); in the baseline it failed, too"),
        ("flat", None, "note", "ssim of seed 0 is missing; in the baseline it failed, too"),
        (None, "flat", "note", "ssim of seed 0 failed (flat); the baseline does not have it"),
    ],
)
def test_what_becomes_of_a_metric(
    job: Job, run: Run, old: float | str | None, new: float | str | None, verdict: str, text: str
) -> None:
    sides = [run(with_metric(job({"psnr": 30.0}), state)) for state in (new, old)]
    comparison = compare(*sides)
    (found,) = [d for d in comparison.differences if d.subject == "ssim of seed 0"]
    assert (found.kind, found.verdict, found.text) == ("metric", verdict, text)
    assert comparison.ok == (verdict != "worse")
    assert found.excess == {"worse": math.inf, "better": -math.inf, "note": 0.0}[verdict]
    # However much may be lost, a value may not.
    assert compare(*sides, Thresholds({"ssim": 9.0})).ok == comparison.ok


def test_one_seed_that_failed_is_worse_and_the_others_are_still_compared(job: Job, run: Run) -> None:
    old = run(*(with_metric(job({"psnr": 30.0}, seed=seed), 0.9) for seed in range(3)))
    states: tuple[float | str, ...] = (0.9, "flat", 0.7)
    new = run(*(with_metric(job({"psnr": 30.0}, seed=seed), state) for seed, state in enumerate(states)))
    comparison = compare(new, old)
    assert {d.subject for d in comparison.of("worse")} == {"ssim of seed 1", "ssim"}
    (mean,) = [d for d in comparison.differences if d.subject == "ssim"]
    assert (mean.baseline, mean.run) == (pytest.approx(0.9), pytest.approx(0.8))


def test_a_metric_that_failed_everywhere_is_no_comparison_of_it(job: Job, run: Run) -> None:
    both = run(with_metric(job({"psnr": 30.0}), "flat"))
    comparison = compare(both, both)
    assert comparison.compared == 1
    assert [d.subject for d in comparison.of("within")] == ["psnr"]


def test_a_job_that_failed_has_no_metrics_to_miss(job: Job, run: Run) -> None:
    old = run(with_metric(job({"psnr": 30.0}), 0.9), job({"psnr": 30.0}, seed=1))
    new = run(with_metric(job(status="error"), "flat"), job({"psnr": 30.0}, seed=1))
    assert [d.text for d in compare(new, old).of("worse")] == ["error, was ok"]
