"""The calibration of a machine, as jobs record it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from a2ibench.bench import calibration
from a2ibench.bench.calibration import VERSION, Calibrator
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.record import Calibration, read_record
from a2ibench.bench.run_job import run_job

CHILD = """
import json, sys
from dataclasses import asdict
from a2ibench.bench.calibration import Calibrator
calibration = Calibrator("cpu")
calibration.begin()
found = asdict(calibration.end())
print(json.dumps([found, "torch" in sys.modules]))
"""


@pytest.fixture(autouse=True)
def light_jobs() -> None:
    """Jobs are measured in full here."""


def test_where_torch_is_not_loaded_it_stays_so() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    found, torch_loaded = json.loads(done.stdout)
    assert not torch_loaded
    assert found.keys() == {"version", "kernel", "seconds", "serial_seconds"}
    assert (found["version"], found["kernel"]) == (VERSION, "numpy")
    assert 0 < found["serial_seconds"] < 5
    assert 0 < found["seconds"] < 5


def measured(where: str = "cpu") -> Calibration | None:
    found = Calibrator(where)
    found.begin()
    return found.end()


def test_where_torch_is_loaded_it_is_measured() -> None:
    found = measured()
    assert found is not None
    assert found.kernel == "torch"
    assert found.seconds > 0
    assert found.serial_seconds > 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time, which stands still but for what a test adds to it."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def planted(
    monkeypatch: pytest.MonkeyPatch, clock: list[float], wide: list[float], narrow: list[float]
) -> None:
    """Let the computations take the given times, one after the other."""

    def kernel(times: Iterator[float]) -> Callable[[], None]:
        def work() -> None:
            clock[0] += next(times)

        return work

    kernels = kernel(iter(wide)), kernel(iter(narrow))
    monkeypatch.setattr(calibration, "_of_torch", lambda where: kernels)


def test_the_first_and_the_slowest_measurements_are_left_out(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    planted(
        monkeypatch, clock, [0.009] * 3 + [0.001] * 8 + [0.006] * 4 + [0.003] * 8, [0.009] * 3 + [0.0005] * 20
    )
    found = measured()
    assert found is not None
    assert (found.seconds, found.serial_seconds) == pytest.approx((0.002, 0.0005))


def test_on_a_very_busy_machine_it_ends_early(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    planted(monkeypatch, clock, [2.0] * 3 + [0.5] * 10, [0.0] * 13)
    found = measured()
    assert found is not None
    assert found.seconds == 0.5
    assert clock == [11.0]


def test_a_busy_time_in_the_middle_of_the_work_counts(
    monkeypatch: pytest.MonkeyPatch, clock: list[float]
) -> None:
    planted(monkeypatch, clock, [0.0] * 3 + [0.01] * 10 + [0.03] * 60 + [0.01] * 10, [0.001] * 83)
    found = Calibrator("cpu")
    found.begin()
    taken = []
    for _ in range(120):
        clock[0] += 0.55
        taken.append(found.sample())
    assert taken == pytest.approx([0.0, 0.031] * 60)
    result = found.end()
    assert result is not None
    assert result.seconds == pytest.approx(0.03)


def test_of_short_work_everything_counts(monkeypatch: pytest.MonkeyPatch, clock: list[float]) -> None:
    planted(monkeypatch, clock, [0.0] * 3 + [0.01] * 10 + [0.03] * 5 + [0.01] * 10, [0.001] * 28)
    found = Calibrator("cpu")
    found.begin()
    for _ in range(5):
        clock[0] += 1.1
        found.sample()
    result = found.end()
    assert result is not None
    assert result.seconds == pytest.approx(0.01)


def test_no_random_number_is_drawn_from_a_global_generator() -> None:
    def state() -> list[object]:
        return [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # noqa: NPY002

    before, threads = state(), torch.get_num_threads()
    measured()
    assert state() == before
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize("good", [0, 5, 15])
def test_a_calibration_that_fails_is_none(
    good: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = iter(range(good))

    def fails() -> None:
        if next(calls, None) is None:
            raise RuntimeError("no memory on the device")

    monkeypatch.setattr(calibration, "_of_torch", lambda where: [fails, lambda: None])
    assert measured() is None
    assert "no memory on the device" in caplog.text


def test_a_job_records_it_outside_of_its_phases(
    probe: Path, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Calibration(1, "torch", 0.25, 0.125)

    class Slow(Calibrator):
        def begin(self) -> None:
            time.sleep(1.0)

        def sample(self) -> float:
            time.sleep(1.0)
            return 1.0

        def end(self) -> Calibration:
            time.sleep(1.0)
            return found

    monkeypatch.setattr("a2ibench.bench.run_job.Calibrator", Slow)
    (job,) = plan_run(
        RunOptions(["nearest"], ["thin"], catalogue=catalogue, profile="smoke", device="cpu")
    ).jobs()
    folder = tmp_path / "job"
    folder.mkdir()
    record = run_job(job, folder)
    assert record.status == "ok"
    assert read_record(folder).calibration == found
    assert max(record.timings[phase] for phase in ("fit", "reconstruct", "score")) < 0.9
    assert "calibration" not in record.timings


def test_a_job_without_a_result_has_none(
    probe: Path, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = plan_run(
        RunOptions(["skips"], ["thin"], catalogue=catalogue, profile="smoke", device="cpu")
    ).jobs()
    folder = tmp_path / "job"
    folder.mkdir()
    assert run_job(job, folder).calibration is None


def test_a_gpus_peak_of_memory_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(calibration, "_of_torch", lambda where: [lambda: calls.append("kernel")] * 2)
    monkeypatch.setattr("a2ibench.bench.device.synchronise", lambda where: None)
    for name in ("empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda name=name: calls.append(name))
    found = Calibrator("cuda")
    found.begin()
    assert calls[-2:] == ["empty_cache", "reset_peak_memory_stats"]
    before = len(calls)
    assert found.sample() == 0
    assert found.end() is not None
    assert len(calls) == before
