"""Volumes, grids and contexts on their way to a method in another Python: JSON, and arrays in NumPy's files.

Both sides import this module. That one may have nothing but the standard library and NumPy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from a2ibench.contracts import AxialGrid, Budget, Context, Progress, Volume
from a2ibench.files import plain

EXCHANGE: Final = 1
"""Raised when the two sides of an older and a newer release would no longer understand each other."""


def encoded(message: Mapping[str, Any]) -> bytes:
    """Return a message as a line of strict JSON."""
    return json.dumps(plain(message), allow_nan=False).encode() + b"\n"


def describe_volume(volume: Volume, file: Path) -> dict[str, Any]:
    """Return all that a volume is but for its voxels, which lie in a file of NumPy's."""
    return {
        "file": str(file),
        "voxel_size": list(volume.voxel_size),
        "intensity": list(volume.intensity),
        "name": volume.name,
        "contrast": None if volume.contrast is None else list(volume.contrast),
        "padding": None if volume.padding is None else list(volume.padding),
    }


def volume_of(described: Mapping[str, Any]) -> Volume:
    """Return the volume that `describe_volume` described, in memory."""
    import numpy as np

    z, y, x = described["voxel_size"]
    low, high = described["intensity"]
    contrast, padding = described["contrast"], described["padding"]
    return Volume(
        np.load(described["file"]),
        (z, y, x),
        (low, high),
        described["name"],
        None if contrast is None else (contrast[0], contrast[1]),
        None if padding is None else tuple(padding),
    )


def describe_grid(grid: AxialGrid) -> dict[str, Any]:
    """Return a grid, JSON-able."""
    return asdict(grid)


def grid_of(described: Mapping[str, Any]) -> AxialGrid:
    """Return the grid that `describe_grid` described."""
    return AxialGrid(**described)


_AS_THEY_ARE: Final = ("seed", "device", "precision", "size", "batch", "patch")


def describe_context(ctx: Context) -> dict[str, Any]:
    """Return what a context tells, JSON-able; a training that is killed there cannot go on."""
    kept = None if ctx.kept is None else [[part.start, part.stop] for part in ctx.kept]
    return {name: getattr(ctx, name) for name in _AS_THEY_ARE} | {
        "steps": ctx.budget.steps,
        "seconds": ctx.budget.seconds,
        "workdir": None if ctx.workdir is None else str(ctx.workdir.absolute()),
        "kept": kept,
    }


def context_of(described: Mapping[str, Any], progress: Progress) -> Context:
    """Return the context that `describe_context` described."""
    workdir, kept = described["workdir"], described["kept"]
    return Context(
        **{name: described[name] for name in _AS_THEY_ARE},
        budget=Budget(described["steps"], described["seconds"]),
        workdir=None if workdir is None else Path(workdir),
        kept=None if kept is None else (slice(*kept[0]), slice(*kept[1])),
        progress=progress,
    )
