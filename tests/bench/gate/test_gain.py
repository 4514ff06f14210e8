"""Limits follow what was gained over cubic."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.bench.gate.baseline import read_outcome
from a2ibench.bench.gate.compare import Comparison, find_differences
from a2ibench.bench.gate.limits import Names, Thresholds, read_thresholds
from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.bench.gate.rules import Difference
from a2ibench.bench.score import Score

REFERENCE = Path(__file__).parents[3] / "reports" / "reference"
LEARNED = {"params": 7.0}
UP = {"psnr": True, "error": False}


def runs(*jobs: tuple[str, float], metric: str = "psnr", seeds: int = 1) -> RunOutcome:
    """Return a run of methods with a score each; all but cubic have parameters."""
    return RunOutcome.of(
        [
            Outcome(
                *("d", method, seed, "ok", {metric: Score(value + seed, 1)}),
                model={} if method == "cubic" else LEARNED,
            )
            for method, value in jobs
            for seed in range(seeds)
        ],
        UP,
    )


def net(comparison: Comparison) -> Difference:
    (found,) = [d for d in comparison.differences if d.method == "net" and d.kind == "metric"]
    return found


@given(gain=st.floats(0.004, 50), seeds=st.integers(1, 3))
def test_a_network_that_comes_to_nothing_is_caught_by_default_whatever_it_gained(
    gain: float, seeds: int
) -> None:
    old = runs(("cubic", 30.0), ("net", 30.0 + gain), seeds=seeds)
    dead = find_differences(runs(("cubic", 30.0), ("net", 30.0), seeds=seeds), old)
    assert net(dead).verdict == "worse"
    assert net(dead).limit == pytest.approx(min(0.1, gain / 4), rel=1e-6)
    assert find_differences(old, old).ok
    assert net(find_differences(old, old)).guards


@given(gain=st.floats(-20, 0.003))
def test_where_nothing_was_gained_the_limit_stays_and_is_said_to_guard_nothing(gain: float) -> None:
    old = runs(("cubic", 30.0), ("net", 30.0 + gain))
    found = net(find_differences(old, old))
    assert (found.limit, found.guards, found.compared) == (0.1, False, False)
    assert "guards nothing" in found.text
    assert net(find_differences(runs(("cubic", 30.0), ("net", 29.0 + gain)), old)).verdict == "worse"


def test_a_stated_limit_stands_and_guards_only_what_was_gained_above_it() -> None:
    old = runs(("cubic", 30.0), ("net", 30.2))
    for stated, guards in ((0.2, False), (0.19, True), (3.0, False)):
        found = net(find_differences(old, old, Thresholds({"psnr": stated})))
        assert (found.limit, found.guards, found.stated) == (stated, guards, True)


def test_a_metric_that_is_better_when_lower_gains_by_falling() -> None:
    old = runs(("cubic", 5.0), ("net", 4.0), metric="error")
    assert net(find_differences(old, old, Thresholds({"error": 0.5}))).guards
    rising = runs(("cubic", 4.0), ("net", 5.0), metric="error")
    assert not net(find_differences(rising, rising, Thresholds({"error": 0.5}))).guards


def test_cubic_and_methods_without_parameters_have_the_plain_limit() -> None:
    old = runs(("cubic", 30.0), ("net", 29.0))
    plain = RunOutcome.of([replace(job, model={}) for job in old.jobs.values()], UP)
    assert all(d.guards and d.limit == 0.1 for d in find_differences(plain, plain).differences)
    # What one side tells is enough: a run cannot hide its parameters.
    assert not net(find_differences(plain, old)).guards


def test_without_cubic_in_the_baseline_the_plain_limit_counts_and_a_note_says_so() -> None:
    old = runs(("net", 31.0))
    comparison = find_differences(runs(("cubic", 30.0), ("net", 31.0)), old)
    assert (net(comparison).limit, net(comparison).guards) == (0.1, True)
    assert any(note.startswith("d: BASELINE has no cubic") for note in comparison.notes)


def test_infinite_scores_have_no_gain_to_divide() -> None:
    old = runs(("cubic", math.inf), ("net", math.inf))
    assert find_differences(old, old).ok
    perfect = runs(("cubic", 30.0), ("net", math.inf))
    assert net(find_differences(runs(("cubic", 30.0), ("net", 40.0)), perfect)).verdict == "worse"


@pytest.mark.parametrize("method", ["a2i-3dem", "pssr", "srmd", "swinir"])
@pytest.mark.parametrize("profile", ["smoke", "quick"])
@pytest.mark.parametrize("limited", [False, True])
def test_a_dead_network_does_not_pass_the_committed_baselines(
    method: str, profile: str, limited: bool, tmp_path: Path
) -> None:
    path = REFERENCE / f"phantom-{profile}.json"
    content = json.loads(path.read_text())
    (cubic,) = [job for job in content["jobs"] if job["method"] == "cubic"]
    for job in content["jobs"]:
        if job["method"] == method:
            job["metrics"] = cubic["metrics"]
    dead = tmp_path / "dead.json"
    dead.write_text(json.dumps(content))
    old, new = read_outcome(path), read_outcome(dead)
    names = Names({"phantom"}, {"cubic", method}, old.metrics)
    limits = Thresholds({}, read_thresholds(path.with_suffix(".limits.toml"), names) if limited else {})
    worse = find_differences(new, old, limits).of("worse")
    assert {d.method for d in worse} == {method}
    assert {d.subject for d in worse} == set(cubic["metrics"])
    assert find_differences(old, old, limits).ok
    assert all(d.guards for d in find_differences(old, old, limits).differences if profile == "smoke")
