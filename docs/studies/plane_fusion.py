"""Compare the ways to fuse xz and yz planes, and the powers of Fourier burst accumulation.

Run as ``python docs/studies/plane_fusion.py --data ../shared/data/epfl_ca1_15nm_dev.tif``: an isotropic
stack of 8 bits, its slices made three times as thick, without noise and with some. `plain` is trained once
for each, by the profile quick.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from a2ibench import AxialGrid, Budget, Context, Simulation, Volume, open_volume
from a2ibench.protocol.fourier_burst import fuse_by_bursts
from a2ibench.protocol.frequency_fusion import estimated_weights, fuse_by_frequency
from a2ibench.protocol.profiles import PROFILES
from a2ibench.protocol.simulate import simulate
from a2ibench.registry import host

POWERS = (1, 2, 4, 11, math.inf)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="an isotropic stack of 8 bits")
    parser.add_argument("--levels", type=float, default=12, help="grey levels of the noise")
    parser.add_argument("--steps", type=int, default=PROFILES["quick"].steps)
    given = parser.parse_args()
    stack = open_volume(given.data, voxel_size=(1.0, 1.0, 1.0))
    for levels in (0.0, given.levels):
        simulated = Simulation(3.0, "slab-average", {"gaussian": levels / 255})
        volume, reference = simulate(stack, simulated)
        for name, score, seconds in scores(volume, reference, given.steps):
            sys.stdout.write(f"| noise {levels:g} | {name} | {score:.2f} dB | {seconds:.2f} s |\n")


def scores(volume: Volume, reference: Volume, steps: int) -> Iterator[tuple[str, float, float]]:
    """Yield PSNR and seconds of each fusion."""
    profile = PROFILES["quick"]
    ctx = Context(size=profile.size, budget=Budget(steps=steps), batch=profile.batch, patch=profile.patch)
    method = host().build("method", "plain")
    method.fit(volume, ctx)
    grid, families = AxialGrid(volume.shape[0], volume.ratio), []
    for method.planes in ("xz", "yz"):
        families.append(torch.from_numpy(method.reconstruct(volume, grid, ctx)))
    xz, yz = families
    whole = slice(0, xz.shape[1]), slice(0, xz.shape[2])
    weights = estimated_weights(xz.numpy(), yz.numpy(), np.asarray(volume.data))
    ways = {
        "xz alone": lambda: xz,
        "mean": lambda: (xz + yz) / 2,
        "frequency": lambda: fuse_by_frequency(xz.clone(), yz, whole),
        "frequency, weights of the volume": lambda: fuse_by_frequency(xz.clone(), yz, whole, weights),
    } | {f"burst, p = {p}": lambda p=p: fuse_by_bursts(xz.clone(), yz, whole, p) for p in POWERS}
    for name, way in ways.items():
        start = time.perf_counter()
        fused = way()
        seconds = time.perf_counter() - start
        stored = np.clip(np.rint(fused.numpy() * 255.0), 0, 255)
        error = np.mean((stored - np.asarray(reference.data, float)) ** 2)
        yield name, 10 * math.log10(255**2 / error), seconds


if __name__ == "__main__":
    main()
