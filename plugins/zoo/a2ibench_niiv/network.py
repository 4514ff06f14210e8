"""The implicit network: an encoder of the acquired slices, and a decoder that is asked for heights."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from a2ibench import AxialGrid, interpolation_matrix

CONTRAST = 4.0
"""The network sees (intensity - 0.5) times this, as other networks on slices do."""
OCTAVES = 2
NEIGHBOURS = tuple((row, column) for row in (-1, 0, 1) for column in (-1, 0, 1))
_COORDINATES = 1 + 2 * OCTAVES


@dataclass(frozen=True)
class Shape:
    """Features and blocks of the encoder, and width and hidden layers of the perceptron."""

    features: int
    blocks: int
    hidden: int
    layers: int = 5

    def encoding(self) -> int:
        """Return the multiply-adds of the encoder, for a pixel of an acquired slice."""
        return 9 * self.features + 9 * self.features**2 * (2 * self.blocks + 1)

    def work(self, ratio: float) -> float:
        """Return the multiply-adds per output pixel of a plane."""
        n, hidden = self.features, self.hidden
        # What is linear in the features is computed for acquired pixels, and interpolated.
        coarse = self.encoding() + 3 * n**2 + n * hidden
        attention = len(NEIGHBOURS) * 2 * n
        return coarse / ratio + attention + n * hidden + (self.layers - 1) * hidden**2 + 2 * hidden

    @property
    def reach(self) -> int:
        """How many acquired pixels it sees to each side: head, blocks, tail and neighbours."""
        return 2 * self.blocks + 3


def shape_of(blocks: int, most: float, ratio: float, encoding: float = 0.6) -> Shape:
    """Return the shape with so many blocks that does no more than `most` work per output pixel.

    Its encoder takes no more than the part `encoding` of it.
    """
    features = 4
    while Shape(features + 4, blocks, 0).encoding() / ratio <= encoding * most:
        features += 4
    hidden = 4
    while Shape(features, blocks, hidden + 1).work(ratio) <= most:
        hidden += 1
    return Shape(features, blocks, hidden)


class Block(nn.Module):
    """Two 3 x 3 convolutions with a ReLU between, added to their input; zero at first.

    Parameters
    ----------
    features : int
        Width.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(features, features, 3, padding=1)
        self.last = nn.Conv2d(features, features, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape."""
        return features + self.last(F.relu(self.first(features)))


class Encoder(nn.Module):
    """EDSR without its upsampling: features of each pixel, (batch, features, rows, columns).

    Parameters
    ----------
    features, blocks : int
        Width, and residual blocks.
    """

    def __init__(self, features: int, blocks: int) -> None:
        super().__init__()
        self.head = nn.Conv2d(1, features, 3, padding=1)
        self.body = nn.Sequential(
            *(Block(features) for _ in range(blocks)), nn.Conv2d(features, features, 3, padding=1)
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the features of images (batch, 1, rows, columns)."""
        first = self.head(images)
        return first + self.body(first)


class Decoder(nn.Module):
    """Turns features into intensities at the heights of output slices.

    Each output pixel is at a column of the acquired ones and at some height between them. It asks, with the
    features interpolated there, the nine acquired pixels around; and a perceptron of what they answer, of
    the features, of the interpolated intensity and of the height above the nearest slice tells what to add
    to that intensity. It begins by adding nothing.

    Parameters
    ----------
    shape : Shape
        Of the network.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        n, hidden = shape.features, shape.hidden
        self.query, self.key, self.answer = (nn.Linear(n, n, bias=False) for _ in range(3))
        self.place = nn.Linear(2 * _COORDINATES, n, bias=False)
        self.of_features, self.of_answer = nn.Linear(n, hidden), nn.Linear(n, hidden, bias=False)
        self.of_value, self.of_height = nn.Linear(1, hidden, bias=False), nn.Linear(_COORDINATES, hidden)
        self.layers = nn.ModuleList(nn.Linear(hidden, hidden) for _ in range(shape.layers - 1))
        self.last = nn.Linear(hidden, 1)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, features: torch.Tensor, value: torch.Tensor, heights: torch.Tensor) -> torch.Tensor:
        """Return what to add.

        Parameters
        ----------
        features : torch.Tensor, shape (batch, rows, columns, features)
            Of the acquired pixels.
        value : torch.Tensor, shape (batch, n_out, columns, 1)
            Interpolated, at the scale that the encoder sees.
        heights : torch.Tensor, shape (n_out,)
            Of the wanted pixels: 0 is the first acquired row.

        Returns
        -------
        torch.Tensor, shape (batch, n_out, columns, 1)
        """
        # Half-way between rows the upper one is taken in every block, whatever the last bit of the height is.
        nearest = (heights + 0.5 + 1e-6).floor().clamp(0, features.shape[1] - 1)
        rows, offset = nearest.long(), (heights - nearest).to(self.last.weight.dtype)
        asked = between(self.query(features), heights) * features.shape[-1] ** -0.5
        answer = self.attended(asked, features, rows, offset)
        hidden = between(self.of_features(features), heights) + self.of_answer(answer)
        hidden = hidden + self.of_value(value) + self.of_height(encoded(offset))[:, None]
        for layer in self.layers:
            hidden = layer(F.relu(hidden))
        return self.last(F.relu(hidden))

    def attended(
        self, asked: torch.Tensor, features: torch.Tensor, rows: torch.Tensor, offset: torch.Tensor
    ) -> torch.Tensor:
        """Return what the nine acquired pixels around each wanted one answer, the end ones repeated."""
        columns = features.shape[2]
        around = F.pad(features.movedim(3, 1), (1, 1, 1, 1), mode="replicate").movedim(1, 3)
        keys, answers = self.key(around), self.answer(around)
        keys, answers = (
            [one.index_select(1, rows + 1 + row) for row in (-1, 0, 1)] for one in (keys, answers)
        )
        fit = list[torch.Tensor]()
        for row, column in NEIGHBOURS:
            place = torch.cat([encoded(offset - row), encoded(offset.new_full(offset.shape, -column))], 1)
            key = keys[row + 1][:, :, 1 + column : 1 + column + columns] + self.place(place)[:, None]
            fit.append((asked * key).sum(3))
        shares = torch.stack(fit, 3).softmax(3).to(asked.dtype)
        total = torch.zeros((), dtype=asked.dtype, device=asked.device)
        for number, (row, column) in enumerate(NEIGHBOURS):
            answered = answers[row + 1][:, :, 1 + column : 1 + column + columns]
            total = total + shares[..., number : number + 1] * answered
        return total


class NIIVNet(nn.Module):
    """Restore axial planes at any heights from their acquired rows; at first, interpolate them.

    Parameters
    ----------
    shape : Shape
        Of the network.
    cubic : bool
        What is added to is the cubic interpolation; else the linear one.
    """

    def __init__(self, shape: Shape, *, cubic: bool = True) -> None:
        super().__init__()
        self.cubic = cubic
        self.encoder, self.decoder = Encoder(shape.features, shape.blocks), Decoder(shape)

    def forward(self, images: torch.Tensor, grid: AxialGrid) -> torch.Tensor:
        """Return the rows of a grid, (batch, 1, grid.n_out, columns), for (batch, 1, grid.n_in, columns).

        Intensities are 0 to 1.
        """
        heights = torch.from_numpy(grid.positions).to(images.device)
        with torch.autocast(images.device.type, enabled=False):
            if self.cubic:
                base = torch.matmul(torch.from_numpy(interpolation_matrix(grid)).to(images), images)
            else:
                base = between(images[:, 0, ..., None], heights)[:, None, ..., 0]
        seen = ((images - 0.5) * CONTRAST).contiguous(memory_format=torch.channels_last)
        features = self.encoder(seen).movedim(1, 3)
        added = self.decoder(features, (base[:, 0, ..., None] - 0.5) * CONTRAST, heights)
        return base + added[..., 0].float()[:, None] / CONTRAST


def between(rows: torch.Tensor, heights: torch.Tensor) -> torch.Tensor:
    """Return rows (batch, rows, columns, features) at heights, linearly between; the end ones go on."""
    inside = heights.clamp(0, rows.shape[1] - 1)
    below = inside.floor()
    first = below.long()
    share = (inside - below).to(rows)[:, None, None]
    second = (first + 1).clamp_(max=rows.shape[1] - 1)
    return torch.lerp(rows.index_select(1, first), rows.index_select(1, second), share)


def encoded(offset: torch.Tensor) -> torch.Tensor:
    """Return offsets (n,) with their sines and cosines, of `OCTAVES` octaves from a period of 2 slices."""
    waves = [math.pi * 2**octave * offset for octave in range(OCTAVES)]
    return torch.stack([offset, *(f(wave) for wave in waves for f in (torch.sin, torch.cos))], 1)
