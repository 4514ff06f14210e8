"""Trains the weights that `plain` can start from: docs/methods/plain.md.

``python docs/studies/pretrain.py fib25_medulla_val_dev.tif fib25_medulla_train2_dev.tif --out weights``
trains one network for each ratio, on planes of isotropic volumes along all three axes and at three scales,
and writes ``pretrained.safetensors`` and its card. Ratios that are there already are kept.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from scipy.ndimage import zoom
from torch.nn import functional as F

from a2ibench import (
    AxialGrid,
    Budget,
    Context,
    Degraded,
    PatchSampler,
    Volume,
    build_degradation,
    train_network,
)
from a2ibench.protocol.training import autocast
from a2ibench_plain.method import Plain, PlainNet

RATIOS = (3.0, 4.0, 8.0, 6.0, 2.0)
SCALES = (1.0, 0.7, 0.5)
BATCH, PATCH, RATE = 16, 48, 4e-3
MOST_GAIN, MOST_SHIFT = 0.3, 0.1
DATA = "FIB-25, Drosophila medulla, FIB-SEM at 10 nm; Takemura et al., PNAS 112(44):13711, 2015; CC BY"
WEIGHTS, CARD = "pretrained.safetensors", "pretrained.json"


def main() -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("volumes", type=Path, nargs="+", help="isotropic TIFF volumes, 8 bits")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--parts", type=Path, nargs="*", default=[], help="files that hold parts of them")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--ratios", type=float, nargs="+", default=RATIOS)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    planes = [view for path in given.volumes for view in views(tifffile.imread(path))]
    file = given.out / WEIGHTS
    kept = load_file(file) if file.exists() else {}
    for ratio in given.ratios:
        name = f"{ratio:.4g}"
        if any(key.startswith(f"{name}/") for key in kept):
            continue
        network = trained(planes, ratio, given.steps)
        kept |= {f"{name}/{key}": value.half().contiguous() for key, value in network.state_dict().items()}
        save_file(kept, file)
    card = {
        "data": DATA,
        "steps": given.steps,
        "ratios": sorted({float(key.partition("/")[0]) for key in kept}),
        "volumes": {path.name: digests(path) for path in [*given.volumes, *given.parts]},
    }
    (given.out / CARD).write_text(json.dumps(card, indent=2) + "\n")


def digests(path: Path) -> dict[str, str]:
    """Return the SHA-256 of a file, and of its voxels in C order."""
    voxels = np.ascontiguousarray(tifffile.imread(path))
    return {
        "file": hashlib.sha256(path.read_bytes()).hexdigest(),
        "voxels": hashlib.sha256(voxels.data).hexdigest(),
    }


def views(volume: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """Yield a volume at three scales, its slices along each of its axes."""
    for scale in SCALES:
        scaled = (
            volume
            if scale == 1
            else zoom(volume.astype(np.float32), scale, order=1, grid_mode=True, mode="nearest")
        )
        grey = np.rint(scaled).clip(0, 255).astype(np.uint8)
        for axes in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
            yield np.ascontiguousarray(grey.transpose(axes))


def trained(planes: Sequence[NDArray[np.uint8]], ratio: float, steps: int) -> PlainNet:
    """Return a small network, trained on the slices of volumes at a ratio."""
    torch.manual_seed(0)
    draws, rng = torch.Generator().manual_seed(0), np.random.default_rng(0)
    grid = AxialGrid(round(PATCH / ratio), ratio)
    samplers = [
        PatchSampler(
            Volume(slices, (10 * ratio, 10.0, 10.0), (0.0, 255.0), "planes"),
            build_degradation("slab-average"),
            grid,
            batch=BATCH,
            device="cpu",
            seed=seed,
        )
        for seed, slices in enumerate(planes)
    ]
    method = Plain()
    method._autocast = autocast("bf16", "cpu")
    network = method.build("small").to(memory_format=torch.channels_last).train()

    def drawn(most: float) -> torch.Tensor:
        return torch.empty(BATCH, 1, 1, 1).uniform_(-most, most, generator=draws)

    def loss() -> torch.Tensor:
        with torch.autocast("cpu", enabled=False):
            degraded, target = samplers[rng.integers(len(samplers))].pairs()
            # Stains and microscopes differ in contrast and brightness.
            gain, shift = drawn(MOST_GAIN).exp(), drawn(MOST_SHIFT)
            image, target = (0.5 + gain * (grey - 0.5) + shift for grey in (degraded.image, target))
        return F.l1_loss(method.apply_network(network, Degraded(image)), target)

    def told(phase: str, done: float, total: float, **values: float) -> None:
        sys.stderr.write(
            f"ratio {ratio:.4g}: {done:.0f} of {total:.0f} steps, loss {values.get('loss', 0):.5f}\n"
        )

    optimizer = torch.optim.Adam(network.parameters(), lr=RATE, betas=(0.9, 0.95), fused=True)
    ctx = Context(budget=Budget(steps=steps), batch=BATCH, patch=PATCH, precision="bf16", progress=told)
    train_network(network, optimizer, loss, ctx)
    return network.eval()


if __name__ == "__main__":
    main()
