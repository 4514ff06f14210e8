"""What tells whether an interrupted reconstruction is the one that is asked for now."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.bench.key import code_of
from a2ibench.contracts import Context
from a2ibench.reconstructing.options import MethodOptions, StackOptions
from a2ibench.volumes.window import Window

_SIDE, _BOXES = 32, 8


def identity(
    window: Window, ratio: float, stack: StackOptions, options: MethodOptions, ctx: Context
) -> dict[str, Any]:
    """Return all that the voxels of a reconstruction depend on, JSON-able."""
    return code_of(options.method) | {
        "input": fingerprint(window),
        "crop": stack.crop,
        "ratio": ratio,
        "intensity": stack.intensity,
        "settings": dict(options.settings),
        "size": ctx.size,
        "budget": str(ctx.budget),
        "seed": ctx.seed,
        "device": ctx.device,
        "precision": ctx.precision,
        "checkpoint": _digest(options.checkpoint),
    }


def fingerprint(window: Window) -> str:
    """Return a digest of a few small boxes of a volume, from its first voxel to its last."""
    digest = hashlib.sha256(f"{window.shape} {window.dtype.name}".encode())
    for part in np.linspace(0, 1, _BOXES):
        z, y, x = (
            slice(first, first + _SIDE)
            for size in window.shape
            for first in [round(float(part) * max(0, size - _SIDE))]
        )
        digest.update(window[z, y, x].tobytes())
    return digest.hexdigest()


def _digest(folder: Path | None) -> str | None:
    if folder is None:
        return None
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()
