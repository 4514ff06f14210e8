"""Times are compared as multiples of the calibration, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.bench.gate.compare import Comparison, find_differences
from a2ibench.bench.gate.limits import Thresholds
from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.bench.record import Calibration

Job = Callable[..., Outcome]
Run = Callable[..., RunOutcome]


def timed(fit: float, wide: float = 0.01, serial: float = 0.005, seed: int = 0) -> Outcome:
    calibration = Calibration(1, "torch", wide, serial)
    return Outcome("d", "m", seed, "ok", timings={"fit": fit}, calibration=calibration)


def ratio(new: Outcome, old: Outcome) -> float | None:
    """Return the slowdown that a comparison finds; None where it compares no time."""
    found = find_differences(RunOutcome.of([new]), RunOutcome.of([old])).differences
    return found[0].change if found else None


def verdicts(comparison: Comparison) -> dict[str, str]:
    return {difference.subject: difference.verdict for difference in comparison.differences}


@given(st.floats(2, 1e4), st.floats(0.01, 100), st.floats(0.51, 100))
def test_a_faster_or_slower_machine_changes_nothing(seconds: float, speed: float, slowdown: float) -> None:
    old, new = timed(seconds), timed(seconds * speed * slowdown, 0.01 * speed, 0.005 * speed)
    if min(seconds * speed * slowdown, seconds) >= 1:
        assert ratio(new, old) == pytest.approx(slowdown)


@given(
    work=st.floats(2, 1e4),
    parallel=st.floats(0, 1),
    then=st.sampled_from([1, 2, 4, 16]),
    now=st.sampled_from([1, 2, 4, 16]),
)
def test_no_number_of_threads_makes_an_honest_job_slower(
    work: float, parallel: float, then: int, now: int
) -> None:
    def job(threads: int) -> Outcome:
        return timed(work * (1 - parallel + parallel / threads), 0.02 / threads, 0.005)

    found = ratio(job(now), job(then))
    assert found is None or found <= 1 + 1e-9


@given(parallel=st.floats(0, 1), threads=st.sampled_from([1, 2, 16]), slowdown=st.floats(1.6, 10))
def test_with_the_same_threads_a_slower_job_always_alarms(
    parallel: float, threads: int, slowdown: float
) -> None:
    seconds = 20 * (1 - parallel + parallel / threads)
    found = ratio(timed(seconds * slowdown, 0.02 / threads), timed(seconds, 0.02 / threads))
    assert found == pytest.approx(slowdown)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (0.2, 0.99, None),
        (0.6, 1.01, 1.01),
        (0.5, 10.0, 10.0),
        (3.0, 0.1, 1 / 3),
        (0.0, 4.0, 4.0),
        (0.0, 0.0, None),
    ],
)
def test_phases_under_a_second_are_left_alone(old: float, new: float, expected: float | None) -> None:
    found = ratio(timed(new), timed(old))
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_short_phase_on_a_fast_machine_is_not_called_slow_and_a_long_one_there_not_fast() -> None:
    fast, slow = timed(0.4, 0.01, 0.005), timed(2.0, 0.05, 0.025)
    assert ratio(slow, fast) == pytest.approx(1.0)
    assert ratio(fast, slow) == pytest.approx(1.0)


def test_training_and_reconstruction_are_judged_apart_and_other_phases_not_at_all(job: Job, run: Run) -> None:
    baseline = run(job(timings={"load": 5.0, "fit": 100.0, "reconstruct": 5.0, "score": 5.0}))
    new = run(job(timings={"load": 50.0, "fit": 100.0, "reconstruct": 10.0, "score": 50.0}))
    comparison = find_differences(new, baseline)
    assert verdicts(comparison) == {"reconstruct": "worse", "fit": "within"}
    (worse,) = comparison.of("worse")
    assert worse.text == "reconstruct takes 2 times as long relative to the calibration, 1.5 allowed"
    assert (worse.baseline, worse.run) == (500, 1000)
    assert verdicts(find_differences(baseline, new)) == {"reconstruct": "better", "fit": "within"}
    assert find_differences(new, baseline, Thresholds({"slowdown": 2.5})).ok
    assert find_differences(new, baseline, Thresholds({"slowdown": float("inf")})).ok


def test_of_several_seeds_the_median_counts() -> None:
    old = RunOutcome.of(timed(10, seed=seed) for seed in range(3))
    new = RunOutcome.of(timed(seconds, seed=seed) for seed, seconds in enumerate((11, 90, 9)))
    (found,) = find_differences(new, old).differences
    assert (found.verdict, found.change) == ("within", pytest.approx(1.1))


@pytest.mark.parametrize(
    ("calibration", "reason"),
    [
        (None, "RUN has no calibration"),
        (Calibration(2, "torch", 1, 1), "the calibration is torch version 2 in RUN and torch version 1 in"),
        (Calibration(1, "numpy", 1, 1), "the calibration is numpy version 1 in RUN and torch version 1 in"),
    ],
)
def test_without_calibrations_of_one_kind_times_are_not_compared(
    job: Job, run: Run, calibration: Calibration | None, reason: str
) -> None:
    new = run(job(timings={"fit": 900.0}, calibration=calibration))
    comparison = find_differences(new, run(job(timings={"fit": 9.0})))
    assert comparison.differences == ()
    assert comparison.notes[0].startswith(f"cells cubic: times are not compared: {reason}")


def test_training_that_ends_by_the_clock_has_no_time_to_compare(job: Job, run: Run) -> None:
    timings = {"fit": 300.0, "reconstruct": 2.0}
    old = run(job(timings=timings, budget="300s"))
    new = run(job(timings=timings, budget="300s", calibration=Calibration(1, "torch", 0.001, 0.0005)))
    comparison = find_differences(new, old)
    assert list(verdicts(comparison)) == ["reconstruct"]
    assert comparison.notes == ("cells cubic: times of fit are not compared: the budget is in seconds",)


def test_with_another_number_of_threads_more_is_allowed(job: Job, run: Run) -> None:
    def took(seconds: float, threads: int) -> RunOutcome:
        return run(job(timings={"fit": seconds}, information={"threads": threads}))

    baseline = took(10.0, 2)
    assert verdicts(find_differences(took(20.0, 2), baseline)) == {"fit": "worse"}
    assert verdicts(find_differences(took(20.0, 1), baseline)) == {"fit": "within"}
    assert verdicts(find_differences(took(23.0, 1), baseline)) == {"fit": "worse"}
    unlimited = Thresholds({"slowdown": float("inf")})
    assert verdicts(find_differences(took(99.0, 1), baseline, unlimited)) == {"fit": "within"}


@pytest.mark.parametrize(
    ("here", "there", "named"), [(1, 0, "RUN"), (0, 1, "BASELINE"), (1, 1, "RUN and BASELINE")]
)
def test_times_of_jobs_that_ran_beside_others_are_not_judged(
    job: Job, run: Run, here: int, there: int, named: str
) -> None:
    def took(seconds: float, beside: int) -> RunOutcome:
        return run(job(timings={"fit": seconds}, information={"beside": True} if beside else {}))

    limits = Thresholds({"slowdown": 1.5})
    for stated in (None, limits):
        comparison = find_differences(took(99.0, here), took(9.0, there), *([stated] if stated else []))
        told = [*comparison.notes, *(one.text for one in comparison.differences)]
        expected = f"times are not compared: jobs of {named} ran beside others on the same machine"
        assert any(expected in line for line in told)
        assert "worse" not in verdicts(comparison).values()
