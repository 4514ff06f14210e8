"""The training of a slice network, with what is beside it, from a sampler of pairs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from a2ibench.contracts import AxialGrid, Context, Degradation, Volume
from a2ibench.protocol.network_checks import checked_losses, named_networks
from a2ibench.protocol.sampling import PatchSampler, training_grid
from a2ibench.protocol.slice_restoration import positions_of
from a2ibench.protocol.stages import NETWORK, Losses, Moment, TrainingStep, ready
from a2ibench.protocol.training import Schedule, train_stages

if TYPE_CHECKING:
    from a2ibench.protocol.slice_network import SliceNetwork


log = logging.getLogger("a2ibench")


def patch_grid(volume: Volume, patch: int) -> AxialGrid:
    """Return the axial grid of training patches, and say so where the volume is too small for them."""
    grid = training_grid(volume, patch)
    if grid.n_out < patch - volume.ratio:
        log.warning("%s: patch shrunk from %d to %d voxels to fit the volume", volume.name, patch, grid.n_out)
    return grid


def patch_sampler(
    method: SliceNetwork,
    volume: Volume,
    degradation: Degradation,
    grid: AxialGrid,
    noise: float,
    ctx: Context,
) -> PatchSampler:
    """Return what draws the training pairs of a method."""
    return PatchSampler(
        volume,
        degradation,
        grid,
        batch=ctx.batch,
        device=ctx.device,
        seed=ctx.seed,
        slope=method.slope,
        noise=noise,
    )


def placed_beside(method: SliceNetwork, size: str, device: str) -> dict[str, nn.Module]:
    """Return new auxiliary networks of a method on a device, by name.

    Raises
    ------
    PluginError
        If they are no networks by name, or a name cannot be used.
    """
    networks = named_networks(type(method).__name__, method.auxiliary_networks(size))
    return {name: network.to(device).train() for name, network in networks.items()}


def train_slices(
    method: SliceNetwork,
    network: nn.Module,
    auxiliary: Mapping[str, nn.Module],
    sampler: PatchSampler,
    ctx: Context,
    autocast: Callable[[], AbstractContextManager[object]],
) -> None:
    """Train the network of a method, and those beside it, in the method's stages and by its losses.

    Raises
    ------
    PluginError
        If the network returns another shape or kind of numbers, a loss is not one real number, or stages
        make no sense.
    """
    networks = {NETWORK: network, **auxiliary}
    device = ctx.device.split(":")[0]

    def optimizer(name: str, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        if name == NETWORK:
            return method.optimizer(parameters)
        return method.auxiliary_optimizer(name, parameters)

    positions = positions_of(method, sampler.grid, ctx.device)

    def step(moment: Moment) -> Losses:
        with torch.autocast(device, enabled=False):
            degraded, target = sampler.pairs() if positions is None else sampler.coarse_pairs()
            degraded = replace(degraded, positions=positions)
        output = method.apply_network(network, degraded)
        seen = TrainingStep(
            network, degraded, target, output, moment.index, moment.course, moment.stage, auxiliary
        )
        with torch.autocast(device, enabled=False):
            return checked_losses(type(method).__name__, method.training_loss(seen))

    train_stages(
        networks,
        ready(method.training_stages(network), networks, optimizer),
        step,
        ctx.budget,
        schedule=Schedule(method.warmup),
        clip=method.clip,
        average_span=method.average_span,
        progress=ctx.progress,
        workdir=ctx.workdir,
        checkpointer=ctx.checkpointer,
        generator=sampler.generator,
        autocast=autocast,
    )
