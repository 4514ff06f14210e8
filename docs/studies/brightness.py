"""Ask what networks do to means and contrast of slices, where there is no reference.

Run as ``python docs/studies/brightness.py --data ../shared/data --dataset vnc-sstem``, where the folder has a
datasets.toml. The reconstruction is averaged over the slabs that the acquired slices are taken to be: what is
acquired anew should have means and contrast, the standard deviation of grey levels, of what was acquired.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from a2ibench import AxialGrid, Budget, Context, Volume, load_catalogue
from a2ibench.bench.run import CUBIC
from a2ibench.data.opening import open_dataset
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.profiles import PROFILES, Profile, seed_everything, training_settings
from a2ibench.protocol.resample import interpolate
from a2ibench.registry import host

HEADINGS = ("method", "slices", "slabs", "middle of slabs", "of slices", "of slabs", "of the input")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="the folder of a datasets.toml")
    parser.add_argument("--dataset", default="vnc-sstem", metavar="NAME")
    parser.add_argument("--side", type=int, default=256, help="voxels along y and x, around the middle")
    parser.add_argument("--methods", default="plain,a2i-3dem", metavar="A,B")
    parser.add_argument("--profile", default="quick", choices=PROFILES)
    given = parser.parse_args()
    whole = open_dataset(load_catalogue(given.data / "datasets.toml")[given.dataset])
    y, x = (slice(max(0, (n - given.side) // 2), (n + given.side) // 2) for n in whole.shape[1:])
    volume = replace(whole, data=np.ascontiguousarray(whole.data[:, y, x]))
    write_row(*HEADINGS)
    write_row("---", *["---:"] * (len(HEADINGS) - 1))
    for name in (CUBIC, *given.methods.split(",")):
        write_row(name, *(f"{value:.2f}" for value in measured(volume, name, PROFILES[given.profile])))


def measured(volume: Volume, name: str, profile: Profile) -> list[float]:
    """Return the largest differences of means, and contrasts, in grey levels, as `HEADINGS` names them."""
    ctx = Context(
        size=profile.size, budget=Budget(steps=profile.steps), batch=profile.batch, patch=profile.patch
    )
    method = host().build("method", name, **training_settings(name, "matched"))
    seed_everything(0)
    method.fit(volume, ctx)
    low, high = volume.intensity
    result = low + (high - low) * reconstruct_volume(method, volume, ctx)
    grid = AxialGrid(volume.shape[0], volume.ratio)
    inner = slice(1, -1)
    slabs = slab_average(result, grid)[inner]
    given = volume.data[inner].astype(np.float64)
    interpolated = interpolate(volume.data, grid)
    margin = int(np.ceil(grid.ratio))
    middle = np.rint((np.arange(grid.n_in) + 0.5) * grid.ratio - 0.5).astype(int)[inner]
    return [
        largest(result[margin:-margin], interpolated[margin:-margin]),
        largest(slabs, given),
        largest(result[middle], given),
        contrast(result),
        contrast(slabs),
        contrast(given),
    ]


def slab_average(data: NDArray[np.float32], grid: AxialGrid) -> NDArray[np.float64]:
    """Return what an acquisition with slabs as thick as their spacing makes of a volume (z, y, x)."""
    degrade = host().build("degradation", "slab-average")
    planes = torch.from_numpy(data.astype(np.float64)).permute(1, 0, 2)[:, None]
    image = degrade(planes, grid, torch.Generator()).image
    slabs: NDArray[np.float64] = image[:, 0].permute(1, 0, 2).numpy()
    return slabs


def largest(ours: NDArray[np.generic], theirs: NDArray[np.generic]) -> float:
    """Return the largest difference of the means of slices."""
    return float(np.abs(ours.mean((1, 2), dtype=np.float64) - theirs.mean((1, 2), dtype=np.float64)).max())


def contrast(data: NDArray[np.number[Any]]) -> float:
    """Return the mean standard deviation within slices."""
    return float(np.std(data, axis=(1, 2), dtype=np.float64).mean())


def write_row(*cells: str) -> None:
    """Print a row of the table at once."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
