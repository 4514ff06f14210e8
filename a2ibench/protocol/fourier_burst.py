"""Fusion of the two plane families by Fourier burst accumulation, in windows."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F

WINDOW = 16
"""Side of a window in voxels; windows overlap by half."""

HOP = WINDOW // 2
"""Voxels from window to window. A block that begins at a multiple of it has the windows of the whole."""

MARGIN = WINDOW - 1
"""Voxels around a result that its windows reach."""

POWER = math.inf


def fuse_by_bursts(
    xz: torch.Tensor, yz: torch.Tensor, kept: tuple[slice, slice], power: float = POWER
) -> torch.Tensor:
    """Fuse what was restored in xz and in yz planes, each trusted where its spectrum is stronger.

    Fourier burst accumulation (Delbracio and Sapiro, CVPR 2015): a coefficient becomes the mean of the
    families' own, weighted by their magnitudes to the power of `power`. In lateral windows of `WINDOW`
    voxels, which begin at multiples of `HOP`, with the square root of Hann's window before and after.
    Of the mean greys of a window, where the stronger would be the brighter, the mean is taken.

    Parameters
    ----------
    xz, yz : torch.Tensor, shape (z, y, x)
        By family, with `MARGIN` voxels around what is kept, where there are any. `xz` is overwritten.
    kept : tuple of slice
        Lateral voxels (y, x) of the result; the others are 0.
    power : float
        0 is the mean; infinity takes the larger coefficient.

    Returns
    -------
    torch.Tensor, shape (z, y, x)
    """
    y, x = kept
    rows, columns = (_covered(part, n, xz.device) for part, n in zip(kept, xz.shape[1:], strict=True))
    taper = torch.sin(math.pi * (torch.arange(WINDOW, device=xz.device) + 0.5) / WINDOW)
    window = (taper[:, None] * taper).to(xz.dtype)
    inner = slice(y.start % HOP + HOP, None), slice(x.start % HOP + HOP, None)
    for section, other in zip(xz, yz, strict=True):
        both = torch.stack([section, other])[:, rows[:, None], columns]
        fused = _overlapped(_fused(_windows(both), window, power), (len(rows), len(columns)))
        section.zero_()
        section[y, x] = fused[inner][: y.stop - y.start, : x.stop - x.start]
    return xz


def _fused(pair: torch.Tensor, window: torch.Tensor, power: float) -> torch.Tensor:
    """Return windows (n, WINDOW, WINDOW), twice weighted, of a pair of them (2, n, WINDOW, WINDOW)."""
    greys = (pair * window).sum((2, 3), keepdim=True) / window.sum()
    first, second = torch.fft.rfft2((pair - greys) * window)
    if math.isinf(power):
        stronger = torch.where(first.abs() >= second.abs(), first, second)
    else:
        tiny = torch.finfo(window.dtype).tiny
        lead = first.abs().clamp(min=tiny).log() - second.abs().clamp(min=tiny).log()
        stronger = second + torch.sigmoid(power * lead) * (first - second)
    back: torch.Tensor = torch.fft.irfft2(stronger, s=window.shape)
    return (back + greys.mean(0) * window) * window


def _windows(images: torch.Tensor) -> torch.Tensor:
    """Return the windows of images (2, rows, columns), shape (2, n, WINDOW, WINDOW)."""
    return images.unfold(1, WINDOW, HOP).unfold(2, WINDOW, HOP).flatten(1, 2)


def _overlapped(windows: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """Return the sum (rows, columns) of windows (n, WINDOW, WINDOW) in their places."""
    image: torch.Tensor = F.fold(windows.flatten(1).T[None], shape, WINDOW, stride=HOP)[0, 0]
    return image


def _covered(part: slice, length: int, device: torch.device) -> torch.Tensor:
    """Return the voxels that the windows around a part of a side hold; the ends stand in for those beyond."""
    first = (part.start // HOP - 1) * HOP
    last = (part.stop - 1) // HOP * HOP + WINDOW
    return torch.arange(first, last, device=device).clamp(0, length - 1)
