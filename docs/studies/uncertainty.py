"""Ask what the difference of the two plane families tells of the error at a voxel.

Run as ``python docs/studies/uncertainty.py --data ../shared/data``, where the folder has a datasets.toml. The
method is trained on the simulated input as a run trains it. D is the absolute difference of what xz and yz
planes became, the error that of the reconstruction, as it is written, from the reference. Both are in grey
levels. In cubes of 8 voxels a side the mean of D is compared with the root mean squared error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, gaussian_gradient_magnitude
from scipy.stats import spearmanr

import a2ibench
from a2ibench.contracts import AxialGrid, Budget, Context
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.protocol.profiles import PROFILES, seed_everything, training_settings
from a2ibench.registry import host

SIGMAS, BINS, BOX = (0.0, 1.0, 2.0), 10, 8
Floats = NDArray[np.float32]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="a catalogue, or the folder of a datasets.toml"
    )
    parser.add_argument("--datasets", default="phantom,tiny-epfl,fib25-val")
    parser.add_argument("--method", default="plain")
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--rows", type=int, default=10**9, help="most voxels along y")
    given = parser.parse_args()
    catalogue = given.data / "datasets.toml" if given.data.is_dir() else given.data
    ranks = [
        "| dataset | D | D, sigma 1 | D, sigma 2 | gradient | D, boxes | gradient, boxes |",
        "|---|" + "---:|" * 6,
    ]
    bins = [
        f"| dataset | {' | '.join(f'{10 * n} %' for n in range(1, BINS + 1))} | slope |",
        "|---|" + "---:|" * 11,
    ]
    for name in given.datasets.split(","):
        shipped = name == "phantom"
        found = study(name, None if shipped else catalogue, given.method, given.profile, given.rows)
        ranks.append(next(found))
        bins += found
        sys.stdout.write("\n".join([*ranks, "", *bins]) + "\n\n")
        sys.stdout.flush()


def study(name: str, catalogue: Path | None, method: str, profile: str, rows: int) -> Iterator[str]:
    """Yield the line of a volume for the first table, and those for the second."""
    apart, error, restored = measured(name, catalogue, method, profile, rows)
    smooth = [gaussian_filter(apart, sigma) if sigma else apart for sigma in SIGMAS]
    gradient = gaussian_gradient_magnitude(restored, 1.0)
    ranks = [spearmanr(each.ravel(), error.ravel()).statistic for each in (*smooth, gradient)]
    ranks += [
        spearmanr(boxed(each).ravel(), np.sqrt(boxed(error**2)).ravel()).statistic
        for each in (apart, gradient)
    ]
    yield f"| {name} | " + " | ".join(f"{rank:.2f}" for rank in ranks) + " |"
    means, errors = binned(apart, error)
    slope = np.polyfit(means, errors, 1)[0]
    yield f"| {name}, D | " + " | ".join(f"{mean:.2f}" for mean in means) + " | |"
    yield f"| {name}, error | " + " | ".join(f"{mean:.2f}" for mean in errors) + f" | {slope:.2f} |"


def measured(
    name: str, catalogue: Path | None, method: str, profile: str, rows: int
) -> tuple[Floats, Floats, Floats]:
    """Return how far the families are apart, the error, and the reconstruction, in grey levels."""
    volume, reference = a2ibench.simulate(name, catalogue=catalogue)
    volume = volume.crop(slice(None), slice(0, min(rows, volume.shape[1])), slice(None))
    truth = np.asarray(reference.data[:, : volume.shape[1]], np.float32)
    told = PROFILES[profile]
    ctx = Context(
        size=told.size, budget=Budget(steps=told.steps), batch=told.batch, patch=told.patch, device="cpu"
    )
    seed_everything(ctx.seed)
    built = host().build("method", method, **training_settings(method, "matched"))
    built.fit(volume, ctx)
    grid = AxialGrid(volume.shape[0], volume.ratio)
    apart = np.zeros((grid.n_out, *volume.shape[1:]), np.float32)
    restored = quantise(reconstruct_volume(built, volume, ctx, apart=apart), volume).astype(np.float32)
    lo, hi = volume.intensity
    return apart * np.float32(hi - lo), np.abs(restored - truth), restored


def boxed(values: Floats) -> Floats:
    """Return the means over cubes of 8 voxels a side."""
    z, y, x = (n // BOX * BOX for n in values.shape)
    parts = values[:z, :y, :x].reshape(z // BOX, BOX, y // BOX, BOX, x // BOX, BOX)
    means: Floats = parts.mean(axis=(1, 3, 5))
    return means


def binned(apart: Floats, error: Floats) -> tuple[list[float], list[float]]:
    """Return the mean of D, and of the error, in tenths of the voxels by D."""
    order = np.argsort(apart, axis=None)
    parts = np.array_split(order, BINS)
    means, errors = ([float(each.ravel()[part].mean()) for part in parts] for each in (apart, error))
    return means, errors


if __name__ == "__main__":
    main()
