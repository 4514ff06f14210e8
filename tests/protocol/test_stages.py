"""Stages of a training, networks beside the network, and losses that see their step."""

from __future__ import annotations

import csv
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from a2ibench import Budget, Context, Degraded, PluginError, SliceNetwork, Stage, TrainingStep, Volume
from a2ibench.protocol.checkpointer import TRAINING, FileCheckpointer
from a2ibench.protocol.stages import NETWORK, Losses, Moment, ready
from a2ibench.protocol.training import Schedule, train, train_stages

STEPS = 8
CTX = Context(budget=Budget(steps=STEPS), batch=4, patch=24, precision="fp32")
WIDE = 1e9


def _networks(seed: int = 0) -> dict[str, nn.Module]:
    torch.manual_seed(seed)
    network = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.Tanh(), nn.Conv2d(3, 1, 3, padding=1))
    return {NETWORK: network, "judge": nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Conv2d(3, 1, 3))}


def _adam(name: str, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=0.02 if name == NETWORK else 0.05)


def _options(**changes: object) -> dict[str, object]:
    options = {"schedule": Schedule(), "clip": WIDE, "average_span": 0.2, "autocast": nullcontext}
    return options | {"progress": lambda *_, **__: None} | changes


def _volume() -> Volume:
    data = np.random.default_rng(0).integers(0, 255, (9, 40, 33), np.uint8)
    return Volume(data, (45, 15, 15), (0, 255))


class Convolutions(SliceNetwork):
    reach = 4

    def build(self, size: str) -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 4, 5, padding=2), nn.GELU(), nn.Conv2d(4, 1, 5, padding=2))


class Adversarial(Convolutions):
    def auxiliary_networks(self, size: str) -> dict[str, nn.Module]:
        return {"judge": nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 1, 3))}

    def training_stages(self, network: nn.Module) -> tuple[Stage, ...]:
        last = list(network[-1].parameters())
        return Stage("alone", share=3), Stage("together", share=5, rate=0.5, parameters=last)

    def training_loss(self, step: TrainingStep) -> Losses:
        loss = self.loss(step.output, step.target)
        if step.stage == "alone":
            return loss
        judge = step.auxiliary["judge"]
        told = F.softplus(-judge(step.target)).mean() + F.softplus(judge(step.output.detach())).mean()
        return {"network": loss + 0.1 * F.softplus(-judge(step.output)).mean(), "judge": told}


def test_stages_are_trainings_one_after_another() -> None:
    x = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(1))
    networks = _networks()
    del networks["judge"]
    seen = []

    def loss(moment: Moment) -> Losses:
        seen.append((moment.index, moment.stage, moment.course))
        error = networks[NETWORK](x) - x
        return error.abs().mean() if moment.stage == "a" else error.square().mean()

    stages = ready((Stage("a", share=3), Stage("b", rate=0.5)), networks, _adam)
    assert train_stages(networks, stages, loss, Budget(steps=STEPS), **_options()) == STEPS
    assert [stage for _, stage, _ in seen] == ["a"] * 6 + ["b"] * 2
    assert [index for index, *_ in seen] == list(range(STEPS))
    assert [course for *_, course in seen] == pytest.approx([0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 0, 0.5])
    other = _networks()[NETWORK]
    for steps, rate, squared in ((6, 0.02, False), (2, 0.01, True)):

        def error(squared: bool = squared) -> torch.Tensor:
            found = other(x) - x
            return found.square().mean() if squared else found.abs().mean()

        train(other, torch.optim.Adam(other.parameters(), lr=rate), error, Budget(steps=steps), **_options())
    for one, two in zip(networks[NETWORK].parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_networks_side_by_side_learn_as_in_a_loop_by_hand() -> None:
    draws = [torch.rand(2, 2, 1, 8, 8, generator=torch.Generator().manual_seed(n)) for n in range(5)]

    def losses(network: nn.Module, judge: nn.Module, step: int) -> dict[str, torch.Tensor]:
        made, real = network(draws[step][0]), draws[step][1]
        told = F.softplus(-judge(real)).mean() + F.softplus(judge(made.detach())).mean()
        return {NETWORK: made.abs().mean() + F.softplus(-judge(made)).mean(), "judge": told}

    ours = _networks()
    train_stages(
        ours,
        ready((Stage(),), ours, _adam),
        lambda moment: losses(*ours.values(), moment.index),
        Budget(steps=5),
        **_options(average_span=0.0),
    )
    network, judge = _networks().values()
    optimizers = [_adam(NETWORK, list(network.parameters())), _adam("judge", list(judge.parameters()))]
    for step in range(5):
        for optimizer, peak in zip(optimizers, (0.02, 0.05), strict=True):
            optimizer.param_groups[0]["lr"] = peak * Schedule().factor(step / 5)
        found = losses(network, judge, step)
        gradients = [
            torch.autograd.grad(found[name], list(one.parameters()), retain_graph=True)
            for name, one in ((NETWORK, network), ("judge", judge))
        ]
        for one, some, optimizer in zip((network, judge), gradients, optimizers, strict=True):
            for parameter, gradient in zip(one.parameters(), some, strict=True):
                parameter.grad = gradient
            optimizer.step()
    for one, other in zip(ours.values(), (network, judge), strict=True):
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


class KilledError(Exception):
    pass


def _fitted(folder: Path, stop: int | None = None) -> tuple[SliceNetwork, dict[str, bytes], list[list[str]]]:
    folder.mkdir(exist_ok=True)

    def progress(phase: str, done: float, total: float, **values: float) -> None:
        assert total == STEPS
        if stop is not None and done >= stop:
            raise KilledError

    keeper = FileCheckpointer(folder / TRAINING, 0.0)
    method = Adversarial()
    method.fit(_volume(), replace(CTX, checkpointer=keeper, workdir=folder, progress=progress))
    method.save(folder / "checkpoint")
    rows = csv.reader((folder / "train.csv").open(newline=""))
    kept = {file.name: file.read_bytes() for file in (folder / "checkpoint").iterdir()}
    return method, kept, [[step, rate, loss] for step, _, rate, loss in rows]


def test_interrupted_in_any_stage_it_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    _, whole, curve = _fitted(tmp_path / "whole")
    for stops in [(3,), (4,), (5,), (2, 4, 7)]:
        folder = tmp_path / str(stops)
        for stop in stops:
            with pytest.raises(KilledError):
                _fitted(folder, stop)
            assert (folder / TRAINING).exists()
        _, kept, again = _fitted(folder)
        assert kept == whole
        assert again == curve


def test_each_network_and_stage_changes_what_is_its_own(tmp_path: Path) -> None:
    class Watched(Adversarial):
        seen: list[dict[str, torch.Tensor]] = []  # noqa: RUF012 (of one test)

        def training_loss(self, step: TrainingStep) -> Losses:
            networks = {"network": step.network, **step.auxiliary}
            state = {
                f"{name}.{key}": value.clone()
                for name, network in networks.items()
                for key, value in network.named_parameters()
            }
            self.seen.append(state)
            return super().training_loss(step)

    Watched(average_span=0.0).fit(_volume(), CTX)
    changed = [
        {name.split(".")[0] + name.split(".")[1] for name in now if not torch.equal(now[name], after[name])}
        for now, after in zip(Watched.seen, Watched.seen[1:], strict=False)
    ]
    assert changed[:3] == [{"network0", "network2"}] * 3
    # The first step of a stage is at the foot of its warm-up, but none is without effect.
    assert changed[3:] == [{"network2", "judge0", "judge1", "judge3"}] * 4


def test_a_checkpoint_holds_the_networks_beside_and_gives_them_back(tmp_path: Path) -> None:
    method, kept, _ = _fitted(tmp_path / "first")
    loaded = Adversarial()
    loaded.load(tmp_path / "first" / "checkpoint")
    loaded.save(tmp_path / "again")
    assert {file.name: file.read_bytes() for file in (tmp_path / "again").iterdir()} == kept
    assert loaded.parameters() == method.parameters() == sum(p.numel() for p in method.build("").parameters())


def test_a_loss_sees_its_step() -> None:
    class Seen(Convolutions):
        degradation = "em-distortions"
        steps: list[TrainingStep] = []  # noqa: RUF012

        def training_loss(self, step: TrainingStep) -> torch.Tensor:
            assert torch.equal(self.apply_network(step.network, step.degraded), step.output)
            self.steps.append(step)
            return super().training_loss(step)

    plain, seen = Convolutions(degradation="em-distortions"), Seen()
    for method in (plain, seen):
        method.fit(_volume(), CTX)
    assert [step.index for step in Seen.steps] == list(range(STEPS))
    assert {step.output.shape for step in Seen.steps} == {torch.Size((4, 1, 24, 24))}
    for one, other in zip(plain._network.parameters(), seen._network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_network_that_is_not_to_train_stays_as_it_was_built(tmp_path: Path) -> None:
    class Shipped(Convolutions):
        trains = False

        def build(self, size: str) -> nn.Module:
            network = super().build(size)
            for parameter in network.parameters():
                nn.init.constant_(parameter, 0.01)
            return network

        def optimizer(self, parameters: object) -> torch.optim.Optimizer:
            raise AssertionError

    method = Shipped()
    # Too thin for a training, which there is none of.
    data = np.random.default_rng(0).integers(0, 255, (4, 5, 40), np.uint8)
    method.fit(Volume(data, (45, 15, 15), (0, 255)), replace(CTX, workdir=tmp_path))
    assert all((p == 0.01).all() for p in method._network.parameters())
    assert list(tmp_path.iterdir()) == []
    assert "patch" not in method.configuration()


def test_a_budget_in_seconds_is_divided_too(monkeypatch: pytest.MonkeyPatch) -> None:
    class Time:
        now = 0.0

        @classmethod
        def perf_counter(cls) -> float:
            cls.now += 1.0
            return cls.now

    monkeypatch.setattr("a2ibench.protocol.training.time", Time)
    networks, seen = _networks(), []
    stages = ready((Stage("a"), Stage("b", share=4)), networks, _adam)

    def loss(moment: Moment) -> torch.Tensor:
        seen.append(moment.stage)
        return networks[NETWORK](torch.ones(1, 1, 4, 4)).mean()

    train_stages(networks, stages, loss, Budget(seconds=10.0), **_options())
    assert seen == ["a"] * 2 + ["b"] * 8


WRONG = {
    "none": ((), r"stages are named \[\]; give one or more"),
    "twice": ((Stage("a"), Stage("a")), "each with a name of its own"),
    "no share": ((Stage("a", share=0),), "stage 'a': share is 0; give a positive number"),
    "no rate": ((Stage("a", rate=float("nan")),), "stage 'a': rate is nan"),
    "others": ((Stage("a", parameters=[nn.Parameter(torch.ones(1))]),), "are not the network's"),
    "nothing": ((Stage("a", parameters=[]),), "are not the network's"),
}


@pytest.mark.parametrize("case", WRONG)
def test_stages_without_sense_are_refused(case: str) -> None:
    stages, message = WRONG[case]
    with pytest.raises(PluginError, match=message):
        ready(stages, _networks(), _adam)


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({}, "losses are named nothing; give that of 'network', and of some of judge"),
        ({"judge": torch.ones(())}, "losses are named judge; give that of 'network'"),
        ({"network": torch.ones(()), "jugde": torch.ones(())}, "named network, jugde; give"),
        (
            {"network": torch.ones(()), "judge": torch.ones(2)},
            r"training_loss returned for judge shape \(2,\)",
        ),
        ({"network": 1.0}, "training_loss returned for network float"),
    ],
)
def test_losses_of_other_names_or_kinds_are_refused(losses: dict[str, object], message: str) -> None:
    class Wrong(Adversarial):
        def training_loss(self, step: TrainingStep) -> Losses:
            return losses  # type: ignore[return-value]

    with pytest.raises(PluginError, match=message):
        Wrong().fit(_volume(), CTX)


@pytest.mark.parametrize(
    ("networks", "message"),
    [
        (nn.Identity(), "returned Identity; return networks by name"),
        ({"network": nn.Identity()}, "one is named 'network'"),
        ({"a.b": nn.Identity()}, "one is named 'a.b'; give a text without a dot"),
        ({"judge": 3}, "judge is int; give an nn.Module"),
    ],
)
def test_networks_beside_without_a_name_are_refused(networks: object, message: str) -> None:
    class Wrong(Convolutions):
        def auxiliary_networks(self, size: str) -> object:
            return networks

    with pytest.raises(PluginError, match=message):
        Wrong().fit(_volume(), CTX)


def test_a_network_that_a_loss_only_looks_at_needs_none_of_its_own() -> None:
    class Perceptual(Convolutions):
        def auxiliary_networks(self, size: str) -> dict[str, nn.Module]:
            return {"features": nn.Conv2d(1, 2, 3).requires_grad_(False)}

        def training_loss(self, step: TrainingStep) -> torch.Tensor:
            features = step.auxiliary["features"]
            return F.l1_loss(features(step.output), features(step.target))

    method = Perceptual()
    method.fit(_volume(), CTX)
    assert isinstance(method.apply_network(method._network, Degraded(torch.ones(1, 1, 9, 9))), torch.Tensor)
