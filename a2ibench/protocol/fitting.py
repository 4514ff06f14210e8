"""The training loop, for a method that has no base class."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from a2ibench.contracts import Context
from a2ibench.protocol.training import Schedule, autocast, resolve, train


def precision_of(ctx: Context, *, bf16_on_cpu: bool = False) -> str:
    """Return what `train_network` and the restoration of planes and blocks run a network in.

    Parameters
    ----------
    ctx : Context
        What the method was told.
    bf16_on_cpu : bool
        As of `train_network`.

    Returns
    -------
    str
        ``"fp32"`` or ``"bf16"``, as ``Method.precision_used`` tells it.
    """
    return resolve(ctx.precision, ctx.device, bf16_on_cpu=bf16_on_cpu)


def train_network(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[], torch.Tensor],
    ctx: Context,
    *,
    generator: torch.Generator | None = None,
    warmup: float = 0.2,
    clip: float = 1.0,
    average_span: float = 0.02,
    bf16_on_cpu: bool = False,
) -> int:
    """Train a network as `SliceNetwork` does, until the budget is spent; it has the averaged weights then.

    It keeps to ``ctx.budget``, reports to ``ctx.progress``, writes train.csv into ``ctx.workdir``, and with
    ``ctx.checkpointer`` an interrupted training goes on, on a CPU to the same weights to the last bit.

    Parameters
    ----------
    network : nn.Module
        On ``ctx.device``, in training mode.
    optimizer : torch.optim.Optimizer
        Its learning rates are taken as peak rates.
    loss : callable
        Draws a batch and returns its loss, one number. Called in bf16 autocast where ``ctx.precision`` asks
        for it, or is ``"auto"`` on a GPU that has it; on a CPU, see `bf16_on_cpu`.
    ctx : Context
        What the method was told.
    generator : torch.Generator, optional
        What `loss` draws from, beside the global generators: a sampler's.
    warmup : float
        Part of the training in which the learning rate rises; after it, it falls as half a cosine.
    clip : float
        Largest norm of the gradient.
    average_span : float
        Window of the weight average, as a part of the steps so far; 0: no average.
    bf16_on_cpu : bool
        Whether ``"auto"`` is bf16 on a processor that has it, too: measure whether it pays.

    Returns
    -------
    int
        Number of steps made.

    Raises
    ------
    PluginError
        If the loss becomes NaN or infinite.
    """
    return train(
        network,
        optimizer,
        loss,
        ctx.budget,
        schedule=Schedule(warmup),
        clip=clip,
        average_span=average_span,
        progress=ctx.progress,
        workdir=ctx.workdir,
        checkpointer=ctx.checkpointer,
        generator=generator,
        autocast=autocast(precision_of(ctx, bf16_on_cpu=bf16_on_cpu), ctx.device),
    )
