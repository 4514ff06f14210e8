"""Voxels per second of reconstruction, and what the harness costs beside the bare forward."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bare import Bare
from side_by_side import least_times, seconds

from a2ibench import Budget, Context, Volume
from a2ibench.protocol import training
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.registry import host
from a2ibench_cubic.method import Cubic

pytestmark = pytest.mark.alone

CTX = Context(budget=Budget(steps=1), batch=2, patch=24)
ROUNDS = 3
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in ("pssr", "swinir")]
TARGET, LEAST = 0.9, 0.75  # the least also holds on a machine that is busy with something else


def _volume() -> Volume:
    data = np.random.default_rng(0).integers(0, 255, (6, 72, 96), np.uint8)
    return Volume(data, (45, 15, 15), (0, 255))


def test_cubic_voxels_per_second(benchmark) -> None:
    volume = _volume()
    out = benchmark(lambda: reconstruct_volume(Cubic(), volume, CTX))
    benchmark.extra_info["voxels per second"] = out.size / benchmark.stats.stats.median


@pytest.mark.parametrize("name", ["bare", "srmd", "a2i-3dem", *SLOW])
def test_reconstruction_beside_the_bare_forward(name: str, benchmark) -> None:
    volume = _volume()
    method = Bare() if name == "bare" else host().build("method", name)
    method.fit(volume, CTX)
    network = method._fitted()
    inputs: list[tuple[torch.Tensor, ...]] = []
    watch = network.register_forward_pre_hook(lambda _, given: inputs.append(given))
    out = reconstruct_volume(method, volume, CTX)
    watch.remove()
    cast = training.autocast(training.resolve("auto", "cpu", bf16_on_cpu=True), "cpu")

    def bare() -> None:
        with torch.inference_mode(), cast():
            for given in inputs:
                network(*given)

    bare()
    whole, forward = least_times(
        benchmark,
        lambda: seconds(lambda: reconstruct_volume(method, volume, CTX)),
        lambda: seconds(bare),
        rounds=ROUNDS,
        most=1 / LEAST,
    )
    benchmark.extra_info |= {
        "voxels per second": out.size / whole,
        "of the bare forward's": forward / whole,
        "target": TARGET,
    }
    assert forward / whole > LEAST
