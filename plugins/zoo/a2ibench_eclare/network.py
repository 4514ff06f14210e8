"""The network of ECLARE: it works on the rows that were acquired, and makes the others last."""

from __future__ import annotations

import torch
from torch import nn

EXPANSION, LINEAR = 4, 0.8
"""Channels of a block between its 1x1 convolutions, and before its 3x3 convolution, over its own."""
_TAPS = 4


class Block(nn.Module):
    """A wide-activation block, WDSR-B: what is rectified is wide, what is convolved in space is narrow.

    Parameters
    ----------
    channels : int
        Width outside.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide, narrow = channels * EXPANSION, int(channels * LINEAR)
        self.body = nn.Sequential(
            nn.Conv2d(channels, wide, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(wide, narrow, 1),
            nn.Conv2d(narrow, channels, 3, padding=1),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return features of the same shape, (batch, channels, rows, columns)."""
        restored: torch.Tensor = features + self.body(features)
        return restored


def work(channels: int, blocks: int, factor: int) -> int:
    """Return the multiply-adds of an acquired pixel."""
    wide, narrow = channels * EXPANSION, int(channels * LINEAR)
    return blocks * (channels * wide + wide * narrow + 9 * narrow * channels) + 9 * channels * (1 + factor)


class EclareNet(nn.Module):
    """Make the rows of an axial plane from the acquired ones; begins as their cubic interpolation.

    Parameters
    ----------
    channels, blocks : int
        Width, and number of residual blocks.
    factor : int
        Rows that the shuffle makes of each: the ratio, rounded up.
    slope : float
        Of the cubic kernel.
    """

    def __init__(self, channels: int, blocks: int, factor: int, slope: float = -0.5) -> None:
        super().__init__()
        self.factor, self.slope = factor, slope
        self.head = nn.Conv2d(1, channels, 3, padding=1)
        self.body = nn.Sequential(*(Block(channels) for _ in range(blocks)))
        self.tail = nn.Conv2d(channels, factor, 3, padding=1)
        nn.init.zeros_(self.tail.weight)
        nn.init.zeros_(self.tail.bias)

    def forward(self, image: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Return the rows at positions.

        Parameters
        ----------
        image : torch.Tensor, shape (batch, 1, n_in, columns)
            Acquired rows.
        positions : torch.Tensor, shape (n_out,)
            Where the wanted rows lie, in acquired ones.

        Returns
        -------
        torch.Tensor, shape (batch, 1, n_out, columns)
        """
        fine = shuffled(self.tail(self.body(self.head(image)))).float()
        correction = sampled(fine, (positions + 0.5) * self.factor - 0.5, self.slope)
        return sampled(image, positions, self.slope) + correction


def shuffled(features: torch.Tensor) -> torch.Tensor:
    """Return channels as rows: (batch, factor, rows, columns) becomes (batch, 1, rows * factor, columns)."""
    return features.transpose(1, 2).flatten(1, 2)[:, None]


def sampled(rows: torch.Tensor, positions: torch.Tensor, slope: float) -> torch.Tensor:
    """Interpolate rows by cubic convolution (Keys, 1981); rows past the ends repeat those at the ends.

    Parameters
    ----------
    rows : torch.Tensor, shape (batch, 1, n, columns)
        Row i lies at i.
    positions : torch.Tensor, shape (m,)
        Where rows are wanted.
    slope : float
        Of the kernel at distance 1.

    Returns
    -------
    torch.Tensor, shape (batch, 1, m, columns)
    """
    first = positions.floor()
    total = torch.zeros((), dtype=rows.dtype, device=rows.device)
    for tap in range(_TAPS):
        at = first + (tap - 1)
        weights = _kernel((positions - at).abs(), slope).to(rows.dtype)
        taken = rows.index_select(2, at.long().clamp(0, rows.shape[2] - 1))
        total = total + weights[:, None] * taken
    return total


def _kernel(distance: torch.Tensor, slope: float) -> torch.Tensor:
    near = ((slope + 2) * distance - (slope + 3)) * distance**2 + 1
    far = ((distance - 5) * distance + 8) * distance * slope - 4 * slope
    return torch.where(distance <= 1, near, torch.where(distance < 2, far, torch.zeros_like(distance)))
