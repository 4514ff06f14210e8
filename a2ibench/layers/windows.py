"""Feature maps in rows-and-columns order, and the windows they are cut into."""

from __future__ import annotations

import torch
from torch.nn import functional as F

FORBIDDEN = -100.0


def pad_to_multiple(image: torch.Tensor, multiple: int) -> torch.Tensor:
    """Extend (batch, channel, rows, columns) below and to the right to multiples, by reflection if it can."""
    for axis, padding in ((3, (0, 1, 0, 0)), (2, (0, 0, 0, 1))):
        extra = -image.shape[axis] % multiple
        if extra:
            mode = "reflect" if extra < image.shape[axis] else "replicate"
            image = F.pad(image, [extra * p for p in padding], mode)
    return image


def to_map(image: torch.Tensor) -> torch.Tensor:
    """Return (batch, rows, columns, channels) of an image (batch, channels, rows, columns)."""
    return image.permute(0, 2, 3, 1).contiguous()


def to_image(tokens: torch.Tensor) -> torch.Tensor:
    """Undo `to_map`, without a copy: the result is in channels-last memory order."""
    return tokens.permute(0, 3, 1, 2)


def partition(x: torch.Tensor, side: int) -> torch.Tensor:
    """Cut a map (batch, rows, columns, channels) into windows (windows, side * side, channels)."""
    batch, rows, columns, channels = x.shape
    x = x.view(batch, rows // side, side, columns // side, side, channels)
    return x.transpose(2, 3).reshape(-1, side * side, channels)


def merge(windows: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """Undo `partition`."""
    side = round(windows.shape[1] ** 0.5)
    x = windows.view(-1, rows // side, columns // side, side, side, windows.shape[2])
    return x.transpose(2, 3).reshape(-1, rows, columns, windows.shape[2])


def shift_masks(side: int, shift: int) -> torch.Tensor:
    """Return what is added to the logits of the four kinds of window of a cyclically shifted map.

    Only windows in the last row or column hold pixels from two sides of the image, which must not see
    each other, so four masks serve images of any size.

    Returns
    -------
    torch.Tensor, shape (4, side * side, side * side)
        Kinds: 0 inside, 1 last column, 2 last row, 3 corner.
    """
    wrapped = torch.arange(side) >= side - shift
    apart = wrapped[:, None] != wrapped
    rows = apart.repeat_interleave(side, 0).repeat_interleave(side, 1)
    columns = apart.repeat(side, side)
    kinds = torch.stack([torch.zeros_like(rows), columns, rows, rows | columns])
    return FORBIDDEN * kinds.float()


def window_kinds(rows: int, columns: int, device: torch.device) -> torch.Tensor:
    """Return the kind (see `shift_masks`) of each of rows x columns windows, shape (rows * columns,)."""
    kinds = torch.zeros(rows, columns, dtype=torch.long, device=device)
    kinds[-1] += 2
    kinds[:, -1] += 1
    return kinds.flatten()
