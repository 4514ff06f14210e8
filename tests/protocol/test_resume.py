"""A training that was interrupted goes on: its state in a file, and the same result to the last bit."""

from __future__ import annotations

import csv
import math
import random
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from torch import nn

from a2ibench import Budget, InputError, PluginError
from a2ibench.protocol import training as module
from a2ibench.protocol.checkpointer import TRAINING, FileCheckpointer
from a2ibench.protocol.state_file import read_state, write_state
from a2ibench.protocol.training import Schedule, train

STEPS = 9
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text())
TENSORS = st.sampled_from([np.float32, np.float64, np.uint8, np.int64, np.bool_]).flatmap(
    lambda dtype: arrays(dtype, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
STATES = st.recursive(
    SCALARS | TENSORS.map(torch.from_numpy),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    ),
    max_leaves=12,
)


def same(one: object, other: object) -> bool:
    if isinstance(one, torch.Tensor):
        return (
            isinstance(other, torch.Tensor)
            and (one.dtype, one.shape) == (other.dtype, other.shape)
            and (one.stride() == other.stride() or one.numel() == 0)
            and one.numpy().tobytes() == other.numpy().tobytes()
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)


@settings(deadline=None, max_examples=60)
@example(torch.from_numpy(np.zeros(0)))
@given(STATES)
def test_a_state_comes_back_as_it_was(tmp_path_factory, state) -> None:
    path = tmp_path_factory.mktemp("state") / "file"
    write_state(path, state)
    assert same(read_state(path), state)


def test_layouts_shared_memory_and_bf16_come_back(tmp_path) -> None:
    weight = torch.randn(4, 3, 5, 5).to(memory_format=torch.channels_last)
    state = [weight, weight, weight[1:, :2], torch.randn(3, 1).expand(3, 4), torch.randn(3).bfloat16()]
    write_state(tmp_path / "file", state)
    found = read_state(tmp_path / "file")
    assert all(map(torch.equal, found, state))
    assert found[0].stride() == found[1].stride() == weight.stride()


def test_what_cannot_be_kept_is_named(tmp_path) -> None:
    with pytest.raises(PluginError, match=r"state\.loss\.1 is function"):
        write_state(tmp_path / "file", {"loss": [1, same]})


class Killed(Exception):  # noqa: N818 (it stands for a signal)
    pass


def optimizers(network: nn.Module) -> dict[str, torch.optim.Optimizer]:
    weights = list(network.parameters())
    return {
        "adam": torch.optim.Adam(weights, lr=0.02, fused=True),
        "adamw": torch.optim.AdamW(
            [{"params": weights[:1], "lr": 0.01}, {"params": weights[1:]}], lr=0.02, amsgrad=True
        ),
        "sgd": torch.optim.SGD(weights, lr=0.05, momentum=0.9, nesterov=True),
        "plain": torch.optim.SGD(weights, lr=0.05),
    }


def trained(
    folder: Path,
    optimizer: str = "adam",
    *,
    checkpointer: FileCheckpointer | None = None,
    stop: int | None = None,
    budget: Budget | None = None,
    width: int = 4,
) -> dict[str, torch.Tensor]:
    """Train a network that draws from every generator; a progress ends it after `stop` steps."""
    random.seed(3)
    np.random.seed(3)  # noqa: NPY002
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(3)
    network = nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1), nn.BatchNorm2d(width), nn.Dropout(0.2), nn.Conv2d(width, 1, 1)
    ).to(memory_format=torch.channels_last)

    def loss() -> torch.Tensor:
        x = torch.randn(2, 1, 8, 8, generator=generator)
        gain = np.random.rand()  # noqa: NPY002
        return (network(x) * gain - x * random.random()).abs().mean()  # noqa: S311

    def progress(phase: str, done: float, total: float, **values: float) -> None:
        if stop is not None and done >= stop:
            raise Killed

    folder.mkdir(exist_ok=True)
    train(
        network,
        optimizers(network)[optimizer],
        loss,
        budget or Budget(steps=STEPS),
        schedule=Schedule(),
        clip=1.0,
        average_span=0.2,
        progress=progress,
        workdir=folder,
        checkpointer=checkpointer,
        generator=generator,
        autocast=nullcontext,
    )
    return network.state_dict()


def curve(folder: Path) -> list[list[str]]:
    """Return what train.csv holds but for its seconds."""
    rows = list(csv.reader((folder / "train.csv").open(newline="")))
    return [[step, rate, loss] for step, _, rate, loss in rows]


def checkpointer(folder: Path, identity: str = "", every: float = 0.0) -> FileCheckpointer:
    return FileCheckpointer(folder / TRAINING, every, identity)


def interrupted(folder: Path, stop: int = 5, **options) -> FileCheckpointer:
    folder.mkdir(exist_ok=True)
    keeper = checkpointer(folder)
    with pytest.raises(Killed):
        trained(folder, checkpointer=keeper, stop=stop, **options)
    return keeper


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "plain"])
def test_interrupted_again_and_again_it_ends_as_if_it_had_not_been(tmp_path, optimizer) -> None:
    whole = trained(tmp_path / "whole", optimizer)
    for stops in [(2,), (5,), (STEPS,), (2, 3, 7, 8)]:
        folder = tmp_path / str(stops)
        for stop in stops:
            interrupted(folder, stop, optimizer=optimizer)
            # Of another process nothing is left but the file.
            (folder / "train.csv").write_text("half a li")
        keeper = checkpointer(folder)
        assert same(dict(trained(folder, optimizer, checkpointer=keeper)), dict(whole))
        assert curve(folder) == curve(tmp_path / "whole")
        assert keeper.resumed == len(stops)


@pytest.mark.parametrize(
    ("every", "takes", "kept"),
    [(60.0, 0.5, [60, 121, 182]), (60.0, 2.0, [60]), (1.0, 0.5, [1, 52, 103, 154]), (0.0, 100.0, [0, 101])],
)
def test_the_interval_grows_where_keeping_takes_more_than_a_hundredth(
    tmp_path, monkeypatch, every, takes, kept
) -> None:
    now = 0.0

    def slow(path: Path, state: object) -> None:
        nonlocal now
        now += takes

    monkeypatch.setattr("a2ibench.protocol.state_file.write_state", slow)
    keeper = FileCheckpointer(tmp_path / TRAINING, every, clock=lambda: now)
    found = []
    while now <= 190:
        if keeper.should_save():
            found.append(math.floor(now))
            keeper.save({})
        now = math.floor(now) + 1.0
    assert found == kept


def test_the_seconds_of_earlier_attempts_count(tmp_path, monkeypatch) -> None:
    class Time:
        now = 0.0

        @classmethod
        def perf_counter(cls) -> float:
            cls.now += 1.0
            return cls.now

    monkeypatch.setattr(module, "time", Time)
    budget = Budget(seconds=10.0)
    trained(tmp_path / "whole", budget=budget)
    keeper = FileCheckpointer(tmp_path / TRAINING, 0.0, clock=lambda: 100 + Time.now)
    with pytest.raises(Killed):
        trained(tmp_path, checkpointer=keeper, stop=6, budget=budget)
    again = FileCheckpointer(tmp_path / TRAINING, 0.0, clock=lambda: 500 + Time.now)
    trained(tmp_path, checkpointer=again, budget=budget)
    assert curve(tmp_path) == curve(tmp_path / "whole")
    # The sixth step was lost with its process.
    assert again.earlier == pytest.approx(5 + 1, abs=1)


def overwritten(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


DAMAGE = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-7]),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("{}" * 99),
    "last bit": lambda path: overwritten(path, -1),
    "header": lambda path: overwritten(path, 300),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "another file": lambda path: write_state(path, [1, 2]),
    "another network": lambda path: interrupted(path.parent, width=5),
    "no tensors": lambda path: checkpointer(path.parent).save({"network": {}, "optimizer": 3}),
    "half of one": lambda path: checkpointer(path.parent).save(
        {"network": trained(path.parent / "other"), "optimizer": {}}
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_what_is_damaged_or_foreign_is_said_and_not_used(tmp_path, caplog, damage) -> None:
    whole, folder = trained(tmp_path / "whole"), tmp_path / "part"
    interrupted(folder)
    if damage == "another network":
        (folder / TRAINING).unlink()
    DAMAGE[damage](folder / TRAINING)
    keeper = checkpointer(folder)
    assert same(dict(trained(folder, checkpointer=keeper)), dict(whole))
    (line,) = [record.getMessage() for record in caplog.records]
    assert "starts over" in line
    assert "\n" not in line
    assert curve(folder) == curve(tmp_path / "whole")
    assert (keeper.earlier, keeper.resumed) == (0.0, 0)


def test_a_training_of_another_identity_is_not_used(tmp_path, caplog) -> None:
    interrupted(tmp_path)
    assert checkpointer(tmp_path, "another").restore() is None
    assert "of other code, settings or data; it starts over" in caplog.text
    assert not (tmp_path / TRAINING).exists()


def test_no_state_is_no_damage(tmp_path, caplog) -> None:
    assert checkpointer(tmp_path).restore() is None
    assert not caplog.records


def test_a_full_disk_does_not_stop_a_training(tmp_path, caplog, monkeypatch) -> None:
    def full(path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("a2ibench.protocol.state_file.flush", full)
    trained(tmp_path, checkpointer=checkpointer(tmp_path, every=math.inf))
    assert not caplog.records
    trained(tmp_path, checkpointer=checkpointer(tmp_path))
    (line,) = [record.getMessage() for record in caplog.records]
    assert "the training is not kept: " in line
    assert "No space left" in line


@pytest.mark.parametrize("odd", [object(), torch.ones(2, dtype=torch.complex128), torch.ones(2).to_sparse()])
def test_what_cannot_be_kept_stops_no_training(tmp_path, caplog, monkeypatch, odd) -> None:
    whole = trained(tmp_path / "whole")
    monkeypatch.setattr(torch.optim.Adam, "state_dict", lambda self: {"state": odd})
    assert same(dict(trained(tmp_path, checkpointer=checkpointer(tmp_path))), dict(whole))
    (line,) = [record.getMessage() for record in caplog.records]
    assert "the training is not kept: " in line


def test_a_training_that_diverges_is_not_gone_on_with(tmp_path) -> None:
    network = nn.Linear(1, 1)
    losses = iter([1.0, 1.0, math.nan])
    kept = []

    def loss() -> torch.Tensor:
        kept.append((tmp_path / TRAINING).exists())
        return network(torch.ones(1, 1)).sum() * next(losses)

    with pytest.raises(PluginError, match="diverged at step 3"):
        train(
            network,
            torch.optim.SGD(network.parameters(), lr=0.1),
            loss,
            Budget(steps=9),
            schedule=Schedule(),
            clip=1.0,
            average_span=0.0,
            progress=lambda *_, **__: None,
            checkpointer=checkpointer(tmp_path),
            autocast=nullcontext,
        )
    assert kept == [False, True, True]
    assert not (tmp_path / TRAINING).exists()


def test_a_state_that_is_not_there_is_told_from_a_damaged_one(tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        read_state(tmp_path / "nothing")
    (tmp_path / "something").write_text("")
    with pytest.raises(InputError, match="no readable state"):
        read_state(tmp_path / "something")
