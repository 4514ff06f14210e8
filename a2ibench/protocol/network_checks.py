"""What the networks and losses of a method are asked for, checked, and how much work a network is."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import nn

from a2ibench.contracts import Degraded
from a2ibench.errors import PluginError
from a2ibench.protocol.stages import NETWORK, Losses

_TAKEN = (NETWORK, "nominal")
"""What other tensors of a checkpoint are called."""


def checked_images(method: str, restored: object, degraded: Degraded) -> torch.Tensor:
    """Return what `forward` of a method returned, once it is known to be what the batch asks for.

    Raises
    ------
    PluginError
        If it is of another shape or kind of numbers.
    """
    name = f"{method}.forward returned"
    wanted = degraded.wanted
    if not isinstance(restored, torch.Tensor):
        raise PluginError(f"{name} {type(restored).__name__}; return a tensor of shape {wanted}")
    if tuple(restored.shape) != wanted:
        # Other shapes would be broadcast by most losses, and something else be learned.
        asked = "as the images have" if degraded.positions is None else "a row for each of the positions"
        raise PluginError(f"{name} shape {tuple(restored.shape)}; return {wanted}, {asked}")
    if not restored.is_floating_point():
        raise PluginError(f"{name} {restored.dtype}; return floating-point numbers")
    return restored


def checked_losses(method: str, losses: object) -> Losses:
    """Return the loss of a method, or its losses by network, once each is known to be one real number.

    Raises
    ------
    PluginError
        If one is not.
    """
    if not isinstance(losses, Mapping):
        return _checked_loss(f"{method}.loss returned", losses)
    return {
        str(name): _checked_loss(f"{method}.training_loss returned for {name}", loss)
        for name, loss in losses.items()
    }


def _checked_loss(name: str, loss: object) -> torch.Tensor:
    if not isinstance(loss, torch.Tensor):
        raise PluginError(f"{name} {type(loss).__name__}; return a tensor that holds one number")
    if loss.ndim != 0:
        raise PluginError(f"{name} shape {tuple(loss.shape)}; return one number, such as the mean")
    if not loss.is_floating_point():
        raise PluginError(f"{name} {loss.dtype}; return a floating-point number")
    return loss


def named_networks(method: str, networks: object) -> dict[str, nn.Module]:
    """Return the auxiliary networks of a method, once their names are known to be fit for a checkpoint.

    Raises
    ------
    PluginError
        If they are no networks by name, or a name is taken or has a dot.
    """
    if not isinstance(networks, Mapping):
        raise PluginError(
            f"{method}.auxiliary_networks returned {type(networks).__name__}; return networks by name"
        )
    for name, network in networks.items():
        if not isinstance(name, str) or not name or "." in name or name in _TAKEN:
            raise PluginError(
                f"{method}.auxiliary_networks: one is named {name!r}; give a text without a dot, and none of "
                f"{', '.join(_TAKEN)}"
            )
        if not isinstance(network, nn.Module):
            raise PluginError(
                f"{method}.auxiliary_networks: {name} is {type(network).__name__}; give an nn.Module"
            )
    return dict(networks)


def multiply_adds(
    network: nn.Module,
    forward: Callable[[nn.Module, Degraded], torch.Tensor],
    nominal: Mapping[str, torch.Tensor],
    shape: tuple[int, int],
    positions: torch.Tensor | None = None,
) -> float:
    """Return the multiply-adds of a network on one plane.

    Parameters
    ----------
    network : nn.Module
        On any device.
    forward : callable
        Runs it on a degraded batch.
    nominal : mapping of str to torch.Tensor, shape (1, n)
        Parameters of the batch.
    shape : tuple of int
        Rows and columns of what it sees.
    positions : torch.Tensor, optional
        As `Degraded` has them.
    """
    degraded = Degraded(torch.zeros(1, 1, *shape), nominal, positions)
    try:
        # Without data the count takes no time.
        return _counted(copy.deepcopy(network).to("meta"), forward, degraded, "meta")
    except Exception:
        # Not every operation can do without.
        return _counted(network, forward, degraded, next(network.parameters()).device)


def _counted(
    network: nn.Module,
    forward: Callable[[nn.Module, Degraded], torch.Tensor],
    degraded: Degraded,
    device: torch.device | str,
) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    parameters = {name: value.to(device) for name, value in degraded.parameters.items()}
    positions = None if degraded.positions is None else degraded.positions.to(device)
    eager = torch.compiler.set_stance("force_eager")
    with eager, torch.no_grad(), FlopCounterMode(display=False) as counter:
        forward(network, Degraded(degraded.image.to(device), parameters, positions))
    return float(counter.get_total_flops()) / 2
