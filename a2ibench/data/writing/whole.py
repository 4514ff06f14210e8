"""Writes a volume that is in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.writing import create
from a2ibench.files import plain


def write_whole(
    path: str | Path,
    data: NDArray[Any],
    voxel_size: tuple[float, float, float],
    *,
    history: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a volume that is in memory.

    Parameters
    ----------
    path, voxel_size, history, overwrite
        As for `a2ibench.data.writing.create`.
    data : ndarray, shape (z, y, x)
        8- or 16-bit integers, or float32.

    Raises
    ------
    InputError
        As for `create`.
    """
    told, history = hashlib.sha256(np.ascontiguousarray(data).data).hexdigest(), plain(history or {})
    with create(
        path,
        data.shape,
        data.dtype,
        voxel_size,
        identity={"voxels": told, "history": history},
        overwrite=overwrite,
        history=history,
    ) as writer:
        writer.write((0, 0, 0), data)
        writer.finish()
