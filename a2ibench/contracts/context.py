"""What a method is told about the run it is in."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from a2ibench.errors import InputError


@dataclass(frozen=True)
class Budget:
    """How long a learned method may train: a number of steps, or of seconds."""

    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = self.seconds if self.steps is None else self.steps
        if (self.steps is None) == (self.seconds is None) or not given or not 0 < given < math.inf:
            raise InputError(
                f"budget: got {self}; give a positive number of steps (2000steps) or seconds (300s)"
            )

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``"2000steps"`` or ``"300s"``."""
        if not isinstance(text, str):
            raise InputError(f"budget: got {text!r}; give steps as '2000steps' or seconds as '300s'")
        try:
            if text.endswith("steps"):
                return cls(steps=int(text.removesuffix("steps")))
            if text.endswith("s"):
                return cls(seconds=float(text.removesuffix("s")))
        except ValueError:
            pass
        raise InputError(f"budget: got {text!r}; give steps as 2000steps or seconds as 300s")

    def __str__(self) -> str:
        return f"{self.steps}steps" if self.steps is not None else f"{self.seconds:g}s"


class Progress(Protocol):
    """Told how far a phase has come."""

    def __call__(self, phase: str, done: float, total: float, **values: float) -> None:
        """Report `done` of `total` units of `phase`; `values` are shown beside it, such as the loss."""


def silent(phase: str, done: float, total: float, **values: float) -> None:
    """Report nothing."""


class Checkpointer(Protocol):
    """Keeps the state of a training, so that one whose process was killed goes on where it was.

    A state is made of tensors, numbers, texts and None, and of dicts, lists and tuples of them, as
    `state_dict` of networks and optimizers returns them. It holds all that the next step depends on, the
    states of random generators as well::

        kept = ctx.checkpointer and ctx.checkpointer.restore()
        if kept:
            network.load_state_dict(kept["network"])
            optimizer.load_state_dict(kept["optimizer"])
        for step in range(kept["step"] if kept else 0, ctx.budget.steps):
            ...
            if ctx.checkpointer and ctx.checkpointer.should_save():
                state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
                ctx.checkpointer.save(state | {"step": step + 1})
    """

    def restore(self) -> Any:
        """Return the state that was saved last, perhaps by an earlier process; None where there is none."""

    def should_save(self) -> bool:
        """Whether the interval since the last state is over."""

    def save(self, state: Any) -> None:
        """Replace what is kept, in one step."""

    def discard(self) -> None:
        """Remove what is kept, because it is of no use and the training starts over."""


@dataclass(frozen=True)
class Context:
    """What a method may know about the run it is in.

    Parameters
    ----------
    seed : int
        Seed of every random draw.
    device : str
        ``"cpu"`` or ``"cuda"``.
    precision : str
        ``"fp32"``, ``"bf16"`` or ``"auto"``.
    size : str
        ``"tiny"``, ``"small"`` or ``"full"``: which network to build.
    budget : Budget
        How long to train.
    batch, patch : int
        Patches a step, and voxels along a patch's side.
    progress : Progress
        To call now and then.
    workdir : Path or None
        A folder of this job's own, for logs; None where nothing should be written.
    kept : tuple of slice or None
        While a block is reconstructed: the lateral voxels (y, x) of its result that are kept. A method may
        leave the others at any finite value. None where all are kept.
    checkpointer : Checkpointer or None
        While a method trains: keeps the training in case that the process is killed. A method need not use
        it. None where nothing is to be kept.
    """

    seed: int = 0
    device: str = "cpu"
    precision: str = "auto"
    size: str = "small"
    budget: Budget = field(default_factory=lambda: Budget(steps=400))
    batch: int = 16
    patch: int = 48
    progress: Progress = silent
    workdir: Path | None = None
    kept: tuple[slice, slice] | None = None
    checkpointer: Checkpointer | None = None
