"""Projected distribution loss: distances between the distributions of feature values.

The features are those of fixed filters, or of a VGG network whose weights come from a file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from a2ibench import InputError


def wasserstein(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return the 1-D Wasserstein-1 distance between the values of two sets of maps.

    Parameters
    ----------
    x, y : torch.Tensor, shape (batch, channels, rows, columns)
        Gradients flow through both.

    Returns
    -------
    torch.Tensor, shape (batch, channels)
        Mean absolute difference of the sorted values, in float32.
    """
    first, second = (t.flatten(2).float().sort(-1).values for t in (x, y))
    return (first - second).abs().mean(-1)


class ProjectedDistributionLoss(nn.Module):
    """Mean over images and channels of the distance between distributions of features.

    Delbracio, Talebi and Milanfar, arXiv:2012.09289, 2020.

    Parameters
    ----------
    features : nn.Module
        Fixed network that maps images (batch, 1, rows, columns) in [0, 1] to a sequence of feature maps.
    """

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.features = features.requires_grad_(False).eval()

    def forward(self, prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the scalar loss of images (batch, 1, rows, columns)."""
        with torch.no_grad():
            wanted = self.features(target)
        found = self.features(prediction)
        return torch.cat([wasserstein(x, y) for x, y in zip(found, wanted, strict=True)], 1).mean()


class DerivativeFilters(nn.Module):
    """Pixels, and derivatives of Gaussians at scales 1, 2, 4, ...: features that need no weights.

    At each scale the five first and second derivatives, each scaled to the difference of two weighted means,
    and sampled as coarsely as the scale allows.

    Parameters
    ----------
    scales : int
        Number of scales.
    """

    def __init__(self, scales: int) -> None:
        super().__init__()
        self.scales = scales
        for k in range(scales):
            self.register_buffer(f"kernels{k}", derivative_kernels(2.0**k), persistent=False)

    def forward(self, image: torch.Tensor) -> Sequence[torch.Tensor]:
        """Return the image and one map (batch, 5, rows / 2^k, columns / 2^k) for each scale k."""
        maps = [image]
        for k in range(self.scales):
            kernels = self.get_buffer(f"kernels{k}")
            margin = kernels.shape[-1] // 2
            padded = F.pad(image, [margin] * 4, "replicate")
            maps.append(F.conv2d(padded, kernels, stride=2**k))
        return maps


def derivative_kernels(sigma: float) -> torch.Tensor:
    """Return the derivatives x, y, xx, xy, yy of a Gaussian, shape (5, 1, side, side).

    Every kernel sums to 0, and its absolute values to 2.
    """
    radius = round(3 * sigma)
    at = torch.arange(-radius, radius + 1, dtype=torch.float64)
    gauss = (-0.5 * (at / sigma) ** 2).exp()
    gauss /= gauss.sum()
    first = -at * gauss
    second = (at**2 - sigma**2) * gauss
    second -= second.sum() * gauss
    pairs = ((gauss, first), (first, gauss), (gauss, second), (first, first), (second, gauss))
    kernels = torch.stack([torch.outer(rows, columns) for rows, columns in pairs])[:, None]
    return (2 * kernels / kernels.abs().sum((2, 3), keepdim=True)).float()


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
