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
from a2ibench.bench.calibration import VERSION, calibrate
from a2ibench.bench.job import run_job
from a2ibench.bench.plan import plan_run
from a2ibench.bench.record import read_record

CHILD = """
import json, sys
from a2ibench.bench.calibration import calibrate
found = calibrate("cpu")
print(json.dumps([found, "torch" in sys.modules]))
"""


def test_where_torch_is_not_loaded_it_stays_so() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, check=True)
    found, torch_loaded = json.loads(done.stdout)
    assert not torch_loaded
    assert found.keys() == {"version", "kernel", "seconds", "serial_seconds"}
    assert (found["version"], found["kernel"]) == (VERSION, "numpy")
    assert 0 < found["serial_seconds"] < 5
    assert 0 < found["seconds"] < 5


def test_where_torch_is_loaded_it_is_measured() -> None:
    found = calibrate("cpu")
    assert found is not None
    assert found["kernel"] == "torch"
    assert found["seconds"] > 0
    assert found["serial_seconds"] > 0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time, which stands still but for what a test adds to it."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    return now


def kernel(clock: list[float], times: Iterator[float]) -> Callable[[], None]:
    def work() -> None:
        clock[0] += next(times)

    return work


def test_the_first_repeats_and_the_slowest_are_left_out(clock: list[float]) -> None:
    wide = iter([0.009] * 3 + [0.001] * 8 + [0.006] * 4 + [0.003] * 8)
    narrow = iter([0.009] * 3 + [0.0005] * 20)
    found = calibration._seconds([kernel(clock, wide), kernel(clock, narrow)], "cpu")
    assert found == pytest.approx([0.002, 0.0005])
    assert next(wide, None) is next(narrow, None) is None


def test_on_a_very_busy_machine_it_ends_early(clock: list[float]) -> None:
    found = calibration._seconds([kernel(clock, iter([2.0] * 3 + [0.5] * 5 + [3.0] * 15))], "cpu")
    assert found == [0.5]
    assert clock == [8.5]


def test_no_random_number_is_drawn_from_a_global_generator() -> None:
    def state() -> list[object]:
        return [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # noqa: NPY002

    before, threads = state(), torch.get_num_threads()
    calibrate("cpu")
    assert state() == before
    assert torch.get_num_threads() == threads


def test_a_calibration_that_fails_is_none(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(where: str) -> None:
        raise RuntimeError("no memory on the device")

    monkeypatch.setattr(calibration, "_of_torch", fails)
    assert calibrate("cpu") is None
    assert "no memory on the device" in caplog.text


def test_a_job_records_it_outside_of_its_phases(
    probe: Path, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(where: str) -> dict[str, object]:
        time.sleep(0.6)
        return {"version": 1, "kernel": "torch", "seconds": 0.25, "serial_seconds": 0.125, "where": where}

    monkeypatch.setattr("a2ibench.bench.job.calibrate", slow)
    (job,) = plan_run(["nearest"], ["thin"], catalogue=catalogue, profile="smoke", device="cpu").jobs()
    folder = tmp_path / "job"
    folder.mkdir()
    record = run_job(job, folder)
    assert record["status"] == "ok"
    assert read_record(folder)["calibration"] == slow("cpu")
    assert record["timings"]["fit"] < 0.5
    assert "calibration" not in record["timings"]


def test_a_job_without_a_result_has_none(
    probe: Path, catalogue: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (job,) = plan_run(["skips"], ["thin"], catalogue=catalogue, profile="smoke", device="cpu").jobs()
    folder = tmp_path / "job"
    folder.mkdir()
    assert run_job(job, folder)["calibration"] is None


def test_a_gpus_peak_of_memory_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    monkeypatch.setattr(calibration, "_of_torch", lambda where: [lambda: calls.append("kernel")] * 2)
    monkeypatch.setattr("a2ibench.bench.device.synchronise", lambda where: None)
    for name in ("empty_cache", "reset_peak_memory_stats"):
        monkeypatch.setattr(torch.cuda, name, lambda name=name: calls.append(name))
    assert calibrate("cuda") is not None
    assert calls[-2:] == ["empty_cache", "reset_peak_memory_stats"]
