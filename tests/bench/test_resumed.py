"""A job whose training was interrupted goes on where it was, if it is the same job."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from a2ibench.bench import benchmark
from a2ibench.bench.benchmark import execute
from a2ibench.bench.options import RunOptions
from a2ibench.bench.paths import JobFiles, RunFiles
from a2ibench.bench.plan import plan_run
from a2ibench.bench.record import Record
from a2ibench.bench.run_folder import prepare_run_folder
from a2ibench.errors import InputError
from a2ibench.protocol.checkpointer import FileCheckpointer, interval

PLUGIN = """
from a2ibench import MethodSpec, hookimpl


@hookimpl
def a2ibench_register_methods(register):
    register(MethodSpec(name="sums", target="kept.methods:Sums", summary="adds up random numbers"))
    register(MethodSpec(name="network", target="kept.networks:Network", summary="a convolution"))
"""

# A method that needs neither torch nor SliceNetwork to go on.
METHODS = """
import os, random
from pathlib import Path
import numpy as np

HERE = Path(os.environ["KEPT_FOLDER"])


class Sums:
    halo = (1, 0)

    def fit(self, volume, ctx):
        kept = ctx.checkpointer and ctx.checkpointer.restore()
        first, self.total = 0, 0.0
        if kept:
            first, self.total = kept["step"], kept["total"]
            random.setstate(kept["random"])
        for step in range(first, ctx.budget.steps):
            with (HERE / "steps.txt").open("a") as file:
                file.write(f"{step} ")
            if (HERE / "stop").exists() and step == 4:
                raise MemoryError("full")
            self.total += random.random()
            if ctx.checkpointer and ctx.checkpointer.should_save():
                state = {"step": step + 1, "total": self.total, "random": random.getstate()}
                ctx.checkpointer.save(state)

    def reconstruct(self, volume, grid, ctx):
        return np.full((grid.n_out, *volume.shape[1:]), self.total / 100, np.float32)

    def save(self, path):
        (path / "total.txt").write_text(repr(self.total))

    def load(self, path):
        self.total = float((path / "total.txt").read_text())
"""

NETWORKS = """
import os, signal
from pathlib import Path
from torch import nn
from a2ibench import SliceNetwork


class Network(SliceNetwork):
    steps = 0

    def build(self, size):
        return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.Dropout(0.1), nn.Conv2d(4, 1, 3, padding=1))

    def loss(self, prediction, target):
        self.steps += 1
        if (Path(os.environ["KEPT_FOLDER"]) / "stop").exists() and self.steps == 6:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().loss(prediction, target)
"""


@pytest.fixture
def here(install_plugin: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install the plugin; return the folder where a file ``stop`` ends trainings early."""
    folder = tmp_path / "kept"
    folder.mkdir()
    monkeypatch.setenv("KEPT_FOLDER", str(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    install_plugin("kept", PLUGIN, files={"methods.py": METHODS, "networks.py": NETWORKS})
    (folder / "stop").touch()
    return folder


@pytest.fixture
def run(here: Path, catalogue: Path, tmp_path: Path) -> Callable[..., tuple[Record, JobFiles]]:
    """Return a function that runs one job of seven steps in this process."""

    def run(
        method: str = "sums", name: str = "run", *, fresh: bool = False, **options
    ) -> tuple[Record, JobFiles]:
        given = {
            "metrics": ["psnr"], "catalogue": catalogue, "profile": "smoke", "device": "cpu",
            "budget": "7steps", "executor": "inline", "checkpoint_every": "0s",
        }  # fmt: skip
        planned = plan_run(RunOptions([method], ["full"], **given | options))
        out = prepare_run_folder(planned, tmp_path / name, fresh)
        (record,) = execute(planned, out)
        return record, RunFiles(out).job(record.name)

    return run


def steps(here: Path) -> list[int]:
    found = [int(step) for step in (here / "steps.txt").read_text().split()]
    (here / "steps.txt").unlink()
    return found


def test_the_same_job_goes_on(run, here) -> None:
    record, files = run()
    assert (record.status, record.provenance["resumed"]) == ("oom", 0)
    assert steps(here) == [0, 1, 2, 3, 4]
    assert files.training.exists()
    first = record.timings["fit"]
    record, _ = run()
    assert (record.status, record.provenance["resumed"]) == ("oom", 1)
    (here / "stop").unlink()
    record, files = run()
    assert steps(here) == [4, 4, 5, 6]
    # The second attempt came to no further step, and left nothing of its own.
    assert (record.status, record.provenance["resumed"]) == ("ok", 1)
    assert record.timings["fit"] > 0.5 * first
    assert not files.training.exists()
    whole, others = run(name="whole")
    assert whole.metrics == record.metrics
    assert (files.checkpoint / "total.txt").read_text() == (others.checkpoint / "total.txt").read_text()


def test_the_fit_of_a_resumed_job_takes_all_its_time(run, here, monkeypatch) -> None:
    run()
    (here / "stop").unlink()
    restore = FileCheckpointer.restore

    def long_ago(self: FileCheckpointer) -> object:
        state = restore(self)
        self.earlier += 1000
        return state

    monkeypatch.setattr(FileCheckpointer, "restore", long_ago)
    record, _ = run()
    assert 1000 < record.timings["fit"] < 1100


def test_another_job_starts_over(run, here, caplog, monkeypatch) -> None:
    run()
    steps(here)
    (here / "stop").unlink()
    monkeypatch.setattr(benchmark, "job_key", lambda job: "of other code")
    record, _ = run()
    assert steps(here) == list(range(7))
    assert (record.status, record.provenance["resumed"]) == ("ok", 0)
    assert "of other code, settings or data; it starts over" in caplog.text


def test_nothing_is_kept_where_nobody_wants_it(run, here) -> None:
    _, files = run(checkpoint_every="never")
    assert not files.training.exists()
    run()
    assert files.training.exists()
    steps(here)
    (here / "stop").unlink()
    record, _ = run(checkpoint_every="never")
    assert steps(here) == list(range(7))
    assert "resumed" not in record.provenance
    assert not files.training.exists()


def test_a_short_training_is_not_kept(run) -> None:
    _, files = run(checkpoint_every="60s")
    assert not files.training.exists()


def test_a_fresh_run_starts_over_and_the_other_can_still_go_on(run, here) -> None:
    _, files = run()
    steps(here)
    (here / "stop").unlink()
    run(fresh=True)
    assert steps(here) == list(range(7))
    assert not files.training.exists()
    run(name="run.1")
    assert steps(here) == [4, 5, 6]


def test_what_a_killed_process_left_beside_a_finished_record_is_removed(run, here) -> None:
    (here / "stop").unlink()
    _, files = run()
    files.training.write_text("left")
    written = files.record.stat().st_mtime_ns
    run()
    assert files.record.stat().st_mtime_ns == written
    assert not files.training.exists()


def test_a_killed_network_ends_with_the_same_weights_to_the_last_bit(run, here) -> None:
    record, files = run("network", executor="process")
    assert record.error.message.startswith("worker was killed by signal 9")
    assert files.training.exists()
    (here / "stop").unlink()
    record, files = run("network")
    whole, others = run("network", "whole")
    assert [one.provenance["resumed"] for one in (record, whole)] == [1, 0]
    assert record.metrics == whole.metrics
    assert record.files == whole.files
    rows = [list(csv.reader(one.curve.open(newline=""))) for one in (files, others)]
    assert [[row[0], *row[2:]] for row in rows[0]] == [[row[0], *row[2:]] for row in rows[1]]
    assert len(rows[0]) == 1 + 7
    names = [{path.name for path in one.folder.iterdir()} for one in (files, others)]
    assert names[0] == names[1]


@pytest.mark.parametrize(
    ("given", "seconds"), [("60s", 60), ("0s", 0), ("1.5s", 1.5), (5, 5), ("never", None)]
)
def test_intervals_are_read(given, seconds) -> None:
    assert interval(given) == seconds


@pytest.mark.parametrize(
    "given", ["60", "s", "", "-1s", "infs", "nans", "1min", "often", -3, True, None, [1]]
)
def test_other_intervals_are_refused(given) -> None:
    with pytest.raises(InputError, match="give seconds as 60s, or never"):
        interval(given)
