"""The training loop that learned methods share, the precision it runs in, and checkpoints, never pickles."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from a2ibench.contracts import Budget, Checkpointer, Progress
from a2ibench.documents import read_json
from a2ibench.errors import InputError, PluginError, one_line
from a2ibench.protocol.stages import NETWORK, Leg, Losses, Moment, Stage, backward, ends_of, ready
from a2ibench.protocol.training_state import Average, Curve, Training


def cpu_has_bf16() -> bool:
    """Whether this processor multiplies bf16 in hardware (AVX-512 BF16 or AMX)."""
    features = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(features.get("avx512_bf16") or features.get("amx_bf16") or features.get("amx_tile"))


def resolve(precision: str, device: str, *, bf16_on_cpu: bool) -> str:
    """Return ``"fp32"`` or ``"bf16"`` for a requested precision.

    Parameters
    ----------
    precision : str
        ``"fp32"``, ``"bf16"``, or ``"auto"``: bf16 on a GPU that has it, and on a CPU that has it if it pays.
    device : str
        Where the network runs.
    bf16_on_cpu : bool
        Whether bf16 makes this network faster on a CPU.
    """
    if precision != "auto":
        return precision
    if device.startswith("cuda"):
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    return "bf16" if bf16_on_cpu and cpu_has_bf16() else "fp32"


def autocast(precision: str, device: str) -> Callable[[], AbstractContextManager[object]]:
    """Return a maker of autocast contexts for a resolved precision."""
    kind = device.split(":")[0]
    return partial(
        torch.autocast, kind, dtype=torch.bfloat16, enabled=precision == "bf16", cache_enabled=True
    )


Step = Callable[[], torch.Tensor]


@dataclass(frozen=True)
class Schedule:
    """Learning rate over the course of training: linear warm-up, then half a cosine down to `floor`.

    Parameters
    ----------
    warmup : float
        Fraction of the training that warms up.
    floor : float
        Last learning rate, as a fraction of the peak.
    """

    warmup: float = 0.2
    floor: float = 0.01

    def factor(self, course: float) -> float:
        """Return the learning rate's factor at `course`, the fraction of the training that is done."""
        if course < self.warmup:
            return max(course / self.warmup, 1e-3)
        fall = min(1.0, (course - self.warmup) / max(1e-9, 1 - self.warmup))
        return self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * fall))


def train(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Step,
    budget: Budget,
    *,
    schedule: Schedule,
    clip: float,
    average_span: float,
    progress: Progress,
    workdir: Path | None = None,
    checkpointer: Checkpointer | None = None,
    generator: torch.Generator | None = None,
    autocast: Callable[[], AbstractContextManager[object]],
) -> int:
    """Train until the budget is spent, and leave the averaged weights in the network.

    A training that was kept goes on, with what it had used of its budget. On a CPU with the same number of
    threads it ends with the same weights to the last bit.

    Parameters
    ----------
    network : nn.Module
        What is trained.
    optimizer : torch.optim.Optimizer
        Its learning rates are taken as peak rates.
    loss : callable
        Draws a batch and returns its loss; called under `autocast`.
    budget : Budget
        Steps, or seconds of wall time.
    schedule : Schedule
        Course of the learning rate.
    clip : float
        Largest norm of the gradient.
    average_span : float
        See `Average`.
    progress : Progress
        Told of steps (or seconds) done, with the mean loss since the last report.
    workdir : Path, optional
        Where train.csv goes.
    checkpointer : Checkpointer, optional
        Keeps the training between steps.
    generator : torch.Generator, optional
        What `loss` draws from, beside the global generators.
    autocast : callable
        Returns the context in which the loss is computed.

    Returns
    -------
    int
        Number of steps made, those of earlier processes included.

    Raises
    ------
    PluginError
        If the loss becomes NaN or infinite.
    """
    legs = ready((Stage(),), {NETWORK: network}, lambda name, parameters: optimizer)
    return train_stages(
        {NETWORK: network},
        legs,
        lambda moment: loss(),
        budget,
        schedule=schedule,
        clip=clip,
        average_span=average_span,
        progress=progress,
        workdir=workdir,
        checkpointer=checkpointer,
        generator=generator,
        autocast=autocast,
    )


def train_stages(
    networks: Mapping[str, nn.Module],
    legs: Sequence[Leg],
    loss: Callable[[Moment], Losses],
    budget: Budget,
    *,
    schedule: Schedule,
    clip: float,
    average_span: float,
    progress: Progress,
    workdir: Path | None = None,
    checkpointer: Checkpointer | None = None,
    generator: torch.Generator | None = None,
    autocast: Callable[[], AbstractContextManager[object]],
) -> int:
    """Do what `train` does with several networks, stage by stage; what is interrupted goes on in its stage.

    The learning rate rises and falls in every stage. Weights are averaged of the network alone, over the
    stage's own steps, and each stage ends with the average.

    Parameters
    ----------
    networks : mapping of str to nn.Module
        The network, as `NETWORK`, and those that are trained beside it.
    legs : sequence of Leg
        The stages, made `ready` for these networks.
    loss : callable
        Is told the moment, draws a batch and returns the network's loss, or a loss for each network by name;
        called under `autocast`.
    budget, schedule, clip, average_span, progress, workdir, checkpointer, generator, autocast
        As of `train`; `clip` holds for each network.

    Returns
    -------
    int
        Number of steps made, those of earlier processes included.

    Raises
    ------
    PluginError
        If the network's loss becomes NaN or infinite, or losses have other names than the networks.
    """
    peaks = [{name: _rates(one) for name, one in leg.optimizers.items()} for leg in legs]
    average = Average(networks[NETWORK], average_span)
    ends, total = ends_of(legs, budget), float(budget.steps or budget.seconds or 0)
    with ExitStack() as files:
        curve = Curve(files, workdir)
        training = Training(networks, legs, average, curve, generator)
        if checkpointer is not None:
            training.resume(checkpointer)
        reported = time.perf_counter()
        start = reported - training.seconds
        done = float(training.step if budget.steps else training.seconds)
        while done < total:
            while done >= ends[training.stage]:
                training.next_stage()
            leg, peak = legs[training.stage], peaks[training.stage]
            begin = ends[training.stage - 1] if training.stage else 0.0
            course = (done - begin) / (ends[training.stage] - begin)
            factor = schedule.factor(course)
            for name, one in leg.optimizers.items():
                for group, rate in zip(one.param_groups, peak[name], strict=True):
                    group["lr"] = rate * factor
            value = _step(leg, loss, Moment(training.step, course, leg.name), autocast, clip)
            training.step += 1
            average.update(training.step - training.begun)
            now = time.perf_counter()
            training.seconds = now - start
            done = training.step if budget.steps else training.seconds
            curve.add(training.step, training.seconds, peak[NETWORK][0] * factor, value)
            keeping = done < total and checkpointer is not None and checkpointer.should_save()
            if now - reported > 0.5 or done >= total or keeping:
                try:
                    mean = curve.flush()
                except PluginError:
                    # It would diverge again.
                    if checkpointer is not None:
                        checkpointer.discard()
                    raise
                progress("fit", min(done, total), total, loss=mean)
                reported = now
            if keeping and checkpointer is not None:
                checkpointer.save(training.state_dict())
    average.apply()
    return training.step


def _step(
    leg: Leg,
    loss: Callable[[Moment], Losses],
    moment: Moment,
    autocast: Callable[[], AbstractContextManager[object]],
    clip: float,
) -> torch.Tensor:
    for optimizer in leg.optimizers.values():
        optimizer.zero_grad(set_to_none=True)
    with autocast():
        losses = loss(moment)
    value = backward(losses, leg, clip)
    for name in (NETWORK,) if isinstance(losses, torch.Tensor) else losses:
        leg.optimizers[name].step()
    return value


def _rates(optimizer: torch.optim.Optimizer) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


_WEIGHTS, _STATE = "weights.safetensors", "method.json"


def save_checkpoint(
    folder: Path, kind: str, weights: Mapping[str, torch.Tensor], state: Mapping[str, Any]
) -> None:
    """Write a checkpoint folder.

    Parameters
    ----------
    folder : Path
        Created if it does not exist.
    kind : str
        Name of the class that can read it back.
    weights : mapping of str to torch.Tensor
        Tensors of any device and layout.
    state : mapping
        JSON-able values.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: value.detach().cpu().contiguous() for name, value in weights.items()}, folder / _WEIGHTS)
    (folder / _STATE).write_text(json.dumps({"kind": kind, **state}, indent=2) + "\n")


def load_checkpoint(folder: Path, kind: str) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """Read a checkpoint folder that `save_checkpoint` wrote for the same kind.

    Raises
    ------
    InputError
        If files are missing or damaged, or the checkpoint is another method's.
    """
    try:
        state: Any = read_json(folder / _STATE)
        weights: dict[str, torch.Tensor] = load_file(folder / _WEIGHTS)
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(
            f"{folder}: no readable checkpoint ({one_line(str(error), 200)}); give a folder that a run saved"
        ) from error
    found = state.get("kind") if isinstance(state, dict) else None
    if found != kind:
        raise InputError(
            f"{folder}: checkpoint of {one_line(str(found), 60)}, not of {kind}; "
            "give the method it was saved by"
        )
    return weights, state


def tensors_under(weights: Mapping[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """Return the tensors under ``prefix.``, with the prefix removed."""
    start = f"{prefix}."
    return {name.removeprefix(start): value for name, value in weights.items() if name.startswith(start)}
