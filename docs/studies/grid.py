"""What jobs on Dask cost: overhead per job, throughput of two workers, and a grid whose workers are killed.

``python docs/studies/grid.py overhead|throughput|kills [--jobs N]``, with nothing beside it.
Figures stand in docs/cluster.md. Jobs have one thread each.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

CATALOGUE = """
[cells]
phantom = {size = 48, seed = 1}
voxel_size = [15.0, 15.0, 15.0]
simulate = {ratio = 3.0}
"""
# A method and a metric that hardly do anything, so that a job is not much more than its process.
PLUGIN = """
from a2ibench import MethodSpec, MetricSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    register(MethodSpec(name="null", target="null_plugin.parts:Null", summary="nearest slices"))

@hookimpl
def a2ibench_register_metrics(register):
    register(MetricSpec(name="spread", target="null_plugin.parts:Spread", summary="a number"))
"""
PARTS = """
import numpy as np

class Null:
    halo = (1, 0)

    def fit(self, volume, ctx): ...

    def reconstruct(self, volume, grid, ctx):
        near = np.clip(np.rint(grid.positions).astype(int), 0, volume.shape[0] - 1)
        return np.asarray(volume.data, np.float32)[near] / 255

    def save(self, path): ...

    def load(self, path): ...

class Spread:
    name, version, higher_is_better, needs_reference = "spread", 1, True, False

    def __call__(self, prediction, reference, data_range):
        return float(prediction.std())
"""


def install_null(place: Path) -> dict[str, Any]:
    """Install the null method and a volume for it; return the options of a run of it."""
    import numpy as np
    import tifffile

    package, info = place / "null_plugin", place / "null_plugin-1.0.dist-info"
    for folder in (package, info):
        folder.mkdir()
    (package / "__init__.py").write_text(PLUGIN)
    (package / "parts.py").write_text(PARTS)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: null_plugin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[a2ibench]\nnull = null_plugin\n")
    sys.path.insert(0, str(place))
    os.environ["PYTHONPATH"] = os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")])
    tifffile.imwrite(place / "thin.tif", np.random.default_rng(0).integers(0, 256, (12, 20, 16), np.uint8))
    return {"input": place / "thin.tif", "voxel_size": "30,10,10", "metrics": ["spread"]}


@dataclass
class Stopwatch:
    """Events that tell when the first job started and the last one ended."""

    begun: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)

    def job_started(self, job: Any, index: int, total: int) -> None:
        """Note when."""
        self.begun.append(time.time())

    def progress(self, *told: Any) -> None:
        """Do nothing."""

    def job_finished(self, job: Any, record: Any) -> None:
        """Note when."""
        self.ended.append(time.time())

    def job_cached(self, job: Any, record: Any) -> None:
        """Do nothing."""


def say(line: str) -> None:
    """Write a line to stdout."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(folder: Path, methods: Sequence[str], seeds: Sequence[int], **options: Any) -> tuple[Stopwatch, Any]:
    """Run jobs, and return when they started and ended, and their table."""
    import a2ibench

    (folder.parent / "datasets.toml").write_text(CATALOGUE)
    watch = Stopwatch()
    if "input" not in options:
        options |= {"datasets": "all", "catalogue": folder.parent / "datasets.toml"}
    results = a2ibench.run(
        list(methods),
        profile="smoke",
        device="cpu",
        seeds=list(seeds),
        reporters="none",
        controls=False,
        out=folder,
        events=watch,
        **options,
    )
    return watch, results


def overhead(place: Path, jobs: int) -> None:
    """Print seconds per null job of either executor, one job after another, in turns.

    Processor time is that of everything that took part; what starts a cluster takes falls out, as the
    difference of two numbers of jobs counts.
    """
    null = install_null(place)
    walls: dict[str, list[float]] = {"process": [], "dask": []}
    cpus: dict[str, list[float]] = {"process": [], "dask": []}
    for turn in range(3):
        for name, options in (("process", {}), ("dask", {"workers": 1})):
            spent = []
            for count in (2, 2 + jobs):
                before = _processor_time()
                watch, _ = run(place / f"{name}{turn}{count}", ["null"], range(count), **null, **options)
                spent.append(_processor_time() - before)
            walls[name].append((watch.ended[-1] - watch.ended[0]) / (len(watch.ended) - 1))
            cpus[name].append((spent[1] - spent[0]) / jobs)
    for kind, found in (("wall", walls), ("processor", cpus)):
        for name, seconds in found.items():
            shown = ", ".join(f"{s:.3f}" for s in seconds)
            say(f"{kind} time, {name}: {statistics.median(seconds):.3f} s a job ({shown})")
        extra = statistics.median(found["dask"]) - statistics.median(found["process"])
        say(f"{kind} time, overhead: {extra:.3f} s a job")


def _processor_time() -> float:
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def throughput(place: Path, jobs: int, method: str) -> None:
    """Print jobs a minute of two plain processes side by side and of two workers, in turns."""
    ratios = []
    for turn in range(3):
        half = jobs // 2
        parts = [range(half), range(half, 2 * half)]
        code = (
            "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[1]); from grid import run\n"
            "watch, _ = run(Path(sys.argv[2]), [sys.argv[3]], range(int(sys.argv[4]), int(sys.argv[5])))\n"
            "print(min(watch.begun), max(watch.ended))"
        )
        here = str(Path(__file__).parent)
        commands = []
        for index, part in enumerate(parts):
            folder = place / f"part{turn}{index}"
            folder.mkdir()
            given = [here, str(folder / "run"), method, str(part.start), str(part.stop)]
            commands.append([sys.executable, "-c", code, *given])
        running = [subprocess.Popen(one, stdout=subprocess.PIPE, text=True) for one in commands]
        spans = [tuple(map(float, one.communicate()[0].split())) for one in running]
        plain = max(end for _, end in spans) - min(begin for begin, _ in spans)
        watch, _ = run(place / f"dask{turn}", [method], range(2 * half), workers=2)
        dask = max(watch.ended) - min(watch.begun)
        ratios.append(plain / dask)
        say(f"two processes {plain:.1f} s, two workers {dask:.1f} s for {2 * half} jobs: {ratios[-1]:.3f}")
    say(f"throughput of two workers over that of two processes: {statistics.median(ratios):.3f}")


def kills(place: Path, jobs: int, every: float, method: str) -> None:
    """Run jobs on two workers of which one is killed again and again, and print what came of it."""
    done, killed = threading.Event(), []

    def kill() -> None:
        while not done.wait(every):
            below = psutil.Process().children(recursive=True)
            workers = [one for one in below if "spawn_main" in " ".join(one.cmdline())]
            if workers:
                workers[len(killed) % len(workers)].kill()
                killed.append(time.time())

    killing = threading.Thread(target=kill, daemon=True)
    killing.start()
    begun = time.time()
    null = install_null(place) if method == "null" else {}
    _, table = run(place / "run", [method], range(jobs), workers=2, **null)
    done.set()
    folders = sorted(one.name for one in (place / "run/jobs").iterdir())
    say(
        f"{jobs} jobs in {time.time() - begun:.0f} s, {len(killed)} workers killed: "
        f"{(table.status == 'ok').sum()} ok of {len(table)} rows, {len(set(folders))} folders"
    )


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["overhead", "throughput", "kills"])
    parser.add_argument("--jobs", type=int, default=12)
    parser.add_argument("--every", type=float, default=30.0)
    parser.add_argument("--method", default="cubic")
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with tempfile.TemporaryDirectory() as folder:
        if given.what == "overhead":
            overhead(Path(folder), given.jobs)
        elif given.what == "throughput":
            throughput(Path(folder), given.jobs, given.method)
        else:
            kills(Path(folder), given.jobs, given.every, given.method)


if __name__ == "__main__":
    main()
