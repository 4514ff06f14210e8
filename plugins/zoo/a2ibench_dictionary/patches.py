"""Overlapping patches of axial planes: their features, and their mean where they overlap."""

from __future__ import annotations

import torch
from torch.nn import functional as F

STEP = 2
"""Pixels from one patch to the next, along rows and columns."""
MARGIN = 2
"""Pixels beyond a patch that its features depend on."""


def shape_for(ratio: float, columns: int) -> tuple[int, int]:
    """Return rows and columns of a patch: three input slices high, as the papers' are in both directions."""
    return max(4, 2 * round(1.5 * ratio)), columns


def features_of(images: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Return the features of all patches, (patches, 4 x rows x columns).

    First and second derivatives along columns and rows, as in Yang et al., 2010, section III-B.

    Parameters
    ----------
    images : torch.Tensor, shape (batch, 1, rows, columns)
        As large as patches and `MARGIN` around them.
    shape : (int, int)
        Of a patch.
    """
    first, second = images.new_tensor([-1.0, 0, 1]), images.new_tensor([0.5, 0, -1, 0, 0.5])
    rows, columns = images.shape[2] - 2 * MARGIN, images.shape[3] - 2 * MARGIN
    within = slice(MARGIN, MARGIN + rows), slice(MARGIN, MARGIN + columns)
    maps = [
        F.conv2d(images, kernel.view(1, 1, *size), padding=(size[0] // 2, size[1] // 2))[..., *within]
        for kernel in (first, second)
        for size in ((1, len(kernel)), (len(kernel), 1))
    ]
    return patches_of(torch.cat(maps, 1), shape)


def patches_of(images: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Return all patches of images (batch, channels, rows, columns) in rows, (patches, pixels)."""
    return F.unfold(images, shape, stride=STEP).transpose(1, 2).flatten(0, 1)


def overlapped(
    patches: torch.Tensor, batch: int, size: tuple[int, int], shape: tuple[int, int]
) -> torch.Tensor:
    """Return images (batch, 1, rows, columns) of the sums of patches that `patches_of` would take."""
    columns = patches.unflatten(0, (batch, -1)).transpose(1, 2)
    return F.fold(columns, size, shape, stride=STEP)
