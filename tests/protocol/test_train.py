"""The training loop: schedule, averaging, budgets, divergence."""

from __future__ import annotations

import csv
import time
from contextlib import nullcontext

import pytest
import torch
from torch import nn

from a2ibench import Budget, PluginError
from a2ibench.protocol.training import Schedule, train
from a2ibench.protocol.training_state import Average


def _train(network: nn.Module, loss, budget: Budget, **changes) -> int:
    options = {
        "schedule": Schedule(),
        "clip": 1.0,
        "average_span": 0.0,
        "progress": lambda *_, **__: None,
        "autocast": nullcontext,
    }
    return train(network, torch.optim.Adam(network.parameters(), lr=0.05), loss, budget, **options | changes)


def _regression() -> tuple[nn.Linear, object]:
    torch.manual_seed(0)
    network = nn.Linear(3, 1)
    x = torch.randn(64, 3)
    y = x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 0.3
    return network, lambda: (network(x) - y).abs().mean()


def test_it_learns_what_least_squares_says(tmp_path) -> None:
    network, loss = _regression()
    assert _train(network, loss, Budget(steps=400), workdir=tmp_path, average_span=0.02) == 400
    torch.testing.assert_close(network.weight, torch.tensor([[1.0, -2.0, 0.5]]), atol=0.01, rtol=0)
    rows = list(csv.DictReader((tmp_path / "train.csv").open()))
    assert [int(row["step"]) for row in rows] == list(range(1, 401))
    assert float(rows[-1]["loss"]) < 0.02 < float(rows[0]["loss"])
    assert max(float(row["learning_rate"]) for row in rows) == pytest.approx(0.05, rel=0.01)


def test_a_budget_in_seconds_ends_in_time() -> None:
    network, loss = _regression()
    start = time.perf_counter()
    steps = _train(network, loss, Budget(seconds=0.5))
    assert steps > 5
    assert time.perf_counter() - start < 2


def test_divergence_is_an_error_that_says_what_to_do() -> None:
    network, loss = _regression()
    with pytest.raises(PluginError, match="lower learning_rate"):
        _train(network, lambda: loss() * float("nan"), Budget(steps=3))


def test_the_schedule_rises_and_falls() -> None:
    schedule = Schedule(warmup=0.1, floor=0.01)
    assert schedule.factor(0) < 0.01
    assert schedule.factor(0.05) == pytest.approx(0.5)
    assert schedule.factor(0.1) == pytest.approx(1)
    assert schedule.factor(0.55) == pytest.approx(0.505)
    assert schedule.factor(1) == pytest.approx(0.01)


def test_the_average_follows_the_last_part_of_the_steps() -> None:
    network = nn.Linear(1, 1, bias=False)
    average = Average(network, span=0.1)
    for step in range(1, 1001):
        nn.init.constant_(network.weight, step)
        average.update(step)
    average.apply()
    assert network.weight.item() == pytest.approx(1000 * (1 - 0.1 / 1.1), rel=0.01)


def test_progress_ends_at_the_total() -> None:
    seen = []
    network, loss = _regression()

    def progress(phase: str, done: float, total: float, **values: float) -> None:
        seen.append((done, total, values))

    _train(network, loss, Budget(steps=7), progress=progress)
    assert seen[-1][:2] == (7, 7)
    assert seen[-1][2]["loss"] > 0
