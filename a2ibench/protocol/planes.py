"""Restoring a volume plane by plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from a2ibench.contracts import Progress

Run = Callable[[torch.Tensor], torch.Tensor]

# The symmetries of the square, which training covers, that keep the axial direction.
MIRRORS: tuple[tuple[int, ...], ...] = ((), (2,), (3,), (2, 3))

PIXELS_PER_BATCH = {"cpu": 1 << 15, "cuda": 1 << 22}
_TO_PLANES = {"xz": (1, 0, 2), "yz": (2, 0, 1)}
_FROM_PLANES = {"xz": (1, 0, 2), "yz": (1, 2, 0)}
_AXIS = {"xz": 1, "yz": 2}


def mirrored(run: Run) -> Run:
    """Return what averages the results of `run` on planes (batch, 1, z, lateral) and their mirror images."""

    def average(images: torch.Tensor) -> torch.Tensor:
        return torch.stack([run(images.flip(axes)).flip(axes) for axes in MIRRORS]).mean(0)

    return average


def restore(
    run: Run,
    data: torch.Tensor,
    families: Sequence[str],
    *,
    device: str,
    progress: Progress,
) -> torch.Tensor:
    """Run a network over every axial plane of a volume and average the plane families.

    Parameters
    ----------
    run : callable
        Maps (batch, 1, z, lateral) to the same shape.
    data : torch.Tensor, shape (z, y, x)
        Interpolated volume, on the CPU.
    families : sequence of str
        ``"xz"`` (one plane for each y), ``"yz"`` (one for each x), or both.
    device : str
        Where `run` works.
    progress : Progress
        Told of planes done.

    Returns
    -------
    torch.Tensor, shape (z, y, x)
        On the CPU.
    """
    out = torch.zeros_like(data)
    total = sum(data.shape[_AXIS[family]] for family in families)
    done = 0
    for family in families:
        axis = _AXIS[family]
        count = data.shape[axis]
        batch = max(1, PIXELS_PER_BATCH[device.split(":")[0]] * count // data.numel())
        for start in range(0, count, batch):
            size = min(batch, count - start)
            planes = data.narrow(axis, start, size).permute(_TO_PLANES[family])[:, None]
            restored = run(planes.contiguous().to(device, non_blocking=True))[:, 0].to(data.device)
            out.narrow(axis, start, size).add_(
                restored.permute(_FROM_PLANES[family]), alpha=1 / len(families)
            )
            done += size
            progress("reconstruct", done, total)
    return out
