"""Window transformers of ours beside textbook implementations of the same networks, at equal training."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from side_by_side import least_times, seconds
from textbook import TextbookGLEN, TextbookWindowAttention, textbook
from torch import nn

from a2ibench import ShiftedWindowAttention, SliceNetwork
from a2ibench.protocol import training
from a2ibench.registry import host
from a2ibench_a2i3dem.network import GLEN

pytestmark = pytest.mark.alone

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
ROUNDS = 3
CASES = [
    ("swinir", {"variant": "full"}, 2, 48, (96, 96)),
    ("swinir", {}, 4, 48, (96, 144)),
    ("a2i-3dem", {}, 4, 48, (96, 144)),
]
TARGET = {"cpu": 1.5, "cuda": 2.0}
NO_SLOWER = 0.9  # than a textbook, however busy the machine


def _networks(method: SliceNetwork) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    ours = method.build("small").to(DEVICE).to(memory_format=torch.channels_last)
    plain = textbook(ours, {ShiftedWindowAttention: TextbookWindowAttention, GLEN: TextbookGLEN})
    return ours, plain.to(DEVICE)


def _cast():
    return training.autocast(training.resolve("auto", DEVICE, bf16_on_cpu=True), DEVICE)()


def _no_slower(benchmark, ours: Callable[[], object], plain: Callable[[], object]) -> None:
    for work in (ours, plain):
        work()
    fast, slow = least_times(
        benchmark,
        lambda: seconds(ours),
        lambda: seconds(plain),
        rounds=ROUNDS,
        most=1 / NO_SLOWER,
    )
    benchmark.extra_info |= {"textbook over ours": slow / fast, "ours (s)": fast, "target": TARGET[DEVICE]}
    assert slow / fast > NO_SLOWER


@pytest.mark.parametrize(("name", "settings", "batch", "side", "plane"), CASES)
def test_training_step(benchmark, name, settings, batch, side, plane) -> None:
    method = host().build("method", name, **settings)
    image, target = torch.rand(2, batch, 1, side, side, device=DEVICE).unbind()

    def stepper(network: nn.Module) -> Callable[[], None]:
        optimizer = method.optimizer(network.parameters())

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            with _cast():
                prediction = network(image)
            method.loss(prediction.float(), target).backward()
            optimizer.step()

        return step

    _no_slower(benchmark, *map(stepper, _networks(method)))


@pytest.mark.parametrize(("name", "settings", "batch", "side", "plane"), CASES)
def test_forward(benchmark, name, settings, batch, side, plane) -> None:
    ours, plain = _networks(host().build("method", name, **settings))
    image = torch.rand(1, 1, *plane, device=DEVICE)
    with torch.inference_mode():
        torch.testing.assert_close(ours(image), plain(image), atol=1e-4, rtol=1e-4)

    def forward(network: nn.Module) -> Callable[[], None]:
        def run() -> None:
            with torch.inference_mode(), _cast():
                network(image)

        return run

    _no_slower(benchmark, forward(ours), forward(plain))
