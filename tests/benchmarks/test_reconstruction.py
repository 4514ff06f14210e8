"""Voxels per second of reconstruction, and what the harness costs beside the bare forward."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from a2ibench import Budget, Context, SliceNetwork, Volume
from a2ibench.plugins import host
from a2ibench.protocol import precision
from a2ibench.protocol.reconstruct import reconstruct_volume
from a2ibench_cubic.method import Cubic

pytestmark = pytest.mark.alone

CTX = Context(budget=Budget(steps=1), batch=2, patch=24)
ROUNDS = 3
TARGET, LEAST = 0.9, 0.75  # the least also holds on a machine that is busy with something else


class Plain(SliceNetwork):
    """Eight 3x3 convolutions of 48 channels: about the cheapest network that a method has."""

    def build(self, size: str) -> nn.Module:
        layers: list[nn.Module] = [nn.Conv2d(1, 48, 3, padding=1)]
        for _ in range(6):
            layers += [nn.ReLU(), nn.Conv2d(48, 48, 3, padding=1)]
        return nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(48, 1, 3, padding=1))


def _volume() -> Volume:
    data = np.random.default_rng(0).integers(0, 255, (8, 96, 112), np.uint8)
    return Volume(data, (45, 15, 15), (0, 255))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_cubic_voxels_per_second(benchmark) -> None:
    volume = _volume()
    out = benchmark(lambda: reconstruct_volume(Cubic(), volume, CTX))
    benchmark.extra_info["voxels per second"] = out.size / benchmark.stats.stats.median


@pytest.mark.parametrize("name", ["plain", "srmd", "pssr", "swinir", "a2i-3dem"])
def test_reconstruction_beside_the_bare_forward(name: str, benchmark) -> None:
    volume = _volume()
    method = Plain() if name == "plain" else host().build("method", name)
    method.fit(volume, CTX)
    network = method._fitted()
    inputs: list[tuple[torch.Tensor, ...]] = []
    watch = network.register_forward_pre_hook(lambda _, given: inputs.append(given))
    out = reconstruct_volume(method, volume, CTX)
    watch.remove()
    cast = precision.autocast(precision.resolve("auto", "cpu", bf16_on_cpu=True), "cpu")

    def bare() -> None:
        with torch.inference_mode(), cast():
            for given in inputs:
                network(*given)

    bare()
    pairs: list[tuple[float, float]] = []

    def pair() -> None:
        pairs.append((_seconds(lambda: reconstruct_volume(method, volume, CTX)), _seconds(bare)))

    benchmark.pedantic(pair, rounds=ROUNDS)
    whole, forward = (min(times) for times in zip(*pairs, strict=True))
    benchmark.extra_info |= {
        "voxels per second": out.size / whole,
        "of the bare forward's": forward / whole,
        "target": TARGET,
    }
    assert forward / whole > LEAST
