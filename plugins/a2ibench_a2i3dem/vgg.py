"""Features of a VGG network whose weights come from a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from a2ibench import InputError

_KEY = re.compile(r"features\.(\d+)\.(weight|bias)")
_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class VGGFeatures(nn.Module):
    """Outputs of chosen layers of VGG-16 or VGG-19 for grey images.

    Parameters
    ----------
    weights : Path
        Safetensors file with ``features.N.weight`` and ``features.N.bias`` as torchvision names them.
    layers : sequence of int
        Indices N whose outputs are the features, counted as torchvision does (3 is the second ReLU).

    Raises
    ------
    InputError
        If the file cannot be read, holds no such network, or ends before the last layer.
    """

    def __init__(self, weights: Path, layers: Sequence[int]) -> None:
        super().__init__()
        self.layers = tuple(layers)
        self.features = _build(_read(weights), max(layers), weights)
        mean, std = (torch.tensor(v)[:, None, None] for v in _IMAGENET)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def forward(self, image: torch.Tensor) -> Sequence[torch.Tensor]:
        """Return one feature map for each of the layers."""
        x = (image - self.mean) / self.std
        maps = {}
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self.layers:
                maps[index] = x
        return [maps[index] for index in self.layers]


def parse_layers(text: str) -> tuple[int, ...]:
    """Read a list of layer indices such as ``"3,8"``.

    Raises
    ------
    InputError
        If it is anything else.
    """
    try:
        layers = tuple(int(part) for part in text.split(","))
    except ValueError:
        layers = ()
    if not layers or min(layers) < 0 or len(set(layers)) < len(layers):
        raise InputError(f"vgg_layers: got {text!r}; give distinct indices of layers, such as 3,8")
    return layers


def _read(path: Path) -> dict[int, dict[str, torch.Tensor]]:
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(
            f"vgg_weights: {path}: cannot be read as safetensors ({error}); "
            "convert the state dict of torchvision's vgg16 or vgg19"
        ) from error
    found: dict[int, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        if match := _KEY.fullmatch(name):
            found.setdefault(int(match[1]), {})[match[2]] = tensor
    return found


def _build(found: dict[int, dict[str, torch.Tensor]], last: int, path: Path) -> nn.Sequential:
    # A VGG is 3x3 convolutions, each with a ReLU; where the numbering leaves room for one more, a pooling.
    layers: list[nn.Module] = []
    channels = 3
    while len(layers) <= last:
        index = len(layers)
        if index in found:
            layers += [_convolution(found[index], index, channels, path), nn.ReLU()]
            channels = layers[index].out_channels
        elif index + 1 in found and index:
            layers.append(nn.MaxPool2d(2))
        else:
            raise InputError(
                f"vgg_weights: {path}: features.{index} is missing; give VGG-16 or VGG-19 without batch "
                f"normalisation, or layers below {index}"
            )
    return nn.Sequential(*layers)


def _convolution(state: dict[str, torch.Tensor], index: int, channels: int, path: Path) -> nn.Conv2d:
    weight = state.get("weight")
    if weight is None or weight.ndim != 4 or weight.shape[1:] != (channels, 3, 3) or "bias" not in state:
        shape = None if weight is None else tuple(weight.shape)
        raise InputError(
            f"vgg_weights: {path}: features.{index}.weight has shape {shape}; give VGG-16 or VGG-19 without "
            f"batch normalisation, where it is (n, {channels}, 3, 3) and has a bias"
        )
    layer = nn.Conv2d(channels, len(weight), 3, padding=1)
    layer.load_state_dict({name: value.float() for name, value in state.items()})
    return layer
