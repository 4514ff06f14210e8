"""Jobs on workers of Dask: what happens to these and to the scheduler loses no job, and fails none."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from a2ibench.bench.benchmark import benchmark, execute
from a2ibench.bench.executors import cluster
from a2ibench.bench.executors.job_lock import job_lock
from a2ibench.bench.plan import Plan
from a2ibench.bench.record import read_record
from a2ibench.bench.run_folder import prepare_run_folder
from a2ibench.cli import main

from .conftest import clusters, kill_worker, lines, wait_for

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Dask is tried on Linux only")


class Heard:
    """Events, taken down."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.finished: list[str] = []
        self.phases: set[str] = set()

    def job_started(self, job: Any, index: int, total: int) -> None:
        self.started.append(job.method)

    def progress(self, job: Any, phase: str, done: float, total: float, values: Any) -> None:
        self.phases.add(phase)

    def job_finished(self, job: Any, record: Any) -> None:
        self.finished.append(f"{job.method} {record.status}")

    def job_cached(self, job: Any, record: Any) -> None:
        raise AssertionError("nothing was finished before")


@pytest.fixture
def grid(plan: Callable[..., Plan], workers: Any) -> Callable[..., Plan]:
    """Return a function that plans jobs for the two workers."""
    return lambda *methods, **options: plan(*methods, scheduler=workers.scheduler.address, **options)


def test_what_comes_of_jobs_is_told_apart_as_with_processes(grid, plan, tmp_path) -> None:
    methods = ("nearest", "host", "device")
    inline = plan(*methods, executor="inline")
    here = execute(inline, prepare_run_folder(inline, tmp_path / "here"))
    planned, heard = grid(*methods), Heard()
    there = execute(planned, prepare_run_folder(planned, tmp_path / "there"), heard)
    assert [one.status for one in there] == ["ok", "oom", "oom"] == [one.status for one in here]
    assert [one.error.type for one in there[1:]] == ["MemoryError", "OutOfMemoryError"]
    assert [one.provenance["key"] for one in there] == [one.provenance["key"] for one in here]
    assert there[0].metrics == here[0].metrics
    assert sorted(heard.started) == sorted(methods)
    assert sorted(heard.finished) == ["device oom", "host oom", "nearest ok"]
    assert {"setup", "fit", "score"} & heard.phases
    # Their times are those of jobs that had company.
    assert [one.beside for one in (here[0], there[0])] == [False, True]
    assert not (tmp_path / "there/.locks").exists()
    assert not list((tmp_path / "there").rglob("*.tmp"))


def test_results_come_by_the_answer_where_the_folder_is_not_shared(grid, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "_shown_to_workers", lambda token: "/nowhere/at/all")
    planned = grid("hoards", "host")
    records = execute(planned, prepare_run_folder(planned, tmp_path / "run"))
    assert [one.status for one in records] == ["ok", "oom"]
    job = tmp_path / "run/jobs/thin--hoards--s0"
    assert (job / "checkpoint/large.bin").stat().st_size == 8 << 20
    assert read_record(job) == records[0]
    assert "MemoryError" in records[1].error.traceback
    (again,) = (one for one in execute(planned, tmp_path / "run") if one.ok)
    assert again == records[0]


def test_a_job_that_takes_too_long_is_stopped_and_tried_again_as_often_as_asked(
    grid, probe, tmp_path
) -> None:
    (probe / "sleep").touch()
    planned = grid("sleeps", timeout=1.5, retries=1)
    (record,) = execute(planned, prepare_run_folder(planned, tmp_path / "run"))
    assert (record.status, record.error.type) == ("timeout", "TimeoutError")
    assert len(lines(probe / "fits.txt")) <= 2


def test_a_worker_that_is_killed_is_replaced_and_its_training_goes_on(grid, probe, tmp_path) -> None:
    (probe / "sleep").touch()

    def kill() -> None:
        wait_for(lambda: len(lines(probe / "steps.txt")) == 3)
        below = kill_worker(clusters()[0])
        psutil.wait_procs(below, 20)
        (probe / "sleep").unlink()

    killing = threading.Thread(target=kill)
    killing.start()
    planned = grid("trains", checkpoint_every=0.0)
    (record,) = execute(planned, prepare_run_folder(planned, tmp_path / "run"))
    killing.join()
    assert record.ok
    assert record.provenance["resumed"] == 1
    assert lines(probe / "steps.txt") == ["0", "1", "2", "3", "4"]


def test_a_job_that_kills_its_workers_fails_and_the_others_go_on(grid, probe, tmp_path) -> None:
    planned = grid("poison", "nearest", seeds=2, retries=1)
    records = execute(planned, prepare_run_folder(planned, tmp_path / "run"))
    found = {(one.method, one.seed): one for one in records}
    assert found["nearest", 0].ok
    assert found["nearest", 1].ok
    for seed in (0, 1):
        poison = found["poison", seed]
        assert (poison.status, poison.error.type) == ("error", "WorkerKilled")
        assert "the job killed its worker, 2 times of at most 2" in poison.error.message
    assert len(lines(probe / "killed.txt")) == 4


@pytest.mark.slow
def test_a_run_whose_scheduler_is_gone_says_so_and_goes_on_with_the_same_command(
    plan, probe, tmp_path
) -> None:
    (probe / "sleep").touch()
    planned = plan("nearest", "sleeps", workers=1)
    assert planned.executor == "dask"

    def kill() -> None:
        wait_for(lambda: "sleeps 0" in lines(probe / "fits.txt"))
        for one in {*clusters()} - before:
            one.kill()

    before = {*clusters()}
    killing = threading.Thread(target=kill)
    killing.start()
    results = benchmark(planned, out=tmp_path / "run")
    killing.join()
    (problem,) = results.problems
    assert problem.startswith("the run stopped: the scheduler at tcp://127.0.0.1:")
    assert problem.endswith("is gone; finished jobs are kept, the same command continues")
    assert [one.method for one in results.records] == ["nearest"]
    (probe / "sleep").unlink()
    again = benchmark(plan("nearest", "sleeps", executor="inline"), out=tmp_path / "run")
    assert [one.status for one in again.records] == ["ok", "ok"]
    assert lines(probe / "fits.txt").count("nearest 0") == 1


def test_a_scheduler_that_is_not_there_is_one_line(tmp_path, capsys) -> None:
    command = ["run", "--methods", "cubic", "--datasets", "phantom", "--profile", "smoke"]
    code = main([*command, "--scheduler", "tcp://127.0.0.1:9", "--out", str(tmp_path / "run")])
    assert code == 2
    (line,) = (one for one in capsys.readouterr().err.splitlines() if "error" in one)
    assert "--scheduler: no scheduler answers at tcp://127.0.0.1:9 within" in line
    assert not list((tmp_path / "run").rglob("record.json"))


_SLOW = [pytest.param(number, marks=pytest.mark.slow) for number in (signal.SIGHUP, signal.SIGKILL)]


@pytest.mark.parametrize("number", [signal.SIGTERM, *_SLOW], ids=str)
def test_nothing_outlives_a_command_that_is_ended_and_the_same_command_continues(
    plan, probe, tmp_path, number
) -> None:
    (probe / "sleep").touch()
    command = [sys.executable, "-m", "a2ibench", "run", "--methods", "sleeps", "--datasets", "thin"]
    command += ["--catalogue", str(tmp_path / "datasets.toml"), "--profile", "smoke", "--metrics", "spread"]
    command += ["--workers", "2", "--reporters", "none", "--out", str(tmp_path / "run")]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    wait_for(lambda: lines(probe / "fits.txt"))
    below = psutil.Process(running.pid).children(recursive=True)
    assert len(below) > 4
    running.send_signal(number)
    assert running.wait(30) == -number
    wait_for(lambda: not any(one.is_running() and one.status() != "zombie" for one in below), 30)
    (probe / "sleep").unlink()
    planned = plan("sleeps", executor="inline")
    (record,) = execute(planned, prepare_run_folder(planned, tmp_path / "run"))
    assert record.ok


@pytest.mark.slow
def test_a_scheduler_takes_the_jobs_of_a_command_back_that_is_killed(plan, probe, workers, tmp_path) -> None:
    (probe / "sleep").touch()
    command = [sys.executable, "-m", "a2ibench", "run", "--methods", "sleeps", "--datasets", "thin"]
    command += ["--catalogue", str(tmp_path / "datasets.toml"), "--profile", "smoke", "--metrics", "spread"]
    command += [
        "--scheduler",
        workers.scheduler.address,
        "--reporters",
        "none",
        "--out",
        str(tmp_path / "run"),
    ]
    with (tmp_path / "log").open("w") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
    wait_for(lambda: lines(probe / "fits.txt"))
    jobs = [one for one in clusters()[0].children(recursive=True) if "executors.worker" in str(one.cmdline())]
    assert jobs
    running.kill()
    assert not psutil.wait_procs(jobs, 30)[1]
    assert len(workers.scheduler_info()["workers"]) == 2


def test_two_commands_do_not_run_in_one_folder(grid, tmp_path, capsys) -> None:
    from a2ibench.bench.run_lock import lock_run

    planned = grid("nearest")
    folder = prepare_run_folder(planned, tmp_path / "run")
    with lock_run(folder), pytest.raises(ValueError, match="another process runs in this folder"):
        execute(planned, folder)


def test_a_lock_on_a_job_is_held_until_the_last_process_of_the_job_is_gone(tmp_path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "from pathlib import Path\n"
        "from a2ibench.bench.executors.job_lock import job_lock\n"
        "with job_lock(Path(sys.argv[1]), lambda: False) as held:\n"
        "    child = subprocess.Popen(['sleep', '60'], pass_fds=held)\n"
        "    print(child.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    place = tmp_path / "locks" / "job.lock"
    command = [sys.executable, "-c", code, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        child = int(worker.stdout.readline())
        worker.kill()
    with pytest.raises(TimeoutError), job_lock(place, lambda: True):
        pass
    os.kill(child, signal.SIGKILL)
    end = time.monotonic() + 20
    with job_lock(place, lambda: time.monotonic() > end):
        pass


def system(command: str, *arguments: str) -> int:
    """Run a program of the system, and return its exit code; 127 where there is none."""
    program = shutil.which(command)
    return 127 if program is None else subprocess.call([program, *arguments], stderr=subprocess.DEVNULL)


@pytest.fixture
def mounted() -> Callable[..., Any]:
    """Return a context manager that mounts a file system of memory: ``mounted(place, options)``."""

    @contextmanager
    def mount(place: Path, options: str) -> Iterator[None]:
        if system("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)):
            pytest.skip("this user may not mount a file system")
        try:
            yield
        finally:
            assert system("umount", "-l", str(place)) == 0

    return mount


def test_a_full_disk_stops_the_run_and_leaves_nothing_that_looks_finished(grid, mounted, tmp_path) -> None:
    planned, place = grid("nearest", "hoards"), tmp_path / "small"
    place.mkdir()
    with mounted(place, "size=4m"):
        results = benchmark(planned, out=place / "run")
        assert results.failed
        found = {one.method: one.status for one in results.records}
        # It may have been stopped, as it ran beside the other.
        assert found.get("nearest") in (None, "ok")
        assert found.get("hoards") != "ok"
        assert system("mount", "-o", "remount,size=64m", str(place)) == 0
        again = benchmark(planned, out=place / "run")
        assert [one.status for one in again.records] == ["ok", "ok"]


def test_a_folder_that_becomes_read_only_stops_the_run_with_one_line(grid, mounted, tmp_path) -> None:
    planned = grid("nearest")
    folder = prepare_run_folder(planned, tmp_path / "run")
    (folder / "jobs").mkdir()
    with mounted(folder / "jobs", "ro"):
        results = benchmark(planned, out=folder)
    assert results.failed
    assert any("the run stopped: OSError: [Errno 30] Read-only" in problem for problem in results.problems)
    (record,) = execute(planned, folder)
    assert record.ok


def test_a_record_that_is_seen_late_is_waited_for(grid, tmp_path, monkeypatch) -> None:
    shown = cluster.claimed_record
    late = time.monotonic() + 1e9

    def claimed(task: Any) -> Any:
        nonlocal late
        late = min(late, time.monotonic() + 1.0)
        return shown(task) if time.monotonic() > late else (None, "")

    monkeypatch.setattr(cluster, "claimed_record", claimed)
    planned = grid("nearest")
    (record,) = execute(planned, prepare_run_folder(planned, tmp_path / "run"))
    assert record.ok
    assert read_record(tmp_path / "run/jobs/thin--nearest--s0") == record


@pytest.mark.slow
def test_a_grid_whose_workers_are_killed_again_and_again_equals_one_without(
    grid, plan, probe, tmp_path
) -> None:
    planned, done = grid("nearest", "trains", seeds=4, checkpoint_every=0.0), threading.Event()

    def kill() -> None:
        while not done.wait(8):
            kill_worker(clusters()[0])

    killing = threading.Thread(target=kill)
    killing.start()
    try:
        there = benchmark(planned, out=tmp_path / "there")
    finally:
        done.set()
        killing.join()
    here = benchmark(plan("nearest", "trains", seeds=4, checkpoint_every=0.0), out=tmp_path / "here")
    assert [one.status for one in there.records] == ["ok"] * 8
    assert sorted(one.name for one in (tmp_path / "there/jobs").iterdir()) == sorted(
        one.name for one in here.records
    )
    tables = [[(one.name, one.metrics) for one in results.run.records] for results in (here, there)]
    assert tables[0] == tables[1]
