from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from a2ibench.bench.benchmark import execute
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import Job, Plan, plan_run
from a2ibench.bench.record import Record
from a2ibench.bench.run import read_run
from a2ibench.bench.run_folder import prepare_run_folder


class Log:
    """Events, taken down in order."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.reports: list[tuple[str, str, float, float, dict[str, float]]] = []

    def job_started(self, job: Job, index: int, total: int) -> None:
        self.lines.append(f"started {job.method} {index}/{total}")

    def progress(self, job: Job, phase: str, done: float, total: float, values: Mapping[str, float]) -> None:
        self.reports.append((job.method, phase, done, total, dict(values)))

    def job_finished(self, job: Job, record: Record) -> None:
        self.lines.append(f"finished {job.method} {record.status}")

    def job_cached(self, job: Job, record: Record) -> None:
        self.lines.append(f"cached {job.method}")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def plan(probe: Path, catalogue: Path) -> Callable[..., Plan]:
    def make(*methods: str, **options: Any) -> Plan:
        given = {"metrics": ["spread"], "catalogue": catalogue, "profile": "smoke", "device": "cpu"} | options
        return plan_run(RunOptions(list(methods), ["thin"], **given))

    return make


def fits(probe: Path) -> list[str]:
    return (probe / "fits.txt").read_text().split("\n")[:-1]


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_one_failure_never_stops_the_others(plan: Callable[..., Plan], probe: Path, out: Path) -> None:
    methods = ("dies", "exits", "raises", "nearest")
    planned = plan(*methods)
    log = Log()
    records = execute(planned, prepare_run_folder(planned, out), log)
    assert [record.method for record in records] == list(methods)
    assert [record.status for record in records] == ["error", "error", "error", "ok"]
    assert log.lines[:3] == ["started dies 1/4", "finished dies error", "started exits 2/4"]
    assert log.lines[-1] == "finished nearest ok"
    assert {record.method for record in read_run(out).records} == set(methods)
    killed, exited = records[0].error, records[1].error
    assert killed.message.startswith("worker was killed by signal 9 (SIGKILL)")
    assert "about to die" in killed.traceback
    assert exited.message == "worker exited with code 7 without a record; see log.txt"
    assert records[0].provenance["distribution"] == "probe"
    assert (probe / "hook.txt").read_text().splitlines()[-1] == "nearest ok"
    assert not list(out.rglob("*.tmp"))


def test_what_plugins_print_goes_to_the_log_and_progress_arrives(
    plan: Callable[..., Plan], out: Path
) -> None:
    planned = plan("nearest")
    log = Log()
    (record,) = execute(planned, prepare_run_folder(planned, out), log)
    assert record.status == "ok"
    # A worker imports no torch for a method that needs none.
    assert record.memory["process"] < 200e6
    phases = list(dict.fromkeys(report[1] for report in log.reports))
    assert phases == ["setup", "load", "fit", "reconstruct", "score", "write", "controls"]
    assert ("nearest", "fit", 1, 2, {"loss": 0.5}) in log.reports
    text = (out / "jobs/thin--nearest--s0/log.txt").read_text()
    assert "noise of a plugin\n" in text
    assert "noise on stderr\n" in text
    assert '"phase"' not in text


def test_finished_jobs_are_not_repeated_and_failed_ones_are(
    plan: Callable[..., Plan], probe: Path, out: Path
) -> None:
    planned = plan("nearest", "raises", "skips", "unsaved", executor="inline")
    execute(planned, prepare_run_folder(planned, out))
    stale = out / "jobs/thin--unsaved--s0/stale.txt"
    stale.write_text("left by an earlier attempt")
    done = out / "jobs/thin--nearest--s0/record.json"
    written = done.stat().st_mtime_ns
    log = Log()
    records = execute(planned, prepare_run_folder(planned, out), log)
    assert [record.status for record in records] == ["ok", "error", "skipped", "error"]
    assert log.lines == [
        "cached nearest", "cached skips",
        "started raises 2/4", "finished raises error", "started unsaved 4/4", "finished unsaved error",
    ]  # fmt: skip
    assert done.stat().st_mtime_ns == written
    assert fits(probe) == ["Nearest 0", "Unsaved 0", "Unsaved 0"]
    assert not stale.exists()


@pytest.mark.parametrize("executor", ["inline", "process"])
def test_failed_jobs_are_tried_again_as_often_as_asked_and_others_not(
    plan: Callable[..., Plan], probe: Path, out: Path, executor: str
) -> None:
    planned, log = plan("nearest", "unsaved", executor=executor, retries=2), Log()
    records = execute(planned, prepare_run_folder(planned, out), log)
    assert [record.status for record in records] == ["ok", "error"]
    assert fits(probe) == ["Nearest 0", "Unsaved 0", "Unsaved 0", "Unsaved 0"]
    assert log.lines == [
        "started nearest 1/2", "finished nearest ok", "started unsaved 2/2", "finished unsaved error",
    ]  # fmt: skip


def test_a_half_written_record_is_run_again(plan: Callable[..., Plan], probe: Path, out: Path) -> None:
    planned = plan("nearest", executor="inline")
    execute(planned, prepare_run_folder(planned, out))
    done = out / "jobs/thin--nearest--s0/record.json"
    done.write_text(done.read_text()[:100])
    (record,) = execute(planned, prepare_run_folder(planned, out))
    assert record.status == "ok"
    assert len(fits(probe)) == 2


def test_fresh_repeats_everything(plan: Callable[..., Plan], probe: Path, out: Path) -> None:
    planned = plan("nearest", executor="inline")
    for _ in range(2):
        execute(planned, prepare_run_folder(planned, out, fresh=True))
    assert len(fits(probe)) == 2


def test_changed_code_of_a_method_is_run_again(plan: Callable[..., Plan], probe: Path, out: Path) -> None:
    planned = plan("nearest")
    execute(planned, prepare_run_folder(planned, out))
    (module,) = probe.parent.glob("site*/probe/methods.py")
    module.write_text(module.read_text().replace("nearest = np.clip", "nearest = 0 * np.clip"))
    (record,) = execute(planned, prepare_run_folder(planned, out))
    assert len(fits(probe)) == 2
    assert record.status == "ok"


def test_a_job_that_hangs_is_stopped(plan: Callable[..., Plan], probe: Path, out: Path) -> None:
    (probe / "sleep").touch()
    planned = plan("sleeps", "nearest", timeout=8.0)
    records = execute(planned, prepare_run_folder(planned, out))
    assert [record.status for record in records] == ["timeout", "ok"]
    assert records[0].error.message == "stopped after 8 s; allow more time (timeout)"
    assert "in fit" in records[0].error.traceback
    assert is_gone(int((probe / "pid.txt").read_text()))


PARENT = """
import signal, sys
from pathlib import Path
from a2ibench.bench.benchmark import execute
from a2ibench.bench.run_folder import prepare_run_folder
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run

# A test runner in the background may have SIGINT ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
planned = plan_run(RunOptions(["sleeps", "nearest"], ["thin"], metrics=["spread"],
                             catalogue=Path(sys.argv[1]), profile="smoke", device="cpu"))
execute(planned, prepare_run_folder(planned, Path(sys.argv[2])))
"""


@pytest.fixture
def parent(probe: Path, catalogue: Path, out: Path) -> Any:
    """A process that runs two jobs and is in the middle of the first, which sleeps."""
    (probe / "sleep").touch()
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(catalogue), str(out)], stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for(lambda: (probe / "pid.txt").exists() and (probe / "pid.txt").read_text() != "")
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_worker_ends_with_a_killed_parent_and_a_second_run_completes(
    parent: Any, plan: Callable[..., Plan], probe: Path, out: Path
) -> None:
    worker = int((probe / "pid.txt").read_text())
    assert not is_gone(worker)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    wait_for(lambda: is_gone(worker))
    assert read_run(out).records == ()
    (probe / "sleep").unlink()
    planned = plan("sleeps", "nearest", executor="inline")
    records = execute(planned, prepare_run_folder(planned, out))
    assert [record.status for record in records] == ["ok", "ok"]


def test_ctrl_c_stops_the_job_records_it_and_starts_no_other(
    parent: Any, plan: Callable[..., Plan], probe: Path, out: Path
) -> None:
    worker = int((probe / "pid.txt").read_text())
    os.kill(parent.pid, signal.SIGINT)
    _, stderr = parent.communicate(timeout=30)
    assert "KeyboardInterrupt" in stderr
    assert is_gone(worker)
    (record,) = read_run(out).records
    assert (record.method, record.status) == ("sleeps", "interrupted")
    (probe / "sleep").unlink()
    planned = plan("sleeps", "nearest", executor="inline")
    records = execute(planned, prepare_run_folder(planned, out))
    assert [record.status for record in records] == ["ok", "ok"]


def test_ctrl_c_within_this_process_is_recorded_and_passed_on(
    plan: Callable[..., Plan], probe: Path, out: Path
) -> None:
    class Impatient(Log):
        def progress(
            self, job: Job, phase: str, done: float, total: float, values: Mapping[str, float]
        ) -> None:
            if phase == "fit":
                raise KeyboardInterrupt

    planned = plan("nearest", "bare", executor="inline")
    log = Impatient()
    with pytest.raises(KeyboardInterrupt):
        execute(planned, prepare_run_folder(planned, out), log)
    assert log.lines == ["started nearest 1/2", "finished nearest interrupted"]
    (record,) = read_run(out).records
    assert record.error.type == "KeyboardInterrupt"


def test_the_folder_must_be_the_plans(plan: Callable[..., Plan], out: Path) -> None:
    prepare_run_folder(plan("nearest"), out)
    with pytest.raises(ValueError, match="was changed meanwhile"):
        execute(plan("bare"), out)


def test_modules_of_the_working_folder_shadow_nothing(
    plan: Callable[..., Plan], out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('shadowed')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != ""])
    planned = plan("nearest")
    (record,) = execute(planned, prepare_run_folder(planned, out))
    assert record.status == "ok", record.error
