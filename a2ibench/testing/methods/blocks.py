"""Whether a volume may be cut into blocks, each with the halo that the method asks for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from a2ibench.contracts import Volume
from a2ibench.errors import PluginError
from a2ibench.protocol.blocks import block_size, reconstruct_volume
from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.methods.trial import FRACTIONAL, Trial, grid_of
from a2ibench.testing.volumes import levels_apart, scene

TOLERANCE = 0.5
"""Grey levels of 255; rounding to 8 bits hides about as much."""
_SIDE = 24
_MOST_SLICES, _MOST_VOXELS = 64, 192


@rule(
    "Block by block, with the core's own planner, gives the same as the whole",
    "enlarge halo to what the method sees around a voxel, and take nothing from the volume as a whole",
)
def _block_wise(trial: Trial) -> None:
    run = trial.need(FRACTIONAL)
    if getattr(run.returned, "dtype", None) != np.float32:
        raise CheckSkipped("needs results of float32, see shape-and-dtype")
    method: Any = run.method
    tried = False
    for axis, volume in _volumes(method):
        grid, align = grid_of(volume), int(getattr(method, "align", 1))
        whole_size = grid.n_out * volume.shape[1] * volume.shape[2]
        limit = whole_size * 9 // 10
        halo = (int(method.halo[0]), int(method.halo[1]))
        size = block_size(grid, volume.shape[1:], halo, align=align, max_voxels=limit)
        if size == (grid.n_out, *volume.shape[1:]):
            continue
        tried = True
        try:
            whole, blocks = (
                reconstruct_volume(method, volume, trial.context(), max_voxels=most)
                for most in (whole_size, limit)
            )
        except PluginError as error:
            raise CheckFailed(str(error)) from error
        apart = levels_apart(blocks, whole)
        if apart > TOLERANCE:
            raise CheckFailed(
                f"with halo {halo}, blocks along {axis} are {apart:.3g} grey levels (of 255) off the whole"
            )
    if not tried:
        raise CheckSkipped(f"halo {method.halo} is too large to cut the volumes of this check")


def _volumes(method: Any) -> Iterator[tuple[str, Volume]]:
    slices, voxels, align = int(method.halo[0]), int(method.halo[1]), int(getattr(method, "align", 1))
    if slices <= _MOST_SLICES:
        yield "z", scene(FRACTIONAL.ratio, (4 * slices + 8, _SIDE, _SIDE))[0]
    if voxels <= _MOST_VOXELS:
        yield "x", scene(FRACTIONAL.ratio, (6, _SIDE, 4 * voxels + max(32, 2 * align)))[0]


RULES = (_block_wise,)
