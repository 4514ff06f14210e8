"""Every rule of a comparison, on runs made by hand."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from a2ibench.bench.gate.compare import Comparison, find_differences
from a2ibench.bench.gate.limits import Thresholds
from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.bench.gate.rules import Difference
from a2ibench.bench.record import Calibration
from a2ibench.bench.score import Score
from a2ibench.errors import InputError

Job = Callable[..., Outcome]
Run = Callable[..., RunOutcome]

NAMES = st.sampled_from(["a", "b", "c"])
VALUES = st.floats(-1e6, 1e6) | st.just(math.inf)
SECONDS = st.floats(0, 1e5)
SPEEDS = st.floats(1e-6, 10)


def only(comparison: Comparison, verdict: str) -> Difference:
    """Return the one difference with a verdict."""
    (found,) = comparison.of(verdict)
    return found


@st.composite
def runs(draw: st.DrawFn) -> RunOutcome:
    places = draw(st.sets(st.tuples(NAMES, NAMES, st.integers(0, 2)), min_size=1, max_size=6))
    outcomes = [
        Outcome(
            *place,
            status=draw(st.sampled_from(["ok", "ok", "skipped", "error"])),
            metrics={n: Score(draw(VALUES), 1) for n in draw(st.sets(st.sampled_from(["psnr", "e"])))},
            timings={n: draw(SECONDS) for n in ("fit", "reconstruct")},
            calibration=draw(
                st.none() | st.builds(Calibration, st.just(1), st.just("torch"), SPEEDS, SPEEDS)
            ),
            identity={"budget": draw(st.sampled_from(["10steps", "300s"]))},
        )
        for place in places
    ]
    return RunOutcome.of(outcomes, {"psnr": True, "e": False})


@given(runs(), st.sampled_from([0.0, 0.1, math.inf]), st.sampled_from([1.0, 1.5]))
def test_a_run_compared_with_itself_never_alarms(run: RunOutcome, drop: float, slowdown: float) -> None:
    limits = Thresholds({"psnr": drop, "e": drop, "slowdown": slowdown})
    comparison = find_differences(run, run, limits)
    # Times without a calibration are left open, which is no alarm about the run.
    assert not comparison.of("worse")
    assert not comparison.of("better")


@given(
    base=st.floats(-100, 100),
    limit=st.floats(0, 10),
    part=st.floats(1.001, 100),
    up=st.booleans(),
    rest=st.floats(1e-6, 1),
)
def test_a_loss_alarms_if_and_only_if_it_is_above_the_limit(
    base: float, limit: float, part: float, up: bool, rest: float
) -> None:
    def verdict(loss: float) -> str:
        value = base - loss if up else base + loss
        pair = [
            RunOutcome.of([Outcome("d", "m", 0, "ok", {"psnr": Score(v, 1)})], {"psnr": up})
            for v in (value, base)
        ]
        return find_differences(*pair, Thresholds({"psnr": limit})).differences[0].verdict

    assert verdict(limit * part + rest) == "worse"
    assert verdict(limit * 0.999) == "within"
    assert verdict(-limit * part - rest) == "better"


@given(runs(), st.randoms())
def test_the_order_of_the_jobs_changes_nothing(run: RunOutcome, random: Any) -> None:
    shuffled = list(run.jobs.values())
    random.shuffle(shuffled)
    again = RunOutcome.of(shuffled, run.higher_is_better)
    assert again == run
    assert list(again.jobs) == list(run.jobs)
    assert find_differences(again, run) == find_differences(run, again)


def test_exactly_the_limit_is_allowed_in_spite_of_rounding(job: Job, run: Run) -> None:
    baseline = run(job({"psnr": 30.0}))
    assert 30.0 - 29.9 > 0.1
    assert find_differences(run(job({"psnr": 29.9})), baseline).ok
    assert not find_differences(run(job({"psnr": 29.8999})), baseline).ok


def test_a_drop_says_how_large_it_is_and_what_is_allowed(job: Job, run: Run) -> None:
    found = only(find_differences(run(job({"psnr": 29.4})), run(job({"psnr": 29.74}))), "worse")
    assert (found.dataset, found.method, found.subject, found.kind) == ("cells", "cubic", "psnr", "metric")
    assert found.change == pytest.approx(-0.34)
    assert found.limit == 0.1
    assert found.excess == pytest.approx(3.4)
    assert found.text == "psnr 29.74 -> 29.4: down 0.34, 0.1 allowed"


def test_means_are_taken_over_the_seeds_that_both_sides_have(job: Job, run: Run) -> None:
    baseline = run(*(job({"psnr": value}, seed=seed) for seed, value in enumerate((30.0, 31.0))))
    same = run(*(job({"psnr": value}, seed=seed) for seed, value in enumerate((31.0, 30.0, 10.0))))
    comparison = find_differences(same, baseline)
    assert comparison.ok
    assert only(comparison, "within").baseline == 30.5
    assert only(comparison, "note").text == "new, ok; the baseline has no such job"


def test_a_metric_may_be_better_when_lower(job: Job, run: Run) -> None:
    limits = Thresholds({"error": 0.5})
    baseline = run(job({"error": 3.0}))
    assert only(find_differences(run(job({"error": 4.0})), baseline, limits), "worse").text.startswith(
        "error 3 -> 4: up 1"
    )
    assert only(find_differences(run(job({"error": 2.0})), baseline, limits), "better").excess < 0


def test_the_direction_is_the_baselines_and_is_needed_only_where_there_is_a_limit(job: Job) -> None:
    new, old = (RunOutcome.of([job({"sharpness": value})]) for value in (1.0, 2.0))
    comparison = find_differences(new, old)
    assert comparison.ok
    assert "no limit" in only(comparison, "note").text
    with pytest.raises(InputError, match="metric sharpness: neither BASELINE nor a plugin"):
        find_differences(new, old, Thresholds({"sharpness": 0.5}))


def test_infinite_scores_are_the_best_there_are(job: Job, run: Run) -> None:
    perfect, good = run(job({"psnr": math.inf})), run(job({"psnr": 40.0}))
    assert only(find_differences(perfect, perfect), "within").change == 0
    assert only(find_differences(good, perfect), "worse").excess == math.inf
    assert find_differences(perfect, good).ok


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ("ok", None, "worse"),
        ("ok", "error", "worse"),
        ("ok", "timeout", "worse"),
        ("ok", "skipped", "worse"),
        ("skipped", None, "worse"),
        ("skipped", "oom", "worse"),
        ("skipped", "ok", "better"),
        ("error", "ok", "better"),
        ("error", "skipped", "better"),
        ("error", "oom", "note"),
        ("error", "error", "note"),
        ("error", None, "note"),
        (None, "ok", "note"),
        (None, "error", "note"),
        ("skipped", "skipped", None),
        ("ok", "ok", None),
    ],
)
def test_what_becomes_of_a_job(
    job: Job, run: Run, before: str | None, after: str | None, verdict: str | None
) -> None:
    other = job({}, dataset="other")
    sides = [run(other, *([job(status=status)] if status else [])) for status in (after, before)]
    found = [(d.subject, d.verdict) for d in find_differences(*sides).differences if d.kind == "job"]
    assert found == ([("seed 0", verdict)] if verdict else [])


def test_a_metric_that_is_gone_is_a_regression_and_a_new_one_is_not(job: Job, run: Run) -> None:
    both, one = run(job({"psnr": 30.0, "ssim": 0.9})), run(job({"psnr": 30.0}))
    assert only(find_differences(one, both), "worse").text == "ssim of seed 0 is missing; the baseline has it"
    comparison = find_differences(both, one)
    assert comparison.ok
    assert comparison.notes == ("metric ssim is new",)


def test_the_worst_comes_first_and_notes_last(job: Job, run: Run) -> None:
    baseline = run(
        job({"psnr": 30.0, "ssim": 0.9}), job({"psnr": 30.0}, method="gone"), job({"psnr": 30.0}, method="up")
    )
    new = run(
        job({"psnr": 29.8, "ssim": 0.8}), job({"psnr": 33.0}, method="up"), job({"psnr": 1.0}, method="new")
    )
    order = [(d.method, d.subject, d.verdict) for d in find_differences(new, baseline).differences]
    assert order == [
        ("gone", "seed 0", "worse"),
        ("cubic", "ssim", "worse"),
        ("cubic", "psnr", "worse"),
        ("up", "psnr", "better"),
        ("new", "seed 0", "note"),
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"protocol_version": 2}, "protocol_version is 2 in RUN and 1 in BASELINE"),
        ({"profile": "quick"}, "profile is quick in RUN and smoke in BASELINE"),
        ({"budget": "300s"}, "budget is 300s in RUN and 10steps in BASELINE"),
        ({"device": "cuda"}, "device is cuda in RUN and cpu in BASELINE"),
        ({"precision": "bf16"}, "precision is bf16 in RUN and auto in BASELINE"),
        ({"version": 2}, "version of metric psnr is 2 in RUN and 1 in BASELINE"),
        ({"settings": {"a": -0.75}}, "settings.a is -0.75 in RUN and -0.5 in BASELINE"),
        ({"data": {"sha256": "b" * 64}}, f"dataset.sha256 is {'b' * 64} in RUN and {'a' * 64} in BASELINE"),
        ({"data": {"shape": [6, 8, 8]}}, r"dataset.shape is \[6, 8, 8\] in RUN and \[9, 8, 8\] in BASELINE"),
        (
            {
                "data": {
                    "definition": {"bin": 1, "crop": None, "key": None, "phantom": None, "simulate": None}
                }
            },
            'dataset.definition.simulate is none in RUN and {"ratio": 3.0} in BASELINE',
        ),
    ],
)
def test_only_like_is_compared_with_like(job: Job, run: Run, change: dict[str, Any], message: str) -> None:
    other = job({"psnr": 1.0}, dataset="other")
    with pytest.raises(
        InputError, match=f"^cells cubic seed 0: {message}; run it as BASELINE was run, or"
    ) as caught:
        find_differences(run(other, job({"psnr": 30.0}, **change)), run(other, job({"psnr": 30.0})))
    assert "\n" not in str(caught.value)


def test_what_explains_most_is_named_first(job: Job, run: Run) -> None:
    new = [
        job({"psnr": 30.0}, seed=s, profile="quick", data={"shape": [1]}, settings={"a": 0}) for s in (0, 1)
    ]
    old = [job({"psnr": 30.0}, seed=s) for s in (0, 1)]
    with pytest.raises(InputError, match=r"seed 0: profile is quick.*\(and 5 more differences\)"):
        find_differences(run(*new), run(*old))


def test_jobs_that_failed_are_compared_by_what_was_asked_of_them(job: Job, run: Run) -> None:
    failed = job(status="error", data={"sha256": None, "shape": None}, settings={})
    assert not find_differences(run(failed), run(job({"psnr": 30.0}))).ok
    with pytest.raises(InputError, match="profile"):
        find_differences(run(job(status="error", profile="full")), run(job({"psnr": 30.0})))


def test_a_setting_that_only_one_side_knows_is_a_note(job: Job, run: Run) -> None:
    new, old = run(job(settings={"a": 1, "flips": False})), run(job(settings={"a": 1, "old": 2}))
    assert find_differences(new, old).notes == (
        "cubic: settings.flips is false in RUN and absent in BASELINE",
        "cubic: settings.old is absent in RUN and 2 in BASELINE",
    )


def test_a_generated_volume_is_identified_by_its_options_and_not_by_its_voxels(job: Job, run: Run) -> None:
    def made(digit: str, **options: Any) -> RunOutcome:
        phantom = {"size": 160, "generator_version": 1} | options
        data = {"sha256": digit * 64, "sha256_of": "voxels", "definition": {"phantom": phantom}}
        return run(job({"psnr": 30.0}, data=data))

    (note,) = find_differences(made("a"), made("b")).notes
    assert note.startswith("cells: dataset.sha256 is aaa")
    with pytest.raises(InputError, match="generator_version is 2"):
        find_differences(made("a", generator_version=2), made("a"))


def test_other_versions_and_machines_are_noted_once(job: Job, run: Run) -> None:
    new = [job(seed=s, information={"torch": "2.7", "plugin": "a 1"}) for s in (0, 1)]
    old = [job(seed=s, information={"torch": "2.6", "plugin": "a 0"}) for s in (0, 1)]
    assert find_differences(run(*new), run(*old)).notes == (
        "cubic plugin: a 0 in BASELINE, a 1 in RUN",
        "torch: 2.6 in BASELINE, 2.7 in RUN",
    )


def test_a_comparison_as_json_counts_its_verdicts(job: Job, run: Run) -> None:
    content = find_differences(run(job({"psnr": 29.0})), run(job({"psnr": 30.0}))).to_dict()
    assert (content["ok"], content["counts"]) == (False, {"worse": 1})
    (difference,) = content["differences"]
    assert (difference["subject"], difference["baseline"], difference["run"]) == ("psnr", 30.0, 29.0)
