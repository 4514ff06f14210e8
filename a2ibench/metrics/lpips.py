"""LPIPS (Zhang et al., CVPR 2018) on AlexNet, of all axial slices, with weights from a file of the user.

The file holds the convolutions of AlexNet as torchvision names them, ``features.0.weight`` and so on, and the
linear heads as the library lpips 0.1.4 does, ``lin0.model.1.weight`` and so on. Other tensors are left alone.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from a2ibench.errors import InputError, one_line
from a2ibench.metrics.indices import Index
from a2ibench.settings import Configurable, setting

if TYPE_CHECKING:
    import torch


class _Layer(NamedTuple):
    place: int
    """Of the convolution in torchvision's ``features``."""
    shape: tuple[int, int, int, int]
    """Of its kernel: channels out and in, rows, columns."""
    stride: int
    padding: int
    pooled: bool
    """Whether the largest of 3 x 3 pixels, every second one, is taken before it."""


_TRUNK: Final = (
    _Layer(0, (64, 3, 11, 11), 4, 2, pooled=False),
    _Layer(3, (192, 64, 5, 5), 1, 2, pooled=True),
    _Layer(6, (384, 192, 3, 3), 1, 1, pooled=True),
    _Layer(8, (256, 384, 3, 3), 1, 1, pooled=False),
    _Layer(10, (256, 256, 3, 3), 1, 1, pooled=False),
)
_LEAST: Final = 31
"""Pixels a side of which two poolings leave one."""
_SHIFT: Final = (-0.030, -0.088, -0.188)
_SCALE: Final = (0.458, 0.448, 0.450)
_EPSILON: Final = 1e-10

_SOURCE: Final = (
    "one state dict, safetensors or torch, with features.* of torchvision's AlexNet and lin0.model.1.weight "
    "to lin4.model.1.weight, which the library lpips has in lpips/weights/v0.1/alex.pth"
)


def _shapes() -> dict[str, tuple[int, ...]]:
    """Return the tensors that are needed, by name."""
    found: dict[str, tuple[int, ...]] = {}
    for number, layer in enumerate(_TRUNK):
        found[f"features.{layer.place}.weight"] = layer.shape
        found[f"features.{layer.place}.bias"] = layer.shape[:1]
        found[f"lin{number}.model.1.weight"] = (1, layer.shape[0], 1, 1)
    return found


def read_weights(path: Path) -> dict[str, torch.Tensor]:
    """Read trunk and heads from a file, as float32.

    Parameters
    ----------
    path : Path
        A state dict, as safetensors or as torch saves it; nothing else in it is unpickled.

    Raises
    ------
    InputError
        If it cannot be read, or a tensor is missing, has another shape or holds a value that is not finite.
    """
    import torch

    state, wanted = _state(path), {}
    for name, shape in _shapes().items():
        tensor = state.get(name)
        if not isinstance(tensor, torch.Tensor):
            raise InputError(f"lpips.weights: {path}: has no tensor {name}; give {_SOURCE}")
        if tuple(tensor.shape) != shape:
            raise InputError(
                f"lpips.weights: {path}: {name} has the shape {tuple(tensor.shape)}, not {shape}; "
                f"give {_SOURCE}"
            )
        if not torch.isfinite(tensor).all():
            raise InputError(
                f"lpips.weights: {path}: {name} holds NaN or infinite values; get the file again"
            )
        wanted[name] = tensor.float()
    return wanted


def _state(path: Path) -> Mapping[str, Any]:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        with path.open("rb") as file:
            head = file.read(9)
        # The length of a header in JSON, and its first character.
        state: Any = load_file(path) if head[8:] == b"{" else torch.load(path, "cpu", weights_only=True)
    except OSError as error:
        raise InputError(f"lpips.weights: {path}: cannot be read ({error.strerror or error})") from error
    except (
        SafetensorError,
        pickle.UnpicklingError,
        RuntimeError,
        EOFError,
        LookupError,
        ValueError,
    ) as error:
        raise InputError(
            f"lpips.weights: {path}: is damaged, or no state dict ({one_line(error, 80)}); give {_SOURCE}"
        ) from error
    return state if isinstance(state, Mapping) else {}


def distances(
    prediction: torch.Tensor, reference: torch.Tensor, weights: Mapping[str, torch.Tensor]
) -> torch.Tensor:
    """Return the LPIPS of each pair of images.

    Parameters
    ----------
    prediction, reference : torch.Tensor, shape (images, 1 or 3, rows, columns)
        Intensities in [-1, 1]; grey ones stand for three equal channels.
    weights : mapping of str to torch.Tensor
        As `read_weights` returns them.

    Returns
    -------
    torch.Tensor, shape (images,)
    """
    import torch
    from torch.nn import functional as F

    total = torch.zeros(len(prediction))
    shift, scale = (torch.tensor(values)[:, None, None] for values in (_SHIFT, _SCALE))
    maps = [(images - shift) / scale for images in (prediction, reference)]
    for number, layer in enumerate(_TRUNK):
        kernel, bias = (weights[f"features.{layer.place}.{name}"] for name in ("weight", "bias"))
        pooled = [F.max_pool2d(one, 3, 2) for one in maps] if layer.pooled else maps
        maps = [F.conv2d(one, kernel, bias, layer.stride, layer.padding).relu_() for one in pooled]
        units = [one / (one.square().sum(1, keepdim=True).sqrt() + _EPSILON) for one in maps]
        apart = (units[0] - units[1]).square_().mean((2, 3))
        total += apart @ weights[f"lin{number}.model.1.weight"].flatten()
    return total


class LPIPS(Index, Configurable):
    """Mean LPIPS of all axial slices, xz and yz, on AlexNet."""

    name = "lpips"
    higher_is_better = False
    least = _LEAST

    weights: str = setting("", "file with the trunk of AlexNet and the linear heads, safetensors or torch")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._read: dict[str, torch.Tensor] = {}

    def check_settings(self) -> None:
        """Read the weights.

        Raises
        ------
        InputError
            If none are given, or they cannot be used.
        """
        if not self.weights:
            raise InputError(f"lpips.weights: no file is set, and none is downloaded; set it to {_SOURCE}")
        self._read = self._read or read_weights(Path(self.weights).expanduser())

    def index(self, prediction: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """Return the LPIPS of grey images in [0, 1]."""
        self.check_settings()
        return distances(2 * prediction - 1, 2 * reference - 1, self._read)
