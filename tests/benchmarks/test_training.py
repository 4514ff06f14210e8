"""What the harness costs beside the network itself."""

from __future__ import annotations

import statistics
import time

import numpy as np
import pytest
import torch
from torch import nn

from a2ibench import AxialDegradation, Budget, Context, SliceNetwork, Volume
from a2ibench.plugins import host
from a2ibench.protocol import precision
from a2ibench.protocol.sample import PatchSampler, training_grid

pytestmark = pytest.mark.alone

BATCH, PATCH, STEPS = 16, 48, 8


class Plain(SliceNetwork):
    """Eight 3x3 convolutions of 48 channels: about the cheapest network that a method has."""

    def build(self, size: str) -> nn.Module:
        layers: list[nn.Module] = [nn.Conv2d(1, 48, 3, padding=1)]
        for _ in range(6):
            layers += [nn.ReLU(), nn.Conv2d(48, 48, 3, padding=1)]
        return nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(48, 1, 3, padding=1))


@pytest.fixture(scope="module")
def volume() -> Volume:
    data = np.random.default_rng(0).integers(0, 255, (16, 240, 341), np.uint8)
    return Volume(data, (45, 15, 15), (0, 255))


def _sampler(volume: Volume) -> PatchSampler:
    grid = training_grid(volume, PATCH)
    return PatchSampler(volume, AxialDegradation(), grid, batch=BATCH, device="cpu", seed=0)


def _bare(method: SliceNetwork, volume: Volume) -> float:
    network = method.build("small").to(memory_format=torch.channels_last)
    optimizer = method.optimizer(network.parameters())
    degraded, target = _sampler(volume).pairs()
    cast = precision.autocast(precision.resolve("auto", "cpu", bf16_on_cpu=True), "cpu")
    start = time.perf_counter()
    for _ in range(STEPS):
        optimizer.zero_grad(set_to_none=True)
        with cast():
            prediction = network(degraded.image)
        method.loss(prediction.float(), target).backward()
        optimizer.step()
    return time.perf_counter() - start


def _whole(volume: Volume) -> float:
    times: list[float] = []
    ctx = Context(
        budget=Budget(steps=STEPS),
        batch=BATCH,
        patch=PATCH,
        progress=lambda *_, **__: times.append(time.perf_counter()),
    )
    start = time.perf_counter()
    Plain().fit(volume, ctx)
    return time.perf_counter() - start


def test_the_whole_loop_costs_at_most_five_percent_more_than_the_bare_step(volume: Volume, benchmark) -> None:
    _bare(Plain(), volume), _whole(volume)
    ratios = []

    def pair() -> None:
        bare = _bare(Plain(), volume)
        ratios.append(_whole(volume) / bare)

    benchmark.pedantic(pair, rounds=7)
    benchmark.extra_info["whole loop over bare step"] = statistics.median(ratios)
    assert statistics.median(ratios) < 1.05


def test_the_distribution_loss_costs_at_most_a_quarter_of_a_step(volume: Volume, benchmark) -> None:
    methods = [host().build("method", "a2i-3dem", alpha=alpha) for alpha in (0.01, 0)]
    for method in methods:
        _bare(method, volume)
    pairs: list[list[float]] = []
    benchmark.pedantic(lambda: pairs.append([_bare(method, volume) for method in methods]), rounds=5)
    # The least of each: what other processes take away is no property of either.
    with_it, without = (min(times) for times in zip(*pairs, strict=True))
    benchmark.extra_info["cost over a step without it"] = with_it / without - 1
    assert with_it / without < 1.25


def test_sampling_and_degrading_a_batch(volume: Volume, benchmark) -> None:
    sampler = _sampler(volume)
    degraded, target = benchmark(sampler.pairs)
    assert degraded.image.shape == target.shape == (BATCH, 1, PATCH, PATCH)
    benchmark.extra_info["patches per second"] = BATCH / benchmark.stats.stats.median
