"""A plugin whose methods behave badly, each in one way, and a small dataset without reference."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

PLUGIN = """
from a2ibench import MethodSpec, MetricSpec, hookimpl

METHODS = {
    "nearest": "Nearest", "bare": "Bare", "dies": "Dies", "exits": "Exits", "sleeps": "Sleeps",
    "wrong-shape": "WrongShape", "nan": "NotANumber", "raises": "Raises", "memory": "Memory",
    "quits": "Quits", "skips": "Skips", "unsaved": "Unsaved", "curious": "Curious",
    "secretive": "Secretive",
}


@hookimpl
def a2ibench_register_methods(register):
    for name, target in METHODS.items():
        register(MethodSpec(name=name, target=f"probe.methods:{target}", summary="a probe"))


@hookimpl
def a2ibench_register_metrics(register):
    targets = {"spread": "Spread", "broken": "Broken", "undefined": "Undefined", "told": "Told"}
    for name, target in targets.items():
        register(MetricSpec(name=name, target=f"probe.metrics:{target}", summary="a probe"))


@hookimpl
def a2ibench_job_finished(record):
    import os
    with open(os.environ["PROBE_FOLDER"] + "/hook.txt", "a") as file:
        file.write(record["method"] + " " + record["status"] + "\\n")
"""

METHODS = """
import os, signal, sys, time
from pathlib import Path
import numpy as np
from a2ibench import Configurable, setting


class Nearest(Configurable):
    halo = (1, 0)
    gain: float = setting(1.0, "factor of all intensities", low=0, high=2)

    def fit(self, volume, ctx):
        with open(os.environ["PROBE_FOLDER"] + "/fits.txt", "a") as file:
            file.write(f"{type(self).__name__} {ctx.seed}\\n")
        print("noise of a plugin")
        print("noise on stderr", file=sys.stderr)
        ctx.progress("fit", 1, 2, loss=0.5)

    def reconstruct(self, volume, grid, ctx):
        lo, hi = volume.intensity
        nearest = np.clip(np.rint(grid.positions).astype(int), 0, volume.shape[0] - 1)
        data = np.asarray(volume.data, np.float32)[nearest]
        return (self.gain * (data - lo) / (hi - lo)).astype(np.float32)

    def save(self, path):
        (path / "state.txt").write_text("nearest")

    def load(self, path):
        pass


class Bare:
    halo = (1, 0)

    def __init__(self, gain=1.0, steps=3, deep=True, mode="soft"):
        self.gain, self.steps = gain, steps

    fit, reconstruct, save, load = Nearest.fit, Nearest.reconstruct, Nearest.save, Nearest.load


class Dies(Nearest):
    def fit(self, volume, ctx):
        print("about to die", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


class Exits(Nearest):
    def fit(self, volume, ctx):
        os._exit(7)


class Sleeps(Nearest):
    def fit(self, volume, ctx):
        folder = Path(os.environ["PROBE_FOLDER"])
        (folder / "pid.new").write_text(str(os.getpid()))
        (folder / "pid.new").replace(folder / "pid.txt")
        while (folder / "sleep").exists():
            time.sleep(0.02)
        super().fit(volume, ctx)


class WrongShape(Nearest):
    def reconstruct(self, volume, grid, ctx):
        return super().reconstruct(volume, grid, ctx)[1:]


class NotANumber(Nearest):
    def reconstruct(self, volume, grid, ctx):
        return super().reconstruct(volume, grid, ctx) * np.float32("nan")


class Raises(Nearest):
    def fit(self, volume, ctx):
        raise ValueError("no luck\\nat all")


class Memory(Nearest):
    def fit(self, volume, ctx):
        np.empty(1 << 60, np.uint8)


class Quits(Nearest):
    def fit(self, volume, ctx):
        sys.exit("enough")


class Skips(Nearest):
    def skip(self, volume):
        return "not for volumes like this"


class Unsaved(Nearest):
    def save(self, path):
        raise OSError("nowhere to write")


class Curious(Nearest):
    '''Takes down everything it is handed.'''

    def fit(self, volume, ctx):
        super().fit(volume, ctx)
        folder = Path(os.environ["PROBE_FOLDER"])
        np.save(folder / "seen.npy", volume.data)
        (folder / "base.txt").write_text(str(volume.data.base))
        (folder / "files.txt").write_text(" ".join(sorted(os.listdir(ctx.workdir))))

    def reconstruct(self, volume, grid, ctx):
        with open(os.environ["PROBE_FOLDER"] + "/shapes.txt", "a") as file:
            file.write(f"{volume.shape}\\n")
        return super().reconstruct(volume, grid, ctx)


class Secretive(Nearest):
    def configuration(self):
        raise RuntimeError("a secret")

    def parameters(self):
        return 12

    macs_per_voxel = configuration

    def precision_used(self, ctx):
        return f"{ctx.precision} in spirit"
"""

METRICS = """
import json, os

class Spread:
    name, version, higher_is_better, needs_reference = "spread", 3, True, False

    def __call__(self, prediction, reference, data_range):
        return float(prediction.std()) / data_range

    def per_slice(self, prediction, reference, data_range):
        return {"xy": prediction.std(axis=(1, 2))}


class Broken(Spread):
    name = "broken"

    def __call__(self, prediction, reference, data_range):
        prediction[:] = 0


class Undefined(Spread):
    name = "undefined"

    def __call__(self, prediction, reference, data_range):
        return float("nan")


class Told:
    name, version, higher_is_better, needs_reference = "told", 1, True, False

    def score(self, context):
        told = {
            "prediction": context.prediction.shape,
            "reference": None if context.reference is None else context.reference.shape,
            "input": context.input.shape,
            "inner": context.input.voxel_size,
            "voxel_size": context.voxel_size,
            "ratio": context.ratio,
            "degradation": context.degradation,
            "labels": context.labels,
            "writeable": [a.flags.writeable for a in (context.prediction, context.input.data)],
        }
        with open(os.environ["PROBE_FOLDER"] + "/told.json", "w") as file:
            json.dump(told, file)
        return context.data_range
"""


@pytest.fixture
def quick_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out of jobs what takes most of a short one: the speed of the machine, and versions."""
    from a2ibench.bench import calibration, growth, keeping, provenance

    monkeypatch.setattr(calibration, "_time", lambda *_: 0.01)
    for module in (growth, keeping, provenance):
        monkeypatch.setattr(module, "environment", dict)


@pytest.fixture
def probe(
    together: None, install_plugin: Callable[..., object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Install the plugin; return the folder where its methods leave traces."""
    folder = tmp_path / "probe"
    folder.mkdir()
    monkeypatch.setenv("PROBE_FOLDER", str(folder))
    install_plugin("probe", PLUGIN, files={"methods.py": METHODS, "metrics.py": METRICS})
    return folder


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a catalogue of one anisotropic and one isotropic volume, 12 x 20 x 16 and 24 x 20 x 16."""
    monkeypatch.setenv("A2IBENCH_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "data"
    folder.mkdir()
    draw = np.random.default_rng(0)
    tifffile.imwrite(folder / "thin.tif", draw.integers(0, 256, (12, 20, 16), np.uint8))
    tifffile.imwrite(folder / "full.tif", draw.integers(0, 256, (24, 20, 16), np.uint8))
    file = folder / "datasets.toml"
    file.write_text(
        '[thin]\npath = "thin.tif"\nvoxel_size = [30, 10, 10]\n'
        '[full]\npath = "full.tif"\nvoxel_size = [10, 10, 10]\nsimulate = {ratio = 3.0}\n'
        '[flat]\npath = "full.tif"\nvoxel_size = [10, 10, 10]\n'
        '[remote]\nurl = "https://localhost/x.tif"\nvoxel_size = [30, 10, 10]\n'
    )
    return file
