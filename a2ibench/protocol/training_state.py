"""What a training carries from one step to the next, and how it is taken up again."""

from __future__ import annotations

import copy
import csv
import logging
import math
import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from a2ibench.contracts import Checkpointer
from a2ibench.errors import PluginError, one_line
from a2ibench.protocol.stages import Leg

_log = logging.getLogger("a2ibench")


class Average:
    """Exponential moving average of weights over the last `span` fraction of the steps so far.

    Parameters
    ----------
    network : nn.Module
        Whose weights are averaged.
    span : float
        The averaging window as a fraction of the number of steps so far; 0 turns averaging off.
    """

    def __init__(self, network: nn.Module, span: float) -> None:
        self._span = span
        self._weights: list[torch.Tensor] = [p for p in network.parameters() if p.requires_grad]
        self._mean = [p.detach().clone() for p in self._weights]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after `step` steps."""
        if self._span > 0:
            torch._foreach_lerp_(self._mean, self._weights, 1 / (1 + self._span * step))

    @torch.no_grad()
    def apply(self) -> None:
        """Put the average into the network."""
        if self._span > 0:
            torch._foreach_copy_(self._weights, self._mean)

    def state_dict(self) -> list[torch.Tensor]:
        """Return the averaged weights."""
        return self._mean

    @torch.no_grad()
    def load_state_dict(self, mean: list[torch.Tensor]) -> None:
        """Go on with averaged weights that `state_dict` returned."""
        for ours, theirs in zip(self._mean, mean, strict=True):
            ours.copy_(theirs)


class Curve:
    """Training curve, kept on the device and written as CSV now and then, so that steps never wait for it."""

    def __init__(self, files: ExitStack, workdir: Path | None) -> None:
        self._pending: list[tuple[int, float, float, torch.Tensor]] = []
        self._writer = None
        if workdir is not None:
            self._file = files.enter_context((workdir / "train.csv").open("w+", newline=""))
            self._writer = csv.writer(self._file)
            self._writer.writerow(["step", "seconds", "learning_rate", "loss"])

    def add(self, step: int, seconds: float, rate: float, loss: torch.Tensor) -> None:
        """Note one step."""
        self._pending.append((step, seconds, rate, loss.detach()))

    def flush(self) -> float:
        """Write what is pending and return its mean loss.

        Raises
        ------
        PluginError
            If a loss is not finite.
        """
        losses: list[float] = torch.stack([row[3] for row in self._pending]).float().tolist()
        if self._writer is not None:
            for (step, seconds, rate, _), loss in zip(self._pending, losses, strict=True):
                self._writer.writerow([step, f"{seconds:.3f}", f"{rate:.6g}", f"{loss:.6g}"])
            self._file.flush()
        mean = sum(losses) / len(losses)
        if not math.isfinite(mean):
            raise PluginError(
                f"training diverged at step {self._pending[-1][0]}: the loss is {mean}; lower learning_rate"
            )
        self._pending.clear()
        return mean

    def state_dict(self) -> str:
        """Return what is written so far."""
        if self._writer is None:
            return ""
        self._file.seek(0)
        return self._file.read()

    def load_state_dict(self, text: str) -> None:
        """Go on behind what `state_dict` returned."""
        if self._writer is not None and text:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(text)


@dataclass
class Training:
    """All that the next step of a training depends on.

    Parameters
    ----------
    networks : mapping of str to nn.Module
        What is trained, by name.
    legs : sequence of Leg
        Its stages.
    average : Average
        Of the network's weights.
    curve : Curve
        The steps so far.
    generator : torch.Generator or None
        What batches are drawn from, beside the global generators.
    step : int
        Steps made.
    seconds : float
        Wall time used.
    stage : int
        Place among the stages.
    begun : int
        Steps that were made before the stage.
    """

    networks: Mapping[str, nn.Module]
    legs: Sequence[Leg]
    average: Average
    curve: Curve
    generator: torch.Generator | None
    step: int = 0
    seconds: float = 0.0
    stage: int = 0
    begun: int = 0

    def next_stage(self) -> None:
        """End a stage with the averaged weights, and begin the next."""
        self.average.apply()
        for optimizer in self.legs[self.stage].optimizers.values():
            # It is not needed any more, and would be kept with every state.
            optimizer.state.clear()
        self.stage, self.begun = self.stage + 1, self.step

    def state_dict(self) -> dict[str, Any]:
        """Return all of it, as `Checkpointer.save` takes it."""
        return {
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "optimizers": [
                {name: optimizer.state_dict() for name, optimizer in leg.optimizers.items()}
                for leg in self.legs
            ],
            "average": self.average.state_dict(),
            "curve": self.curve.state_dict(),
            "generators": random_states(self.generator),
            "step": self.step,
            "seconds": self.seconds,
            "stage": self.stage,
            "begun": self.begun,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what `state_dict` returned; raises all kinds of errors for anything else."""
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
        for leg, kept in zip(self.legs, state["optimizers"], strict=True):
            for name, optimizer in leg.optimizers.items():
                optimizer.load_state_dict(kept[name])
        self.average.load_state_dict(state["average"])
        self.curve.load_state_dict(state["curve"])
        set_random_states(state["generators"], self.generator)
        self.step, self.seconds = int(state["step"]), float(state["seconds"])
        self.stage, self.begun = int(state["stage"]), int(state["begun"])

    def resume(self, checkpointer: Checkpointer) -> None:
        """Go on from what is kept; what is not of such a training is discarded with a warning."""
        kept = checkpointer.restore()
        if kept is None:
            return
        start = copy.deepcopy(self.state_dict())
        try:
            self.load_state_dict(kept)
        except Exception as error:  # what optimizers and networks raise is theirs to choose
            _log.warning("the kept training does not fit (%s); it starts over", one_line(error, 200))
            checkpointer.discard()
            self.load_state_dict(start)


def random_states(generator: torch.Generator | None = None) -> dict[str, Any]:
    """Return the states of the global generators of Python, NumPy and torch, and of one more.

    Parameters
    ----------
    generator : torch.Generator, optional
        On any device.
    """
    name, keys, *rest = np.random.get_state(legacy=True)  # noqa: NPY002 (plugins may draw from it)
    return {
        "python": random.getstate(),
        "numpy": (name, np.asarray(keys).tolist(), *rest),
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None,  # type: ignore[no-untyped-call]
        "generator": None if generator is None else generator.get_state(),
    }


def set_random_states(states: dict[str, Any], generator: torch.Generator | None = None) -> None:
    """Put generators into the states that `random_states` returned.

    Raises
    ------
    LookupError, TypeError, ValueError, RuntimeError
        If they are none, or those of other generators.
    """
    random.setstate(states["python"])
    name, keys, *rest = states["numpy"]
    np.random.set_state((name, np.array(keys, np.uint32), *rest))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if states["cuda"] is not None:
        torch.cuda.set_rng_state(states["cuda"])
    if generator is not None:
        generator.set_state(states["generator"])
