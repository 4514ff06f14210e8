"""Runs with a planted plugin, and baselines made by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.bench.record import Calibration
from a2ibench.bench.score import Score
from a2ibench.files import write_json

Completed = subprocess.CompletedProcess[str]
Cli = Callable[..., Completed]
Install = Callable[..., Distribution]
Write = Callable[..., Path]

PLUGIN = """
from a2ibench import MethodSpec, MetricSpec, hookimpl

@hookimpl
def a2ibench_register_methods(register):
    register(MethodSpec("steady", "planted.methods:Steady", "cubic interpolation, or a regression of it"))
    register(MethodSpec("averaged", "planted.networks:Averaged", "a network that needs the weight average"))
    register(MethodSpec("learner", "planted.networks:Learner", "a network, or one that learns nothing"))
    register(MethodSpec("broad", "planted.networks:Broad", "the same, with work for every thread"))

@hookimpl
def a2ibench_register_metrics(register):
    register(MetricSpec("level", "planted.methods:Level", "mean intensity"))
"""
METHODS = """
import os
import numpy as np
from scipy import ndimage
from a2ibench_cubic.method import Cubic

def planted(fault):
    return fault in os.environ.get("PLANTED", "").split(",")

class Steady(Cubic):
    def fit(self, volume, ctx):
        # 1.5 s of a quick core for each: more than the gate asks for, and enough for a busy machine to
        # slow it as it slows the calibration.
        parts = 20 * int(os.environ.get("SLOWNESS", "0"))
        for part in range(parts):
            self.work()
            ctx.progress("fit", part + 1, parts)

    def work(self):
        small = values = np.linspace(-1, 1, 4096, dtype=np.float32)
        for _ in range(45_000):
            values = np.tanh(values) + small

    def reconstruct(self, volume, grid, ctx):
        cubic = super().reconstruct(volume, grid, ctx)
        if planted("shifted"):
            cubic = ndimage.shift(cubic, (0.5, 0, 0), mode="nearest")
        return cubic * np.float32(0.98 if planted("scaled") else 1)

class Level:
    name, higher_is_better, needs_reference = "level", True, False

    @property
    def version(self):
        return 2 if planted("version") else 1

    def __call__(self, prediction, reference, data_range):
        return float(prediction.mean()) / data_range
"""
NETWORKS = """
import torch
from torch import nn
from a2ibench import SliceNetwork, setting
from a2ibench.protocol import training
from planted.methods import Steady, planted

apply_average = training.Average.apply
training.Average.apply = lambda average: None if planted("raw") else apply_average(average)

class Broad(Steady):
    def work(self):
        images, weights = torch.ones(4, 32, 64, 64), torch.ones(32, 32, 3, 3)
        with torch.inference_mode():
            for _ in range(26):
                torch.nn.functional.conv2d(images, weights, padding=1)

class Restless(torch.optim.Adam):
    def step(self, closure=None):
        super().step(closure)
        with torch.no_grad():
            for group in self.param_groups:
                for weights in group["params"]:
                    weights.add_(torch.randn_like(weights), alpha=0.01)

class Learner(SliceNetwork):
    learning_rate: float = setting(3e-3, "step", low=0)

    def build(self, size):
        return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.GELU(), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, network, degraded):
        return degraded.image + (0.0 if planted("dead") else 1.0) * network(degraded.image)

class Averaged(SliceNetwork):
    average_span: float = setting(0.3, "window of the weight average", low=0, high=1)

    def build(self, size):
        return nn.Sequential(nn.Conv2d(1, 8, 5, padding=2), nn.GELU(), nn.Conv2d(8, 1, 5, padding=2))

    def forward(self, network, degraded):
        return degraded.image + network(degraded.image)

    def optimizer(self, parameters):
        return Restless(parameters, lr=3e-3)
"""
# All in one process and without tables and figures, which is most of what a short run takes.
RUNS = """
import json, os, sys
from pathlib import Path
from a2ibench.bench import calibration
from a2ibench.bench.benchmark import execute
from a2ibench.bench.options import RunOptions
from a2ibench.bench.plan import plan_run
from a2ibench.bench.run_folder import prepare_run_folder
from a2ibench.registry import host

# Trying each network in another process first, and measuring the machine, would take most of the time.
host()._apart = False
calibration._WARM_UP, calibration._AT_ONCE = 0, 1
catalogue, out, plans = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
for name, (planted, methods) in plans.items():
    os.environ["PLANTED"] = planted
    plan = plan_run(RunOptions(methods.split(","), ["full"], catalogue=catalogue, profile="smoke",
                               device="cpu", budget="60steps", executor="inline"))
    execute(plan, prepare_run_folder(plan, out / name))
"""


@pytest.fixture
def bench_each(
    catalogue: Path, tmp_path: Path, environment: None, together: None, install_plugin: Install
) -> Write:
    """Return a function that makes runs in folders of the given names: name=(faults, methods)."""
    install_plugin("planted", PLUGIN, files={"methods.py": METHODS, "networks.py": NETWORKS})

    def run(**plans: tuple[str, str]) -> Path:
        command = [sys.executable, "-c", RUNS, str(catalogue), str(tmp_path), json.dumps(plans)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return tmp_path

    return run


@pytest.fixture
def bench(cli: Cli, catalogue: Path, tmp_path: Path, install_plugin: Install) -> Write:
    """Return a function that runs jobs with the planted plugin, in a folder of the given name."""
    install_plugin("planted", PLUGIN, files={"methods.py": METHODS, "networks.py": NETWORKS})

    def run(name: str, *options: str, methods: str = "cubic,steady", datasets: str = "full") -> Path:
        done = cli("run", "--methods", methods, "--datasets", datasets, "--catalogue", catalogue,
                   "--profile", "smoke", "--device", "cpu", "--reporters", "none", "--out", tmp_path / name,
                   *options)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return tmp_path / name

    return run


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a writer of baselines made by hand, with the given scores of one job."""

    def write_one(name: str, scores: dict[str, float], fit: float = 10.0, **identity: object) -> Path:
        outcome = Outcome(
            *("cells", "cubic", 0, "ok"),
            metrics={metric: Score(value, 1) for metric, value in scores.items()},
            timings={"fit": fit},
            calibration=Calibration(1, "torch", 0.01, 0.005),
            identity={"profile": "smoke"} | identity,
        )
        directions = dict.fromkeys(scores, True)
        write_json(tmp_path / f"{name}.json", RunOutcome.of([outcome], directions).to_dict())
        return tmp_path / f"{name}.json"

    return write_one
