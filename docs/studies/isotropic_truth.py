"""What unet3d loses by training blocks of which one axis is blurred, for only another is degraded on purpose.

``python docs/studies/isotropic_truth.py --catalogue reports/reference/volumes.toml --dataset epfl-ca1-15nm``
trains it on blocks of the given volume, and on blocks of the isotropic reference, which no user has. Needs
a2ibench-zoo.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch

from a2ibench import Budget, Context, Method, load_catalogue
from a2ibench.data.catalogue import find_dataset
from a2ibench.data.opening import open_dataset
from a2ibench.protocol.block_sampling import BlockSampler
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.profiles import PROFILES, training_settings
from a2ibench.protocol.simulate import simulate
from a2ibench.registry import host
from a2ibench_unet3d import method as unet3d


def main() -> None:
    """Print the PSNR of both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--catalogue", type=Path, help="by default the one that is shipped")
    parser.add_argument("--dataset", default="phantom", help="with a reference")
    parser.add_argument("--steps", type=int, default=PROFILES["quick"].steps)
    chosen = parser.parse_args()
    spec = find_dataset(chosen.dataset, load_catalogue(chosen.catalogue))
    if spec.simulate is None:
        parser.error(f"{spec.name}: has no reference; choose a dataset with a simulate table")
    volume, reference = simulate(open_dataset(spec), spec.simulate)
    quick = PROFILES["quick"]
    ctx = Context(size=quick.size, budget=Budget(steps=chosen.steps), batch=quick.batch, patch=quick.patch)

    class OfReference(BlockSampler):
        """Draws blocks that are sharp along all axes."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            depth = round(self._slices * self.grid.ratio)
            self._data = torch.from_numpy(np.asarray(reference.data))
            self._slices, self._read, self._across = depth, torch.arange(depth), torch.eye(depth)

    lo, hi = volume.intensity
    settings = training_settings("unet3d", "matched", spec.simulate)
    for name, sampler in (("the volume", BlockSampler), ("the reference", OfReference)):
        method: Method = host().build("method", "unet3d", **settings)
        with mock.patch.object(unet3d, "BlockSampler", sampler):
            method.fit(volume, ctx)
        restored = lo + (hi - lo) * reconstruct_volume(method, volume, ctx).astype(np.float64)
        error = np.square(restored - np.asarray(reference.data)).mean()
        psnr = 10 * math.log10((hi - lo) ** 2 / error)
        sys.stdout.write(f"unet3d trained on blocks of {name}: {psnr:.2f} dB\n")


if __name__ == "__main__":
    main()
