"""Nothing compared is no good news, whoever asks: the rule is part of `compare` itself."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from a2ibench.bench.gate.compare import compare, find_differences
from a2ibench.bench.gate.limits import Thresholds
from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.errors import InputError

Job = Callable[..., Outcome]
Run = Callable[..., RunOutcome]

LONG = {"fit": 30.0}


@pytest.mark.parametrize(
    ("new", "old", "message"),
    [
        ([], [{}], "RUN holds no jobs"),
        ([{}], [], "BASELINE holds no jobs"),
        ([], [], "RUN holds no jobs"),
        ([{"seed": 3}], [{}], "no job is in both, RUN has cells cubic seed 3, BASELINE has cells cubic seed"),
        ([{"dataset": "b"}, {"dataset": "c"}], [{}], r"RUN has b cubic seed 0 \(and 1 more\)"),
        ([{}], [{}], "no metric has a value on both sides"),
        ([{"scores": {"psnr": 1.0}}], [{"scores": {}}], "no metric has a value on both sides"),
        ([{"status": "error"}], [{"status": "timeout"}], "no job is ok on both sides"),
        ([{"status": "skipped"}], [{"status": "skipped"}], "no job is ok on both sides"),
        ([{"timings": LONG}], [{"timings": LONG}], "no metric has a value on both sides"),
        ([{"scores": {"mine": 1.0}}], [{"scores": {"mine": 9.0}}], "no limit for mine; give one"),
    ],
)
def test_a_comparison_of_nothing_is_an_error_also_from_python(
    job: Job, run: Run, new: list[dict[str, Any]], old: list[dict[str, Any]], message: str
) -> None:
    sides = [run(*(job(**fields) for fields in side)) for side in (new, old)]
    assert find_differences(*sides).compared <= len(LONG)
    if sides[0].jobs.keys() & sides[1].jobs.keys():
        assert find_differences(*sides).ok
    with pytest.raises(InputError, match=message) as caught:
        compare(*sides)
    assert "\n" not in str(caught.value)


def test_a_limit_of_infinity_and_one_that_guards_nothing_compare_nothing(job: Job, run: Run) -> None:
    cubic = job({"psnr": 30.0})
    idle = replace(cubic, method="idle", model={"params": 9.0})
    both = run(cubic, idle)
    assert [d.subject for d in compare(both, both).differences if d.compared] == ["psnr", "params"]
    with pytest.raises(InputError, match="no limit for psnr"):
        compare(both, both, Thresholds({"psnr": math.inf}))
    only_cubic = Thresholds({}, {(None, "cubic"): {"psnr": math.inf}})
    with pytest.raises(InputError, match="what was gained over cubic in psnr is less than what may be lost"):
        compare(both, both, only_cubic)


@pytest.mark.parametrize(
    ("key", "fields"),
    [
        ("slowdown", {"timings": LONG}),
        ("memory", {"memory": {"process": 9e9}}),
        ("params", {"model": {"params": 9.0}}),
        ("macs_per_voxel", {"model": {"macs_per_voxel": 9.0}}),
    ],
)
def test_what_has_a_limit_that_was_given_is_something_and_by_itself_it_is_not(
    job: Job, run: Run, key: str, fields: dict[str, Any]
) -> None:
    timings = fields.get("timings")
    one = run(replace(job(timings=timings), **{name: v for name, v in fields.items() if name != "timings"}))
    with pytest.raises(InputError, match="no metric has a value on both sides"):
        compare(one, one)
    assert compare(one, one, Thresholds({key: 2.0})).ok
    with pytest.raises(InputError, match="no metric has a value on both sides"):
        compare(one, one, Thresholds({key: math.inf}))


def test_what_is_worse_is_said_before_that_nothing_was_compared(job: Job, run: Run) -> None:
    baseline = run(job({"psnr": 30.0}), job({"psnr": 30.0}, seed=1))
    assert not compare(run(job({}, status="oom"), job({}, status="oom", seed=1)), baseline).ok
    assert not compare(run(job({})), run(job({"psnr": 30.0}))).ok
