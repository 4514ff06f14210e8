"""What a training is made of: its stages, what each of its steps sees, and what each step may change."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import torch
from torch import nn

from a2ibench.contracts import Budget, Degraded
from a2ibench.errors import PluginError

NETWORK = "network"
"""What the network itself is called among those beside it."""

Losses = torch.Tensor | Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class Stage:
    """A part of a training, with an optimizer, a warm-up and a fall of the learning rate of its own.

    It begins with the weights that the stage before it left, which are averaged ones.

    Parameters
    ----------
    name : str
        What `TrainingStep.stage` says.
    share : float
        Of the budget, in relation to the other stages: of shares 1 and 3 the first is a quarter.
    rate : float
        Factor of the learning rates.
    parameters : sequence of nn.Parameter or None
        Those of the network that change; None where all do.
    """

    name: str = ""
    share: float = 1.0
    rate: float = 1.0
    parameters: Sequence[nn.Parameter] | None = None


@dataclass(frozen=True)
class Moment:
    """Where a training is: steps made, the part of the stage that is over, and the stage's name."""

    index: int
    course: float
    stage: str


@dataclass(frozen=True)
class TrainingStep:
    """What a step of a training is made of.

    Parameters
    ----------
    network : nn.Module
        What is trained.
    degraded : Degraded
        The batch as the network sees it, with the parameters that were drawn for it; intensities in [0, 1].
    target : torch.Tensor, shape (batch, 1, rows, columns)
        What the batch was made from.
    output : torch.Tensor, shape (batch, 1, rows, columns)
        What the network made of the batch.
    index : int
        Steps made before this one.
    course : float
        Part of the stage that is over, from 0 to 1; without stages, of the training.
    stage : str
        Name of the `Stage`.
    auxiliary : mapping of str to nn.Module
        The networks beside the network, by name.
    """

    network: nn.Module
    degraded: Degraded
    target: torch.Tensor
    output: torch.Tensor
    index: int
    course: float
    stage: str = ""
    auxiliary: Mapping[str, nn.Module] = field(default_factory=dict)


@dataclass(frozen=True)
class Leg:
    """A stage that is ready to run.

    Parameters
    ----------
    name : str
        Of the stage.
    share : float
        Of the budget.
    optimizers : mapping of str to torch.optim.Optimizer
        By network; their learning rates are taken as peak rates.
    weights : mapping of str to list of nn.Parameter
        What changes, by network.
    whole : bool
        Whether all of the network changes.
    """

    name: str
    share: float
    optimizers: Mapping[str, torch.optim.Optimizer]
    weights: Mapping[str, list[nn.Parameter]]
    whole: bool = True


def trainable(network: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that ask for gradients."""
    return [p for p in network.parameters() if p.requires_grad]


def ready(
    stages: Sequence[Stage],
    networks: Mapping[str, nn.Module],
    optimizer: Callable[[str, list[nn.Parameter]], torch.optim.Optimizer],
) -> list[Leg]:
    """Return the legs of a training, once its stages are known to make sense.

    Parameters
    ----------
    stages : sequence of Stage
        In order.
    networks : mapping of str to nn.Module
        The network, and those beside it.
    optimizer : callable
        Returns a new optimizer for parameters of the network of a name.

    Raises
    ------
    PluginError
        If there is no stage, names repeat, a share or a rate is no positive number, or parameters are not
        the network's.
    """
    names = [stage.name for stage in stages]
    if not names or len(set(names)) < len(names):
        raise PluginError(f"stages are named {names}; give one or more, each with a name of its own")
    own = {id(p) for p in trainable(networks[NETWORK])}
    legs = []
    for stage in stages:
        for what, value in (("share", stage.share), ("rate", stage.rate)):
            if not 0 < value < math.inf:
                raise PluginError(f"stage {stage.name!r}: {what} is {value}; give a positive number")
        weights = {name: trainable(network) for name, network in networks.items()}
        if stage.parameters is not None:
            weights[NETWORK] = list(stage.parameters)
            if not weights[NETWORK] or not all(id(p) in own for p in weights[NETWORK]):
                raise PluginError(
                    f"stage {stage.name!r}: its parameters are not the network's; give some that it trains"
                )
        given = {name: list(network.parameters()) for name, network in networks.items()}
        if stage.parameters is not None:
            given[NETWORK] = weights[NETWORK]
        # A network without parameters to train, such as one that a loss looks at, needs no optimizer.
        optimizers = {
            name: optimizer(name, given[name]) for name, some in weights.items() if some or name == NETWORK
        }
        if stage.rate != 1:
            for group in (group for one in optimizers.values() for group in one.param_groups):
                group["lr"] *= stage.rate
        legs.append(Leg(stage.name, stage.share, optimizers, weights, stage.parameters is None))
    return legs


def ends_of(legs: Sequence[Leg], budget: Budget) -> list[float]:
    """Return how much of the budget, in its own unit, is used when each leg ends; steps are whole."""
    total = float(budget.steps or budget.seconds or 0)
    shares = list(accumulate(leg.share for leg in legs))
    ends = [total * share / shares[-1] for share in shares[:-1]]
    return [*(float(round(end)) if budget.steps else end for end in ends), total]


def backward(losses: Losses, leg: Leg, clip: float) -> torch.Tensor:
    """Leave in every network the gradient of its own loss, clipped, and return the network's loss.

    Raises
    ------
    PluginError
        If losses have other names than the networks.
    """
    if isinstance(losses, torch.Tensor):
        losses = {NETWORK: losses}
    if NETWORK not in losses or not losses.keys() <= leg.optimizers.keys():
        others = sorted(leg.optimizers.keys() - {NETWORK})
        raise PluginError(
            f"losses are named {', '.join(map(str, losses)) or 'nothing'}; give that of {NETWORK!r}"
            + (f", and of some of {', '.join(others)}" if others else "")
        )
    if leg.whole and len(losses) == 1:
        losses[NETWORK].backward()  # type: ignore[no-untyped-call]
    else:
        # Each loss moves its own network only, although it may have gone through others.
        last = list(losses)[-1]
        for name, loss in losses.items():
            torch.autograd.backward(loss, inputs=leg.weights[name], retain_graph=name != last)
    for name in losses:
        nn.utils.clip_grad_norm_(leg.weights[name], clip)
    return losses[NETWORK]
