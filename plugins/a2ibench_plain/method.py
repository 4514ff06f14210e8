"""The plain method: its network, and the protocol's training."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from a2ibench import Context, InputError, SliceNetwork, Volume, setting
from a2ibench_plain import pretrained

SIZES = {
    "tiny": {"channels": 16, "blocks": 1},
    "small": {"channels": 48, "blocks": 4},
    "full": {"channels": 128, "blocks": 5},
}


FINE_TUNED = 1e-3
"""Peak learning rate where training begins at weights that know their task."""

HIGH_RATIO = 6.0
"""Ratio from which on rectangles are by default twice as high as wide."""


class Block(nn.Module):
    """Two 3x3 convolutions with a ReLU between, added to their input; zero at first.

    Parameters
    ----------
    channels : int
        Width.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.last = _zero(nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape, (batch, channels, rows, columns)."""
        return features + self.last(F.relu(self.first(features)))


class PlainNet(nn.Module):
    """Correct an image by a residual CNN that works on a coarser grid with more channels.

    Interpolated pixels tell little that their neighbours do not, so rectangles of them are taken for
    channels of one pixel (pixel unshuffle) and put back in the end (pixel shuffle). The network begins as
    the identity.

    Parameters
    ----------
    channels, blocks : int
        Width, and number of residual blocks.
    stride : int
        Columns of the rectangles.
    axial_stride : int
        Rows of the rectangles; 0: as many as columns.
    """

    def __init__(self, channels: int, blocks: int, stride: int = 2, axial_stride: int = 0) -> None:
        super().__init__()
        self.strides = axial_stride or stride, stride
        pixels = math.prod(self.strides)
        self.head = nn.Conv2d(pixels, channels, 3, padding=1)
        self.body = nn.Sequential(*(Block(channels) for _ in range(blocks)))
        self.tail = _zero(nn.Conv2d(channels, pixels, 3, padding=1))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return the restored image, shape (batch, 1, rows, columns) of any size."""
        rows, columns = image.shape[-2:]
        high, wide = self.strides
        whole = F.pad(image, (0, -columns % wide, 0, -rows % high), mode="replicate")
        features = self.body(self.head(_unshuffled(whole, high, wide)))
        correction = _shuffled(self.tail(features), high, wide)
        return image + correction[..., :rows, :columns]


class Plain(SliceNetwork):
    """A residual CNN without any device of its own, trained by the protocol as every other network.

    It is published nowhere. It is here because a benchmark is worth what its simplest entry demands.

    Where rectangles have twice as many rows as columns, the network has twice as many blocks for the same
    work: at high ratios, where more rows tell the same, it restores more, and so it does by default from
    `HIGH_RATIO` on.
    """

    learning_rate = 4e-3
    reach = 26
    channels: int = setting(0, "width; 0: by size", low=0)
    blocks: int = setting(0, "residual blocks; 0: by size, and in proportion to axial_stride", low=0)
    stride: int = setting(
        2,
        "columns of the rectangles of pixels that become channels",
        low=1,
        high=8,
    )
    axial_stride: int = setting(
        0,
        "rows of the rectangles; 0: as many as columns, twice as many from a ratio of 6 on",
        low=0,
        high=8,
    )

    start: str = setting(
        "random",
        "where training begins: at random, or at weights from other tissue; pretrained-only trains nothing",
        choices=("random", "pretrained", "pretrained-only"),
    )

    align: ClassVar[int] = 8

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._by_ratio = not self.axial_stride

    @property
    def trains(self) -> bool:  # type: ignore[override]
        """Whether `fit` trains."""
        return self.start != "pretrained-only"

    @property
    def trained_on(self) -> dict[str, tuple[str, ...]]:
        """SHA-256, by name, of what the weights that it begins with have seen."""
        return {} if self.start == "random" else pretrained.trained_on()

    def skip(self, volume: Volume) -> str | None:
        """Return why there are no weights to begin with for a volume."""
        if self.start == "random" or pretrained.nearest(volume.ratio) is not None:
            return None
        known = ", ".join(f"{ratio:.3g}" for ratio in pretrained.card()["ratios"])
        return (
            f"no weights come with it for a ratio of {volume.ratio:.3g}, only for {known}; give start=random"
        )

    def build(self, size: str) -> PlainNet:
        """Return the network of a size; its rectangles are squares where `axial_stride` is still 0."""
        if self.start != "random":
            # The weights are those of one network, whatever the profile.
            network = PlainNet(**SIZES["small"])
            ratio = pretrained.nearest(self._ratio)
            network.load_state_dict(pretrained.weights(self._ratio if ratio is None else ratio))
            return network
        blocks = SIZES[size]["blocks"] * max(1, self.axial_stride // self.stride)
        channels = self.channels or SIZES[size]["channels"]
        return PlainNet(channels, self.blocks or blocks, self.stride, self.axial_stride)

    @property
    def halo(self) -> tuple[int, int]:
        """Input slices and lateral voxels wanted around a block."""
        slices, lateral = super().halo
        further = max(0, self.axial_stride / self.stride - 1) * self.reach
        return slices + math.ceil(further / self._ratio), lateral

    def fit(self, volume: Volume, ctx: Context) -> None:
        """Train as every slice network, with a reach for tall rectangles.

        Raises
        ------
        InputError
            If no weights to begin with come for the volume's ratio, or the network is to be another one.
        """
        if self.start != "random":
            self._check_start(volume)
            if not self._rate_given:
                self.learning_rate = FINE_TUNED
        elif self._by_ratio:
            self.axial_stride = min(self.align, self.stride * (2 if volume.ratio >= HIGH_RATIO else 1))
        if self.axial_stride > self.stride:
            self.reach = max(self.reach, _reach(self.build(ctx.size)))
        super().fit(volume, ctx)

    def _check_start(self, volume: Volume) -> None:
        if (reason := self.skip(volume)) is not None:
            raise InputError(f"plain: {reason}")
        shape = {name: getattr(self, name) for name in ("channels", "blocks", "stride", "axial_stride")}
        changed = [name for name, value in shape.items() if value != type(self).settings[name].default]
        if changed:
            raise InputError(
                f"plain: the network of start={self.start} has a shape of its own; give no "
                f"{' and no '.join(changed)}, or start=random"
            )

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""
        # Checkpoints of releases without this setting, or without its default by ratio, have squares.
        self.axial_stride = 0
        super().load(path)


def _unshuffled(images: torch.Tensor, high: int, wide: int) -> torch.Tensor:
    """Return images (batch, 1, rows, columns) with their rectangles as channels, in rows."""
    if high == wide:
        return F.pixel_unshuffle(images, wide)
    return images.unflatten(3, (-1, wide)).unflatten(2, (-1, high))[:, 0].permute(0, 2, 4, 1, 3).flatten(1, 2)


def _shuffled(features: torch.Tensor, high: int, wide: int) -> torch.Tensor:
    """Return the images (batch, 1, rows, columns) that `_unshuffled` would make features of."""
    if high == wide:
        return F.pixel_shuffle(features, wide)
    return features.unflatten(1, (high, wide)).permute(0, 3, 1, 4, 2).flatten(3, 4).flatten(1, 2)[:, None]


def _reach(network: PlainNet) -> int:
    """Return how many columns away a network of this kind sees."""
    return network.strides[1] * (2 * len(network.body) + 2) + 1


def _zero(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
