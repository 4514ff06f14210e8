"""Plugins planted for a test: sound ones, and ones that break a single rule."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from a2ibench.testing import CheckResult, checks, judge

HOOKS = """
{head}
from pathlib import Path
from a2ibench import (
    DatasetSpec, DegradationSpec, MethodSpec, MetricSpec, ReporterSpec, Simulation, hookimpl
)

@hookimpl
def a2ibench_register_{kind}s(register):
    register({spec})
"""

SPEC = '{kind}Spec("planted", "planted.deep:Planted", summary={summary!r}, citation={citation!r})'

SOUND = {
    "method": """
import time
import numpy as np
from safetensors.numpy import load_file, save_file
from a2ibench import interpolate, normalise


class Sound:
    '''Smooths the interpolated slices, by a half or so: it learns not to do more.'''

    halo = (2, 1)

    def __init__(self):
        self.amount = None

    def generator(self, ctx):
        return np.random.default_rng(ctx.seed)

    def fit(self, volume, ctx):
        draw, start = self.generator(ctx), time.perf_counter()
        done, total = 0, ctx.budget.steps or ctx.budget.seconds
        data = normalise(volume.data, volume)
        errors = np.square(self.smoothed(data) - data).mean((0, 2))
        self.amount = np.float32(1)
        while done < total:
            self.amount -= np.float32(0.1 * (self.amount - 0.5) * draw.choice(errors) / errors.mean())
            if ctx.budget.steps:
                done += 1
            else:
                time.sleep(0.01)
                done = min(time.perf_counter() - start, total)
            self.tell(ctx, done, total)

    def tell(self, ctx, done, total):
        ctx.progress("fit", done, total, loss=0.5)

    def interpolated(self, volume, grid):
        return normalise(interpolate(volume.data, grid), volume)

    def smoothed(self, data):
        wide = np.pad(data, ((0, 0), (1, 1), (1, 1)), "edge")
        return (wide[:, 2:, 1:-1] + wide[:, :-2, 1:-1] + wide[:, 1:-1, 2:] + wide[:, 1:-1, :-2]) / 4

    def reconstruct(self, volume, grid, ctx):
        data = self.interpolated(volume, grid)
        ctx.progress("reconstruct", 1, 1)
        return data + self.amount * (self.smoothed(data) - data)

    def save(self, path):
        save_file({"amount": np.array([self.amount])}, path / "weights.safetensors")

    def load(self, path):
        self.amount = load_file(path / "weights.safetensors")["amount"][0]


def linear(data, positions):
    '''Interpolates along z at any positions; ends repeat.'''
    places = np.clip(positions, 0, len(data) - 1)
    left = np.minimum(places.astype(int), len(data) - 2)
    part = (places - left).astype(np.float32)[:, None, None]
    data = np.asarray(data, np.float32)
    return data[left] * (1 - part) + data[left + 1] * part
""",
    "degradation": """
import numpy as np
import torch
from a2ibench import AxialDegradation, Degraded, setting


class Sound(AxialDegradation):
    '''The slab average, and noise of a level that each image draws.'''

    def noise(self, images, generator):
        level = torch.rand(len(images), 1, dtype=images.dtype, device=images.device, generator=generator)
        white = torch.empty_like(images).normal_(generator=generator)
        return images + 0.01 * level[:, :, None, None] * white, {"level": level}

    def nominal(self, volume):
        return {"level": torch.tensor([[0.5]])}
""",
    "metric": """
import numpy as np


class Sound:
    '''The root mean squared error.'''

    name = "planted"
    version = 1
    higher_is_better = False
    needs_reference = True

    def error(self, prediction, reference):
        return prediction.astype(np.float64) - reference

    def __call__(self, prediction, reference, data_range):
        return float(np.sqrt(np.mean(self.error(prediction, reference) ** 2)) / data_range)

    def per_slice(self, prediction, reference, data_range):
        return {"xz": np.sqrt(np.mean(self.error(prediction, reference) ** 2, axis=(0, 2))) / data_range}
""",
    "reporter": """
def sound(run):
    '''Writes what came of each job.'''
    lines = []
    for record in run.records:
        scores = {name: score.value for name, score in record.metrics.items()}
        lines.append(f"{record.name} {record.status} {scores}")
    target = run.folder / "planted.txt"
    target.write_text("\\n".join(lines))
    return [target]
""",
    "dataset": "",
}

LISTING = "listed-lightly"
Plant = Callable[..., dict[str, CheckResult]]


@pytest.fixture
def install(together: None, install_plugin: Callable[..., Distribution]) -> Callable[..., Distribution]:
    """Install a plugin called planted, whose class is Sound with `body` below it.

    ``install(kind, body, *, head="", summary=..., citation=..., licence="MIT", spec=None)``; `head` comes
    before the hooks, and `spec` is the whole expression that is registered.
    """

    def plant(
        kind: str,
        body: str = "    pass",
        *,
        head: str = "",
        summary: str = "a planted plugin",
        citation: str = "Nobody, 2024",
        licence: str = "MIT",
        spec: str | None = None,
    ) -> Distribution:
        given = spec or SPEC.format(kind=kind.capitalize(), summary=summary, citation=citation)
        start = "def Planted(run):\n" if kind == "reporter" else "class Planted(Sound):\n"
        files = {"sound.py": SOUND[kind], "deep.py": f"from planted.sound import *\n\n\n{start}{body}\n"}
        hooks = HOOKS.format(head=head, kind=kind, spec=given)
        distribution = install_plugin("planted", hooks, files=files)
        metadata = Path(str(distribution.locate_file("planted-1.0.dist-info/METADATA")))
        if licence:
            metadata.write_text(f"{metadata.read_text()}License-Expression: {licence}\n")
        return distribution

    return plant


@pytest.fixture
def plant(install: Callable[..., Distribution]) -> Plant:
    """Install a plugin as `install` does, and return what came of each of its checks by name.

    What listing imports takes another process, and is asked only where no body is planted, which it never
    imports.
    """

    def judged(kind: str, body: str = "", **options: str) -> dict[str, CheckResult]:
        install(kind, body or "    pass", **options)
        asked = [check for check in checks(kind, "planted") if not (body and check.name == LISTING)]
        return {check.name: judge(check) for check in asked}

    return judged


@pytest.fixture
def failed() -> Callable[[dict[str, CheckResult]], set[str]]:
    """Return a function that gives the names of the checks that failed."""
    return lambda outcomes: {name for name, outcome in outcomes.items() if outcome.status == "failed"}
