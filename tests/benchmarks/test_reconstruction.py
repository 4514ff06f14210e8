"""Voxels per second of reconstruction, and what the harness costs beside the bare forward."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from a2ibench import Budget, Context, SliceNetwork, Volume
from a2ibench.protocol.reconstruct import reconstruct_volume
from a2ibench_cubic.method import Cubic

CTX = Context(budget=Budget(steps=1), batch=2, patch=24)


class Plain(SliceNetwork):
    """Four 3x3 convolutions of 32 channels."""

    def build(self, size: str) -> nn.Module:
        layers: list[nn.Module] = [nn.Conv2d(1, 32, 3, padding=1)]
        for _ in range(2):
            layers += [nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1)]
        return nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(32, 1, 3, padding=1))


def _volume() -> Volume:
    data = np.random.default_rng(0).integers(0, 255, (16, 120, 160), np.uint8)
    return Volume(data, (45, 15, 15), (0, 255))


def test_cubic_voxels_per_second(benchmark) -> None:
    volume = _volume()
    out = benchmark(lambda: reconstruct_volume(Cubic(), volume, CTX))
    benchmark.extra_info["voxels per second"] = out.size / benchmark.stats.stats.median


def test_network_voxels_per_second(benchmark) -> None:
    volume = _volume()
    method = Plain()
    method.fit(volume, CTX)
    out = benchmark.pedantic(lambda: reconstruct_volume(method, volume, CTX), rounds=3, warmup_rounds=1)
    assert out.shape == (48, 120, 160)
    benchmark.extra_info["voxels per second"] = out.size / benchmark.stats.stats.median


def test_bare_forward_voxels_per_second(benchmark) -> None:
    method = Plain()
    method.fit(_volume(), CTX)
    network = method._fitted()
    planes = torch.rand(16, 1, 48, 160)

    def forward() -> None:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            network(planes)

    benchmark.pedantic(forward, rounds=5, warmup_rounds=1)
    median = benchmark.stats.stats.median
    benchmark.extra_info["voxels per second, both plane families"] = planes.numel() / 2 / median
