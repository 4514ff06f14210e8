"""Estimates from earlier records: in closed form, and none where no record tells."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from a2ibench.bench import estimate
from a2ibench.bench.estimate import History
from a2ibench.bench.job import Job
from a2ibench.contracts import Budget, DatasetSpec, Simulation
from a2ibench.files import write_json

quietly = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
CUBE = DatasetSpec("cube", "C", (10.0,) * 3, phantom={"size": 24}, simulate=Simulation(3.0))
JOB = Job(CUBE, "cubic", 0, "smoke", Budget(steps=10), precision="fp32", settings={"a": -0.5})
TIMINGS = {
    "setup": 2.0, "fetch": 100.0, "load": 0.5, "simulate": 0.25, "fit": 8.0, "reconstruct": 4.0,
    "score": 1.0, "write": 0.25,
}  # fmt: skip

Write = Callable[..., Path]


def a_record(**changes: Any) -> dict[str, Any]:
    """A record of `JOB`; changes by name, those of the provenance too."""
    provenance = {
        "profile": "smoke", "device": "cpu", "precision": "fp32", "settings": {"a": -0.5},
        "budget": "10steps", "device_name": "abacus", "version": "0.1.0", "environment": {"cpus": 4},
        "dataset": {"input_shape": [8, 24, 24], "shape": [24, 24, 24]},
        "finished": "2026-01-01T00:00:00+00:00",
    }  # fmt: skip
    whole = {
        "dataset": "cube", "method": "cubic", "seed": 0, "status": "ok", "metrics": {}, "timings": TIMINGS,
        "memory": {}, "model": {"params": 7}, "error": None,
    }  # fmt: skip
    outer = {name: value for name, value in changes.items() if name not in provenance or name == "dataset"}
    inner = {name: value for name, value in changes.items() if name in provenance and name != "dataset"}
    if "shapes" in changes:
        inner["dataset"] = outer.pop("shapes")
    return whole | outer | {"provenance": provenance | inner}


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Return a function that writes a record into ``reports/RUN/jobs/JOB``."""
    monkeypatch.setattr(estimate, "_machine", lambda device: ("abacus", 4))

    def write(run: str = "one", job: str = "cube--cubic--s0", **changes: Any) -> Path:
        folder = tmp_path / "reports" / run / "jobs" / job
        folder.mkdir(parents=True, exist_ok=True)
        (folder.parents[1] / "run.json").write_text("{}")
        write_json(folder / "record.json", a_record(**changes))
        return folder

    return write


def seconds(folder: Path, job: Job = JOB) -> float | None:
    found = History([folder / "reports"]).estimate(job)
    return None if found is None else found.seconds


def test_the_same_job_takes_as_long_as_before_but_for_its_download(write: Write, tmp_path: Path) -> None:
    folder = write()
    found = History([tmp_path / "reports", tmp_path / "reports" / ".." / "reports"]).estimate(JOB)
    assert found is not None
    assert (found.seconds, found.scaled, found.source) == (16.0, False, folder)


@quietly
@given(steps=st.integers(1, 10**6), size=st.integers(6, 60), ratio=st.sampled_from([2.0, 3.0, 10 / 3]))
def test_steps_scale_the_training_and_voxels_the_rest(
    steps: int, size: int, ratio: float, write: Write, tmp_path: Path
) -> None:
    write()
    cube = DatasetSpec("other", "O", (10.0,) * 3, phantom={"size": size}, simulate=Simulation(ratio))
    job = Job(cube, "cubic", 3, "smoke", Budget(steps=steps), precision="fp32", settings={"a": -0.5})
    slices = round(int(size / ratio + 1e-9) * ratio)
    expected = 2 + 8 * steps / 10 + 6 * slices * size**2 / 24**3
    assert seconds(tmp_path, job) == pytest.approx(expected)


def test_a_method_that_learns_nothing_scales_with_the_voxels_alone(write: Write, tmp_path: Path) -> None:
    write(model={}, timings=TIMINGS | {"fit": 0.001})
    twice = Job(CUBE, "cubic", 0, "smoke", Budget(steps=20), precision="fp32", settings={"a": -0.5})
    found = History([tmp_path / "reports"]).estimate(twice)
    assert found is not None
    assert (found.seconds, found.scaled) == (pytest.approx(8.001), False)


def test_controls_count_for_the_job_that_scores_them(write: Write, tmp_path: Path) -> None:
    scoring = replace(JOB, controls=True)
    scores = {"psnr": {"value": 30.0, "version": 1}}
    write(timings=TIMINGS | {"controls": 3.5}, metrics=scores)
    assert (seconds(tmp_path), seconds(tmp_path, scoring)) == (16.0, 19.5)
    # Of an earlier job without them the scores tell; one without scores has none.
    write(metrics=scores)
    assert (seconds(tmp_path), seconds(tmp_path, scoring)) == (16.0, 20.0)
    write()
    assert (seconds(tmp_path), seconds(tmp_path, scoring)) == (16.0, 16.0)


def test_a_time_budget_is_the_time_of_the_training(write: Write, tmp_path: Path) -> None:
    write()
    timed = Job(CUBE, "cubic", 0, "smoke", Budget(seconds=300), precision="fp32", settings={"a": -0.5})
    found = History([tmp_path / "reports"]).estimate(timed)
    assert found is not None
    assert (found.seconds, found.scaled) == (pytest.approx(308), True)
    write(budget="300s")
    assert seconds(tmp_path, JOB) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "error"},
        {"status": "skipped"},
        {"method": "srmd"},
        {"profile": "quick"},
        {"device": "cuda"},
        {"precision": "auto"},
        {"settings": {}},
        {"settings": {"a": -0.75}},
        {"device_name": "another processor"},
        {"environment": {"cpus": 64}},
        {"environment": None},
        {"budget": "99steps", "model": {}},
        {"budget": "soon"},
        {"timings": {}},
        {"timings": {"setup": 1.0}},
        {"timings": TIMINGS | {"fit": "inf"}},
        {"timings": TIMINGS | {"load": -1e9}},
        {"shapes": None},
        {"shapes": {}},
        {"shapes": {"shape": []}, "timings": TIMINGS | {"load": "1"}},
        {"shapes": {"shape": [0, 1, 1]}},
        {"shapes": {"shape": "large"}},
        {"model": {"params": "many"}},
    ],
)
def test_a_record_that_does_not_tell_is_no_evidence(
    changes: dict[str, Any], write: Write, tmp_path: Path
) -> None:
    write(**changes)
    assert seconds(tmp_path) is None


def test_there_is_no_estimate_without_records_or_size(write: Write, tmp_path: Path) -> None:
    assert seconds(tmp_path) is None
    folder = write()
    gone = DatasetSpec("gone", "G", (30.0, 10.0, 10.0), path=tmp_path / "gone.tif")
    job = Job(gone, "cubic", 0, "smoke", Budget(steps=10), precision="fp32", settings={"a": -0.5})
    assert seconds(tmp_path, job) is None
    assert seconds(tmp_path) == 16
    (folder / "record.json").write_text("{")
    assert seconds(tmp_path) is None


def test_the_best_fitting_record_counts_and_of_equal_ones_the_newest(write: Write, tmp_path: Path) -> None:
    late = "2026-03-01T00:00:00+00:00"
    shapes = {"input_shape": [8, 48, 48], "shape": [24, 48, 48]}
    write("scaled", shapes=shapes, finished=late)
    assert seconds(tmp_path) == pytest.approx(2 + 8 + 6 / 4)
    write("elsewhere", dataset="sphere", timings=TIMINGS | {"score": 2.0}, finished=late)
    assert seconds(tmp_path) == 17
    write("old", timings=TIMINGS | {"score": 3.0})
    assert seconds(tmp_path) == 18
    write("new", timings=TIMINGS | {"score": 4.0}, finished="2026-02-01T00:00:00+00:00")
    assert seconds(tmp_path) == 19


def test_a_refusal_counts_for_the_same_method_and_size(write: Write, tmp_path: Path) -> None:
    def refused() -> Path | None:
        found = History([tmp_path / "reports"]).skipped(JOB)
        return None if found is None else found.folder

    assert refused() is None
    folder = write(status="skipped", profile="full", precision="bf16")
    assert refused() == folder
    for changes in (
        {"method": "srmd"},
        {"settings": {}},
        {"version": "0.0.9"},
        {"dataset": "sphere"},
        {"status": "ok"},
        {"shapes": {"input_shape": [9, 24, 24], "shape": [27, 24, 24]}},
    ):
        write(**{"status": "skipped"} | changes)
        assert refused() is None, json.dumps(changes)
