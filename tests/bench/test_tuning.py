"""Which value a tuning takes for the best, and what it refuses to tune on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from a2ibench.bench.record import Failure, Record
from a2ibench.bench.score import Score
from a2ibench.bench.tuning import Outcome, Trial, Tuning, judge, plan_tuning, run_tuning
from a2ibench.bench.tuning_options import DEVELOPMENT, TuneOptions
from a2ibench.data.catalogue import load_catalogue
from a2ibench.errors import InputError, UnknownNameError
from a2ibench.reporting.tuning import tuning_conclusions, tuning_rows

DIVERGED = "training diverged at step 10: the loss is nan; lower learning_rate"


def record(dataset: str, psnr: float | None, seed: int = 0, fit: float = 2.0) -> Record:
    return Record(
        dataset,
        "mine",
        seed,
        metrics={} if psnr is None else {"psnr": Score(psnr, 1)},
        timings={"fit": fit},
    )


def ended(dataset: str, message: str, seed: int = 0, status: str = "error") -> Record:
    return Record(dataset, "mine", seed, status, error=Failure("PluginError", message))


def tuned(gains: Mapping[float, float | str]) -> Tuning:
    """Return a tuning on one volume, with a gain or a status for each value."""
    trials = [
        Trial(value, {"one": Outcome(gain) if isinstance(gain, str) else Outcome("ok", gain, 1.0)})
        for value, gain in gains.items()
    ]
    return Tuning("mine", "learning_rate", tuple(trials), Path("folder"))


def test_the_score_is_the_mean_over_datasets_of_means_over_seeds() -> None:
    records = [record("a", 31, 0, 1), record("a", 33, 1, 3), record("b", 27, 0, 5), record("b", 27, 1, 7)]
    trial = judge(0.001, ["a", "b"], records, [record("a", 30), record("b", 28)])
    assert {name: one.gain for name, one in trial.outcomes.items()} == {"a": 2, "b": -1}
    assert (trial.status, trial.gain, trial.fit_seconds) == ("ok", 0.5, 4)


@pytest.mark.parametrize(
    ("record_of_b", "status"),
    [
        (ended("b", DIVERGED), "diverged"),
        (
            ended("b", "mine.reconstruct returned 7 values that are NaN or infinite; return finite"),
            "diverged",
        ),
        (ended("b", "no luck"), "failed"),
        (ended("b", "too long", status="timeout"), "failed"),
        (record("b", None), "failed"),
        (None, "failed"),
    ],
)
def test_a_value_that_fails_on_one_dataset_has_no_score(record_of_b: Record | None, status: str) -> None:
    records = [record("a", 31), *([record_of_b] if record_of_b else [])]
    trial = judge(0.001, ["a", "b"], records, [record("a", 30), record("b", 28)])
    assert (trial.outcomes["a"].status, trial.outcomes["b"].status, trial.status) == ("ok", status, status)
    assert math.isnan(trial.gain)


def test_one_seed_that_diverges_is_enough_and_a_failure_counts_before_it() -> None:
    cubic = [record("a", 30)]
    assert judge(1, ["a"], [record("a", 31), ended("a", DIVERGED, 1)], cubic).status == "diverged"
    assert judge(1, ["a"], [ended("a", DIVERGED), ended("a", "no luck", 1)], cubic).status == "failed"


def test_a_dataset_that_the_method_skips_does_not_count() -> None:
    skipped = Record("b", "mine", 0, "skipped", reason="too thin")
    trial = judge(1, ["a", "b"], [record("a", 31), skipped], [record("a", 30), record("b", 28)])
    assert (trial.status, trial.gain) == ("ok", 1)
    assert judge(1, ["b"], [skipped], [record("b", 28)]).status == "skipped"


def test_without_the_baseline_there_is_no_gain() -> None:
    assert judge(1, ["a"], [record("a", 31)], [ended("a", "no luck")]).status == "failed"


def test_the_best_has_the_largest_gain_and_others_lie_behind() -> None:
    tuning = tuned({0.001: 1.0, 0.002: 1.5, 0.004: 1.25})
    assert tuning.best is tuning.trials[1]
    assert [tuning.behind(trial) for trial in tuning.trials] == [0.5, 0, 0.25]
    assert (tuning.beyond, tuning.failed) == (None, False)


def test_of_equal_ones_the_smallest_is_best() -> None:
    assert tuned({0.001: 1.0, 0.002: 1.5, 0.004: 1.5}).best == Trial(0.002, {"one": Outcome("ok", 1.5, 1.0)})


@pytest.mark.parametrize("above", [1.1, "diverged"], ids=["less than half", "diverged"])
def test_a_value_next_to_one_that_collapsed_is_not_taken(above: float | str) -> None:
    tuning = tuned({0.002: 2.4, 0.004: 2.6, 0.008: 2.8, 0.016: above})
    assert tuning.best is tuning.trials[1]
    assert [tuning.close_to_collapse(trial) for trial in tuning.trials] == [False, False, True, True]
    assert [*tuning_conclusions(tuning)] == [
        "best: learning_rate = 0.004, +2.60 dB over cubic interpolation",
        "0.008 gained +2.80 dB, but is too close to a value that collapsed",
    ]
    # What collapsed is not taken itself where the grid leaves nothing else.
    short = tuned({0.008: 2.8, 0.016: above})
    assert (short.best, short.beyond) == (short.trials[0], "smaller")
    # Half of the best is no collapse, and neither is what lies further away than a step of the grid.
    assert tuned({0.002: 2.4, 0.004: 2.6, 0.008: 2.8, 0.016: 1.5}).best == tuning.trials[2]
    assert tuned({0.002: 2.4, 0.004: 2.6, 0.008: 2.8, 0.1: above}).best == tuning.trials[2]


@pytest.mark.parametrize(
    ("gains", "beyond"),
    [
        ({0.001: 1.0, 0.002: 2.0}, "larger"),
        ({0.001: 2.0, 0.002: 1.0}, "smaller"),
        ({0.001: 1.0, 0.002: 2.0, 0.004: 1.9, 0.008: "diverged"}, None),
    ],
)
def test_a_best_value_at_the_end_of_the_grid_is_told(
    gains: Mapping[float, float | str], beyond: str | None
) -> None:
    tuning = tuned(gains)
    assert tuning.beyond == beyond
    assert any("try " in line for line in tuning_conclusions(tuning)) == (beyond is not None)


def test_divergence_is_a_result_unless_nothing_else_came_of_it() -> None:
    tuning = tuned({0.001: 1.0, 0.002: "diverged"})
    assert tuning.best is tuning.trials[0]
    assert not tuning.failed
    assert tuning_rows(tuning)[1] == ["0.002", "diverged", "", "", ""]
    nothing = tuned({0.001: "diverged", 0.002: "diverged"})
    assert (nothing.best, nothing.beyond, nothing.failed) == (None, None, True)
    assert [*tuning_conclusions(nothing)] == [
        "no value of learning_rate is known to be good: every training diverged; try smaller ones"
    ]
    assert tuned({0.001: 1.0, 0.002: "failed"}).failed


def test_the_default_volumes_are_no_phantom_that_ships() -> None:
    plan = plan_tuning(TuneOptions("srmd", device="cpu"))
    assert [spec.name for spec in plan.run.datasets] == [*DEVELOPMENT]
    ours = {spec.phantom["seed"] for spec in DEVELOPMENT.values() if spec.phantom}
    shipped = {spec.phantom["seed"] for spec in load_catalogue().values() if spec.phantom}
    assert len(ours) == 2
    assert not ours & shipped
    assert plan.values == (0.002, 0.004, 0.008, 0.016)
    assert {spec.simulate.ratio for spec in plan.run.datasets if spec.simulate} == {3, 4}


def write(folder: Path, **entries: str) -> Path:
    file = folder / "mine.toml"
    file.write_text("".join(f"[{name}]\nvoxel_size = [8, 8, 8]\n{text}\n" for name, text in entries.items()))
    return file


SIMULATE = "simulate = {ratio = 4.0}"
FIB25 = next(spec.url for spec in load_catalogue().values() if spec.name == "fib25-validation")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"phantom = {{size = 40}}\n{SIMULATE}", "which tables report"),
        (f'phantom = {{target = "a2ibench.data.phantom:phantom"}}\n{SIMULATE}', "which tables report"),
        (f'url = "{FIB25}"\nkey = "raw"\n{SIMULATE}', "which tables report"),
        ('path = "a.tif"', "has no reference to score with"),
    ],
)
def test_what_is_reported_or_cannot_be_scored_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    catalogue = write(tmp_path, other=text)
    with pytest.raises(InputError, match=f"datasets: other .*{problem}"):
        plan_tuning(TuneOptions("srmd", datasets="other", catalogue=catalogue, device="cpu"))
    with pytest.raises(InputError, match="datasets: phantom is a volume of the catalogue that ships"):
        plan_tuning(TuneOptions("srmd", datasets="phantom", device="cpu"))


def test_a_part_of_a_volume_and_the_default_ones_by_name_may_be_tuned_on(tmp_path: Path) -> None:
    crop = "crop = [[0, 160], [0, 160], [0, 160]]"
    catalogue = write(tmp_path, half=f'url = "{FIB25}"\nkey = "raw"\n{crop}\n{SIMULATE}')
    plan = plan_tuning(TuneOptions("srmd", datasets="phantom-102,half", catalogue=catalogue, device="cpu"))
    assert [spec.name for spec in plan.run.datasets] == ["phantom-102", "half"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"method": "srmdd"}, "unknown method 'srmdd'; did you mean 'srmd'"),
        ({"method": "cubic"}, "setting: got 'learning_rate', which is no numeric setting of cubic; choose"),
        ({"setting": "planes"}, "setting: got 'planes', which is no numeric setting of srmd"),
        ({"setting": "flips"}, "setting: got 'flips', which is no numeric setting of srmd"),
        ({"values": "0.001"}, "values: got '0.001'; give at least two different numbers"),
        ({"values": "0.001,0.0010"}, "values: got .*; give at least two different numbers"),
        ({"values": "0.001,fast"}, "values: got .*; give at least two different numbers"),
        ({"values": [0.001, math.inf]}, "values: got .*; give at least two different numbers"),
        ({"values": "-1,1"}, "srmd.learning_rate: got -1.0; give a value of at least 0"),
        ({"budget": "ten"}, "budget: got 'ten'"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(options: dict[str, Any], problem: str) -> None:
    with pytest.raises((InputError, UnknownNameError), match=problem):
        plan_tuning(TuneOptions(**{"method": "srmd", "device": "cpu"} | options))


def test_values_are_tried_in_rising_order_as_numbers_of_the_setting() -> None:
    plan = plan_tuning(TuneOptions("srmd", setting="reach", values="9,6", device="cpu"))
    assert [*plan.runs()] == ["cubic", "reach=6", "reach=9"]
    assert [run.settings for run in plan.runs().values()] == [
        {},
        {"srmd": {"reach": 6}},
        {"srmd": {"reach": 9}},
    ]


def test_a_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="is not empty and holds no tuning"):
        plan_tuning(TuneOptions("srmd", device="cpu", out=tmp_path))


@pytest.mark.usefixtures("probe")
def test_a_reconstruction_that_is_not_finite_diverged_whoever_wrote_the_method(
    catalogue: Path, tmp_path: Path
) -> None:
    options = {"datasets": "full", "catalogue": catalogue, "profile": "smoke", "device": "cpu"}
    given = TuneOptions(
        "nan", setting="gain", values="0.5,1", executor="inline", out=tmp_path / "out", **options
    )
    tuning = run_tuning(plan_tuning(given))
    assert [trial.status for trial in tuning.trials] == ["diverged", "diverged"]
    assert tuning.failed


@pytest.mark.usefixtures("probe")
def test_settings_of_a_constructor_are_tuned_like_declared_ones(catalogue: Path) -> None:
    options = {"datasets": "full", "catalogue": catalogue, "device": "cpu"}
    assert plan_tuning(TuneOptions("bare", setting="gain", values="1,2", **options)).values == (1, 2)
    for name in ("deep", "mode"):
        with pytest.raises(InputError, match=f"got '{name}', .*; choose one of gain, steps"):
            plan_tuning(TuneOptions("bare", setting=name, **options))
