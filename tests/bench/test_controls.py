"""Rows that tell what scores mean: what they are made of, which job scores them, and where they stay out."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, gaussian_filter1d

import a2ibench
from a2ibench.bench import controls
from a2ibench.bench.cache_key import is_current, job_key
from a2ibench.bench.controls import linear, make_control, nearest, noise_gain, smoothed, smoothing_width
from a2ibench.bench.gate.records import run_outcome
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.record import CONTROLS, Record, read_record, write_record
from a2ibench.bench.run import Run, read_run
from a2ibench.bench.run_file import read_run_file
from a2ibench.bench.run_job import run_job
from a2ibench.contracts import AxialGrid, Volume
from a2ibench.errors import InputError
from a2ibench.metrics.psnr import CEILING as CAP
from a2ibench.protocol.intensity import normalise
from a2ibench.protocol.resample import interpolation_matrix

RATIOS = [2.0, 3.0, 10 / 3, 8.0]


def stack(ratio: float, shape: tuple[int, int, int] = (9, 12, 10), dtype: str = "uint8") -> Volume:
    levels = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    return Volume(levels, (ratio, 1.0, 1.0), (0.0, 255.0))


@pytest.mark.parametrize("ratio", RATIOS)
def test_linear_is_that_of_numpy(ratio: float) -> None:
    volume = stack(ratio)
    grid = AxialGrid(9, ratio)
    wanted = np.apply_along_axis(lambda z: np.interp(grid.positions, np.arange(9), z), 0, volume.data)
    np.testing.assert_allclose(linear(volume, grid), wanted / 255, atol=1e-6)


@pytest.mark.parametrize("ratio", [2.0, 3.0, 10 / 3])
def test_nearest_takes_the_slice_whose_centre_is_nearest(ratio: float) -> None:
    volume = stack(ratio)
    grid = AxialGrid(9, ratio)
    distances = np.abs(grid.positions[:, None] - np.arange(9))
    np.testing.assert_array_equal(
        make_control("nearest", volume, None), volume.data[distances.argmin(axis=1)]
    )
    # Halfway, it is the later one.
    half = AxialGrid(9, 2.5)
    assert half.positions[2] == 0.5
    np.testing.assert_array_equal(nearest(stack(2.5), half)[2], normalise(volume.data[1], volume))


@pytest.mark.parametrize("ratio", [1.1, *RATIOS])
def test_the_gain_of_noise_is_that_of_the_filters_themselves(ratio: float) -> None:
    width = 0.7
    matrix = interpolation_matrix(AxialGrid(150, ratio))
    axial = gaussian_filter1d(matrix, width, axis=0, mode="nearest")
    inside = slice(round(20 * ratio), round(130 * ratio))
    lateral = gaussian_filter1d(np.eye(31)[15], width)
    wanted = math.sqrt((axial[inside] ** 2).sum(axis=1).mean()) * (lateral**2).sum()
    assert noise_gain(width, ratio) == pytest.approx(wanted, rel=1e-3)
    alone = math.sqrt((matrix[inside] ** 2).sum(axis=1).mean())
    assert noise_gain(0.0, ratio) == pytest.approx(alone, rel=1e-2)


@pytest.mark.parametrize("ratio", RATIOS)
def test_smoothing_leaves_as_much_noise_as_the_mean_of_as_many_voxels(ratio: float) -> None:
    noise = np.random.default_rng(1).normal(0.5, 0.1, (40, 120, 120)).astype(np.float32)
    volume = Volume(noise, (ratio, 1.0, 1.0), (0.0, 1.0))
    left = smoothed(volume, AxialGrid(40, ratio))[round(3 * ratio) : -round(3 * ratio), 6:-6, 6:-6]
    assert left.std() == pytest.approx(0.1 / math.sqrt(ratio), rel=0.01)
    assert left.mean() == pytest.approx(0.5, abs=1e-3)


def test_smoothing_depends_on_the_ratio_only() -> None:
    flat = Volume(np.full((6, 9, 9), 7, np.uint8), (3.0, 1.0, 1.0), (0.0, 255.0))
    spike = Volume(flat.data.copy(), (3.0, 1.0, 1.0), (0.0, 255.0))
    spike.data[3, 4, 4] = 107
    grid = AxialGrid(6, 3.0)
    cubic = interpolation_matrix(grid)[:, 3, None, None] * np.eye(81)[40].reshape(9, 9) * 100 / 255
    wanted = gaussian_filter(cubic, smoothing_width(3.0), mode="nearest")
    np.testing.assert_allclose(smoothed(spike, grid) - smoothed(flat, grid), wanted, atol=1e-6)
    np.testing.assert_array_equal(make_control("smoothed", flat, None), np.full((18, 9, 9), 7))


def test_where_interpolation_leaves_little_noise_nothing_is_smoothed() -> None:
    assert smoothing_width(1.1) == 0
    widths = [smoothing_width(ratio) for ratio in (1.3, 2.0, 3.0, 8.0, 20.0)]
    assert widths == sorted(widths)
    assert widths[0] > 0


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16"])
def test_the_ceiling_is_the_reference_of_whole_grey_levels(dtype: str) -> None:
    volume = stack(3.0, dtype=dtype)
    reference = np.random.default_rng(2).integers(0, 256, (27, 12, 10)).astype(dtype)
    np.testing.assert_array_equal(make_control("ceiling", volume, reference), reference)
    assert make_control("ceiling", volume, None) is None


@pytest.fixture
def job_of(probe: Path, catalogue: Path, tmp_path: Path) -> Callable[..., Record]:
    """Run the first job of a plan in this process."""

    def run(dataset: str, metrics: list[str], method: str = "cubic", **options: Any) -> Record:
        asked = RunOptions(method, dataset, metrics=metrics, catalogue=catalogue, profile="smoke",
                           device="cpu", **options)  # fmt: skip
        folder = tmp_path / f"job-{len(list(tmp_path.glob('job-*')))}"
        folder.mkdir()
        return run_job(plan_run(asked).jobs()[0], folder)

    return run


def test_a_job_scores_the_controls_after_its_own_work(
    job_of: Callable[..., Record], quick_jobs: None
) -> None:
    record = job_of("full", ["psnr", "ssim", "spread"])
    assert list(record.controls) == list(CONTROLS)
    assert all(list(scores) == ["psnr", "ssim", "spread"] for scores in record.controls.values())
    assert record.controls["ceiling"]["psnr"].value == CAP
    assert record.controls["ceiling"]["ssim"].value == pytest.approx(1)
    assert record.controls["linear"]["psnr"].version == record.metrics["psnr"].version
    assert list(record.timings)[-2:] == ["write", "controls"]
    without = job_of("full", ["psnr", "ssim", "spread"], controls=False)
    assert (without.controls, without.metrics) == ({}, record.metrics)
    assert "controls" not in without.timings
    assert "controls" not in without.to_dict()


def test_the_same_scores_come_of_finished_volumes(
    job_of: Callable[..., Record], catalogue: Path, quick_jobs: None
) -> None:
    record = job_of("full", ["psnr"])
    handed, truth = a2ibench.simulate("full", catalogue=catalogue)
    levels = nearest(handed, AxialGrid(handed.shape[0], handed.ratio))
    error = np.rint(levels * 255).astype(float) - np.asarray(truth.data, float)
    wanted = 10 * math.log10(255**2 / np.mean(error**2))
    assert record.controls["nearest"]["psnr"].value == pytest.approx(wanted)


def test_without_a_reference_there_are_metrics_that_need_none_and_no_ceiling(
    job_of: Callable[..., Record], quick_jobs: None
) -> None:
    record = job_of("thin", ["psnr", "spread"])
    assert list(record.controls) == ["nearest", "linear", "smoothed"]
    assert all(list(scores) == ["spread"] for scores in record.controls.values())
    assert record.controls["smoothed"]["spread"].value < record.controls["nearest"]["spread"].value
    assert "controls" not in job_of("thin", ["psnr"]).timings


def test_a_control_that_fails_is_left_out(
    job_of: Callable[..., Record],
    quick_jobs: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError("full")

    monkeypatch.setitem(controls._MADE, "linear", fail)
    with caplog.at_level(logging.WARNING):
        record = job_of("full", ["psnr", "broken"])
    assert record.ok
    assert list(record.controls) == ["nearest", "smoothed", "ceiling"]
    assert all(list(scores) == ["psnr"] for scores in record.controls.values())
    assert "control linear of full is left out: MemoryError: full" in caplog.text


@pytest.mark.parametrize(
    ("methods", "seeds", "job"),
    [
        (["nearest", "cubic"], 2, "--cubic--s0"),
        (["nearest", "bare"], [3, 1], "--nearest--s3"),
        (["cubic"], 1, "--cubic--s0"),
    ],
)
def test_one_job_of_each_dataset_scores_them(
    probe: Path, catalogue: Path, methods: list[str], seeds: Any, job: str
) -> None:
    asked = RunOptions(methods, "full,thin", catalogue=catalogue, device="cpu", seeds=seeds)
    plan = plan_run(asked)
    assert [one.name for one in plan.jobs() if one.controls] == [f"full{job}", f"thin{job}"]
    without = plan_run(replace(asked, controls=False))
    assert not any(one.controls for one in without.jobs())
    assert [job_key(one) for one in without.jobs()] == [job_key(one) for one in plan.jobs()]
    assert without.identity() == plan.identity()


def test_a_record_without_controls_stays_current(
    probe: Path, catalogue: Path, tmp_path: Path, quick_jobs: None
) -> None:
    given: dict[str, Any] = {
        "catalogue": catalogue, "profile": "smoke", "device": "cpu", "metrics": "psnr,spread",
        "executor": "inline", "reporters": "none", "out": tmp_path / "run",
    }  # fmt: skip
    frame = a2ibench.run("cubic", "full", controls=False, **given)
    assert read_run(tmp_path / "run").controls == {}
    a2ibench.run("cubic", "full", **given)
    run = read_run(tmp_path / "run")
    assert run.controls == {}
    (job,) = plan_run(RunOptions("cubic", "full", **given)).jobs()
    assert job.controls
    assert is_current(run.records[0], job, run.files_of(run.records[0]).folder)
    a2ibench.run("cubic", "full", fresh=True, **given)
    run = read_run(tmp_path / "run")
    assert list(run.controls) == ["full"]
    assert list(run.controls["full"]) == list(CONTROLS)
    assert run.controls["full"]["ceiling"]["psnr"] == CAP
    # They are no rows, and no numbers of the job.
    assert set(run.to_frame().columns) - set(frame.columns) == {"controls_seconds"}


def test_the_gate_sees_no_controls(tmp_path: Path) -> None:
    scores = {"psnr": {"value": 30.0, "version": 1}}
    plain: dict[str, Any] = {"dataset": "d", "method": "cubic", "seed": 0, "status": "ok", "metrics": scores,
                             "timings": {}, "memory": {}, "model": {}, "provenance": {}}  # fmt: skip
    with_controls = Record.from_dict({**plain, "controls": {"nearest": scores}})
    assert with_controls.controls
    outcomes = [
        run_outcome(Run(tmp_path, records=(record,))) for record in (Record.from_dict(plain), with_controls)
    ]
    assert outcomes[0] == outcomes[1]


def test_controls_of_a_record_are_checked_like_all_of_it(tmp_path: Path) -> None:
    plain: dict[str, Any] = {"dataset": "d", "method": "cubic", "seed": 0, "status": "ok", "metrics": {},
                             "timings": {}, "memory": {}, "model": {}, "provenance": {}}  # fmt: skip
    assert Record.from_dict(plain).controls == {}
    with pytest.raises(InputError, match=r"record\.controls\.nearest\.psnr\.value is 'high'"):
        Record.from_dict(plain | {"controls": {"nearest": {"psnr": {"value": "high", "version": 1}}}})
    scores = {"psnr": {"value": 30.0, "version": 1}, "flat": {"value": "nan", "version": 1}}
    with pytest.raises(InputError, match=r"record\.controls\.nearest\.flat\.value"):
        Record.from_dict(plain | {"controls": {"nearest": scores}})
    record = Record.from_dict(plain | {"controls": {"nearest": {"psnr": scores["psnr"]}}})
    undefined = replace(record.controls["nearest"]["psnr"], value=math.nan)
    write_record(
        tmp_path, replace(record, controls={"nearest": {**record.controls["nearest"], "x": undefined}})
    )
    found = read_record(tmp_path)
    assert found is not None
    assert found.controls == record.controls
    file = tmp_path / "record.json"
    content = json.loads(file.read_text())
    content["controls"]["nearest"]["psnr"]["value"] = 31.0
    file.write_text(json.dumps(content))
    assert read_record(tmp_path) is None


def test_run_files_may_leave_them_out(tmp_path: Path) -> None:
    file = tmp_path / "bench.toml"
    file.write_text("controls = false\n")
    assert read_run_file(file).options == {"controls": False}
    file.write_text("controls = 0\n")
    with pytest.raises(ValueError, match="controls is 0; give true or false"):
        read_run_file(file)
