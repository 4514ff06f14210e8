"""A plugin whose methods meet what happens on clusters, and workers of Dask to run them on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import tifffile

from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import Plan, plan_run

PLUGIN = """
from a2ibench import MethodSpec, MetricSpec, hookimpl

NAMES = ("Nearest", "Sleeps", "Host", "Device", "Poison", "Trains", "Hoards")


@hookimpl
def a2ibench_register_methods(register):
    for name in NAMES:
        register(MethodSpec(name=name.lower(), target=f"grid.methods:{name}", summary="a probe"))


@hookimpl
def a2ibench_register_metrics(register):
    register(MetricSpec(name="spread", target="grid.methods:Spread", summary="a probe"))
"""
METHODS = """
import os, signal, time
from pathlib import Path
import numpy as np

HERE = Path({here!r})


def note(name, text):
    with (HERE / name).open("a") as file:
        file.write(text + "\\n")


class Nearest:
    halo = (1, 0)

    def fit(self, volume, ctx):
        note("fits.txt", f"{{type(self).__name__.lower()}} {{ctx.seed}}")
        ctx.progress("fit", 1, 2, loss=0.5)

    def reconstruct(self, volume, grid, ctx):
        lo, hi = volume.intensity
        nearest = np.clip(np.rint(grid.positions).astype(int), 0, volume.shape[0] - 1)
        return ((np.asarray(volume.data, np.float32)[nearest] - lo) / (hi - lo)).astype(np.float32)

    def save(self, path):
        (path / "state.txt").write_text("nearest")

    def load(self, path):
        pass


class Sleeps(Nearest):
    def fit(self, volume, ctx):
        super().fit(volume, ctx)
        while (HERE / "sleep").exists():
            time.sleep(0.02)


class Host(Nearest):
    def fit(self, volume, ctx):
        np.empty(1 << 60, np.uint8)


class OutOfMemoryError(RuntimeError):
    pass


class Device(Nearest):
    def fit(self, volume, ctx):
        # As torch's, which takes seconds to import.
        raise OutOfMemoryError("CUDA out of memory")


class Poison(Nearest):
    def fit(self, volume, ctx):
        super().fit(volume, ctx)
        import psutil
        worker = next(one for one in psutil.Process().parents() if "spawn_main" in " ".join(one.cmdline()))
        note("killed.txt", str(worker.pid))
        os.kill(worker.pid, signal.SIGKILL)
        time.sleep(60)


class Trains(Nearest):
    def fit(self, volume, ctx):
        kept = ctx.checkpointer.restore()
        for step in range(kept["step"] if kept else 0, 5):
            note("steps.txt", str(step))
            ctx.checkpointer.save({{"step": step + 1}})
            while step == 2 and (HERE / "sleep").exists():
                time.sleep(0.02)


class Hoards(Nearest):
    def save(self, path):
        with (path / "large.bin").open("wb") as file:
            file.write(bytes(8 << 20))


class Spread:
    name, version, higher_is_better, needs_reference = "spread", 3, True, False

    def __call__(self, prediction, reference, data_range):
        return float(prediction.std()) / data_range
"""


@pytest.fixture
def probe(together: None, install_plugin: Callable[..., object], tmp_path: Path) -> Path:
    """Install the plugin; return the folder where its methods leave traces."""
    here = tmp_path / "probe"
    here.mkdir()
    install_plugin("grid", PLUGIN, files={"methods.py": METHODS.format(here=str(here))})
    return here


@pytest.fixture
def plan(probe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
    """Return a function that plans jobs of the probes on a volume of 12 x 20 x 16 voxels."""
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    voxels = np.random.default_rng(0).integers(0, 256, (12, 20, 16), np.uint8)
    tifffile.imwrite(tmp_path / "thin.tif", voxels)
    catalogue = tmp_path / "datasets.toml"
    catalogue.write_text('[thin]\npath = "thin.tif"\nvoxel_size = [30, 10, 10]\n')

    def make(*methods: str, **options: Any) -> Plan:
        given = {"metrics": ["spread"], "profile": "smoke", "device": "cpu", "controls": False} | options
        return plan_run(RunOptions(list(methods), ["thin"], catalogue=catalogue, **given))

    return make


@pytest.fixture(scope="session")
def workers() -> Iterator[Any]:
    """Yield a client of a scheduler with two workers of one thread."""
    from a2ibench.cluster.client import connected
    from a2ibench.cluster.options import ClusterOptions

    with connected(ClusterOptions(workers=2)) as client:
        yield client


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def lines(file: Path) -> list[str]:
    """Return the lines of a file; none where there is none."""
    return file.read_text().splitlines() if file.exists() else []


def clusters() -> list[psutil.Process]:
    """Return the clusters that this process has started."""
    below = psutil.Process().children(recursive=True)
    # The supervisor of each has the command, too, behind its own.
    return [
        one for one in below if "a2ibench.cluster.serve" in _command(one)[:5] and "-I" not in _command(one)
    ]


def kill_worker(cluster: psutil.Process) -> list[psutil.Process]:
    """Kill one worker of a cluster, one that runs a job where there is one; return what it had started."""
    workers = [one for one in cluster.children() if "spawn_main" in " ".join(_command(one))]
    if not workers:
        return []
    worker = min(workers, key=lambda worker: not worker.children())
    below = worker.children(recursive=True)
    worker.kill()
    return below


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
