"""Memory, parameters and multiply-adds: by how much they may grow, and what is said where nobody knows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.bench.gate.compare import Comparison, compare, find_differences
from a2ibench.bench.gate.limits import Thresholds
from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.bench.gate.rules import Difference, judge_ratio
from a2ibench.bench.gate.values import MEMORY_SLACK

Job = Callable[..., Outcome]
Run = Callable[..., RunOutcome]

GIB = float(1 << 30)
READ = {
    "params": ("model", "params"),
    "macs_per_voxel": ("model", "macs_per_voxel"),
    "process memory": ("memory", "process"),
    "device memory": ("memory", "device"),
}
KEYS = {subject: subject for subject in READ} | {"process memory": "memory", "device memory": "memory"}


def needing(**amounts: float) -> Callable[..., RunOutcome]:
    """Return a maker of runs of one job with a score and what it needs, by subject."""

    def make(seed_amounts: tuple[dict[str, float], ...] = ({},), **information: Any) -> RunOutcome:
        jobs = []
        for seed, more in enumerate(seed_amounts):
            fields: dict[str, dict[str, float]] = {"model": {}, "memory": {}}
            for subject, amount in (amounts | more).items():
                field, name = READ[subject]
                fields[field][name] = amount
            jobs.append(Outcome("d", "cubic", seed, "ok", information=information, **fields))
        return RunOutcome.of(jobs, {"psnr": True})

    return make


def one(subject: str, amount: float | None, **information: Any) -> RunOutcome:
    return needing(**({} if amount is None else {subject: amount}))(**information)


def found(comparison: Comparison) -> Difference:
    (difference,) = comparison.differences
    return difference


@pytest.mark.parametrize(
    ("subject", "old", "new", "verdict"),
    [
        ("params", 1000, 1010, "within"),
        ("params", 1000, 1011, "worse"),
        ("params", 1000, 900, "better"),
        ("params", 1000, 1000, "within"),
        ("params", 0, 0, "within"),
        ("params", 0, 1, "worse"),
        ("params", 7, 0, "better"),
        ("macs_per_voxel", 211_774, 268_000, "worse"),
        ("macs_per_voxel", 211_774, 211_775, "within"),
        ("macs_per_voxel", 268_000, 211_774, "better"),
        ("process memory", 4 * GIB, 5 * GIB, "within"),
        ("process memory", 4 * GIB, 5.01 * GIB, "worse"),
        ("process memory", 4 * GIB, 3 * GIB, "better"),
        ("device memory", 4 * GIB, 5.01 * GIB, "worse"),
        ("device memory", 4 * GIB, 4.99 * GIB, "within"),
        # However large the ratio, so little is what honest repeats differ by.
        ("process memory", 1.0, MEMORY_SLACK + 1.0, "within"),
        ("process memory", 0.1 * GIB, 0.1 * GIB + MEMORY_SLACK + 1, "worse"),
        ("device memory", 0.0, float(MEMORY_SLACK), "within"),
        ("device memory", MEMORY_SLACK + 1.0, 0.0, "better"),
    ],
)
def test_more_than_the_usual_ratio_is_worse(subject: str, old: float, new: float, verdict: str) -> None:
    difference = found(find_differences(one(subject, new), one(subject, old)))
    assert (difference.subject, difference.kind, difference.verdict) == (subject, "resource", verdict)
    assert (difference.baseline, difference.run) == (old, new)
    assert difference.failed == (verdict == "worse")
    if verdict == "within":
        assert abs(difference.excess) <= 1
    else:
        assert difference.excess > 1 if verdict == "worse" else difference.excess < 0


@pytest.mark.parametrize("subject", READ)
def test_a_stated_limit_counts_instead(subject: str) -> None:
    old, new = one(subject, 4 * GIB), one(subject, 12 * GIB)
    for limit, verdict in ((3.0, "within"), (2.9, "worse"), (math.inf, "within")):
        difference = found(find_differences(new, old, Thresholds({KEYS[subject]: limit})))
        assert (difference.verdict, difference.limit, difference.stated) == (verdict, limit, True)
    only_here = Thresholds({}, {("d", "cubic"): {KEYS[subject]: 3.0}})
    assert found(find_differences(new, old, only_here)).verdict == "within"
    elsewhere = Thresholds({}, {("d", "other"): {KEYS[subject]: 3.0}})
    assert found(find_differences(new, old, elsewhere)).verdict == "worse"


@pytest.mark.parametrize("subject", READ)
@pytest.mark.parametrize(("new", "old", "side"), [(None, 9 * GIB, "RUN"), (9 * GIB, None, "BASELINE")])
def test_what_one_side_does_not_tell_is_said_and_does_not_pass_where_it_was_asked_for(
    subject: str, new: float | None, old: float | None, side: str
) -> None:
    sides = one(subject, new), one(subject, old)
    usual = find_differences(*sides)
    assert (usual.differences, usual.ok) == ((), True)
    assert usual.notes == (f"{subject} is not compared: {side} does not tell it (d cubic)",)
    asked = find_differences(*sides, Thresholds({KEYS[subject]: 2.0}))
    difference = next(d for d in asked.differences if d.subject == subject)
    assert (difference.verdict, difference.compared, asked.ok) == ("unknown", False, False)
    assert difference.text == f"{subject} is not compared: {side} does not tell it"
    assert find_differences(*sides, Thresholds({KEYS[subject]: math.inf})).ok


@pytest.mark.parametrize(
    ("subject", "field"),
    [("process memory", "torch"), ("process memory", "threads"), ("device memory", "machine")],
)
def test_memory_of_another_release_or_machine_is_compared_only_where_it_was_asked_for(
    subject: str, field: str
) -> None:
    sides = one(subject, 9 * GIB, **{field: "b"}), one(subject, GIB, **{field: "a"})
    usual = find_differences(*sides)
    assert usual.ok
    assert f"{subject} is not compared: {field} differ (d cubic)" in usual.notes
    assert found(find_differences(*sides, Thresholds({"memory": 2.0}))).verdict == "worse"
    size = one("params", 9, **{field: "b"}), one("params", 8, **{field: "a"})
    assert found(find_differences(*size)).verdict == "worse"


def test_of_several_seeds_the_median_counts() -> None:
    old = needing()(({"params": 10}, {"params": 10}, {"params": 10}))
    new = needing()(({"params": 10}, {"params": 99}, {"params": 10}))
    assert found(find_differences(new, old)).verdict == "within"
    assert found(find_differences(needing()(({"params": 10}, {"params": 99}, {"params": 99})), old)).failed


def test_a_larger_network_fails_although_its_scores_are_better(job: Job, run: Run) -> None:
    old = replace(job({"psnr": 30.0}), model={"params": 100.0, "macs_per_voxel": 50.0})
    new = replace(job({"psnr": 31.0}), model={"params": 100.0, "macs_per_voxel": 75.0})
    comparison = compare(run(new), run(old))
    assert [d.subject for d in comparison.of("worse")] == ["macs_per_voxel"]
    (worse,) = comparison.of("worse")
    assert worse.text == "macs_per_voxel 50 -> 75: 1.5 times as much, 1.01 allowed"
    assert (worse.change, worse.limit) == (1.5, 1.01)


@given(
    old=st.floats(0, 1e15),
    factor=st.floats(1, 100),
    limit=st.floats(1, 10),
    slack=st.sampled_from([0.0, 1e6]),
)
def test_a_ratio_is_worse_if_and_only_if_it_is_above_its_limit_and_its_slack(
    old: float, factor: float, limit: float, slack: float
) -> None:
    new = old * factor
    grown = judge_ratio("d", "m", "s", [old], [new], limit, slack)
    if old and (new - old <= slack or new / old <= limit):
        assert grown.verdict == "within"
    elif new - old > slack and new > old * limit * (1 + 1e-9):
        assert grown.verdict == "worse"
    # The other way round it is no worse.
    assert not judge_ratio("d", "m", "s", [new], [old], limit, slack).failed
