"""How long a reconstruction may take, as a few steps on noise tell."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch

from a2ibench import AxialGrid, SliceNetwork
from a2ibench.reconstruction import outlook
from a2ibench.reconstruction.options import ReconstructOptions, context
from a2ibench.reconstruction.reconstruct import reconstruct_between


class Clock(SliceNetwork):
    """Takes no time but what it adds to a clock: much for the first training, some before each."""

    now, trained = 0.0, 0
    first, before, step, restoring = 60.0, 0.5, 0.1, 2.0

    def build(self, size):
        return torch.nn.Conv2d(1, 1, 1)

    def fit(self, volume, ctx):
        self.now += self.before + ctx.budget.steps * self.step + (0 if self.trained else self.first)
        self.trained += 1

    def reconstruct(self, volume, grid: AxialGrid, ctx):
        self.now += self.restoring
        return np.zeros((grid.n_out, *volume.shape[1:]), np.float32)


@pytest.mark.parametrize(("step", "trainings"), [(0.1, 4), (8.0, 2)])
def test_neither_the_first_step_nor_what_precedes_a_training_counts_for_every_step(
    monkeypatch, step, trainings
):
    method = Clock()
    method.step = step
    method.before = 0.5 if step < 1 else 0.0
    monkeypatch.setattr(outlook, "_now", lambda ctx: method.now)
    ctx = context(ReconstructOptions(profile="smoke", device="cpu"), 1)
    found, voxels_per_second = outlook._speed(method, None, 4.0, ctx)
    assert found == pytest.approx(step)
    assert method.trained == trainings
    side = 2 * ctx.patch
    assert voxels_per_second == pytest.approx(4 * max(4, -(-side // 4)) * side**2 / method.restoring)


def test_the_method_is_built_once(tmp_path, monkeypatch):
    built, original = [], outlook.built_method
    monkeypatch.setattr(outlook, "built_method", lambda *given: built.append(given) or original(*given))
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", np.random.default_rng(0).integers(0, 255, (6, 40, 40), np.uint8))
    told = []
    reconstruct_between(
        "a.tif",
        tmp_path / "o.tif",
        ReconstructOptions(method="plain", profile="smoke", device="cpu", voxel_size=(30, 10, 10)),
        told=lambda seen: told.append((seen.budget, seen.seconds())),
        dry_run=True,
    )
    ((budget, (seconds, source)),) = told
    assert budget.steps == 10
    assert seconds > 0
    assert source == "by a few steps on noise"
    assert len(built) == 1
