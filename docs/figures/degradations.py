"""Draw one patch under every registered degradation, and under each effect of em-distortions alone.

Run as ``python docs/figures/degradations.py [--catalogue FILE --dataset NAME] [--output FILE]``.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from a2ibench import A2IBenchError, AxialGrid, Volume, load_catalogue
from a2ibench.data.catalogue import find_dataset
from a2ibench.data.opening import open_dataset
from a2ibench.protocol.resample import interpolation_matrix
from a2ibench.protocol.sampling import training_grid
from a2ibench.registry import host
from a2ibench.reporting.canvas import DPI, FINE, GAP, TITLE, Canvas

PATCH, ACROSS, DRAWS = 96, 4, 8
SIDE, HEADING = 1.6, 0.22

# Far above the defaults, so that each shows.
EFFECTS: list[dict[str, float]] = [
    {"blur": 2},
    {"curtains": 0.08},
    {"charging": 0.7},
    {"drift": 0.06},
    {"jitter": 2},
    {"repeated": 0.3},
    {"missing": 0.3},
    {"poisson": 0.002, "gaussian": 0.03},
]


class Panel(NamedTuple):
    """A titled image."""

    title: str
    image: NDArray[np.float32]


def main() -> None:
    """Write the figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--catalogue", type=Path, help="by default the one that is shipped")
    parser.add_argument("--dataset", default="phantom")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".png"))
    chosen = parser.parse_args()
    try:
        spec = find_dataset(chosen.dataset, load_catalogue(chosen.catalogue))
        volume = open_dataset(spec)
        if spec.simulate:
            volume = replace(volume, voxel_size=(spec.simulate.ratio, 1, 1))
        grid = training_grid(volume, PATCH)
    except A2IBenchError as error:
        parser.error(str(error))
    draw(panels(patch(volume, grid.n_out), grid), spec.name, grid, chosen.output)


def patch(volume: Volume, side: int) -> torch.Tensor:
    """Return the middle of the middle slice as intensities in [0, 1], shape (1, 1, side, side)."""
    z, y, x = volume.shape
    rows, columns = ((slice((n - side) // 2, (n - side) // 2 + side)) for n in (y, x))
    lo, hi = volume.intensity
    plane = np.asarray(volume.data[z // 2][rows, columns], np.float32)
    return torch.from_numpy((plane - lo) / (hi - lo))[None, None]


def panels(image: torch.Tensor, grid: AxialGrid) -> dict[str, list[Panel]]:
    """Return the titled images of each part of the figure."""
    up = torch.from_numpy(interpolation_matrix(grid)).float()

    def degraded(title: str, name: str, **options: float) -> Panel:
        model = host().build("degradation", name, **options)
        made = model(image, grid, torch.Generator().manual_seed(0))
        return Panel(title, (up @ made.image)[0, 0].numpy())

    def alone(effect: dict[str, float], seed: int) -> Panel:
        title = ", ".join(f"{name}={value:g}" for name, value in effect.items())
        model = host().build("degradation", "em-distortions", chance=1, **none | effect)
        made = model(image.expand(DRAWS, -1, -1, -1), grid, torch.Generator().manual_seed(seed)).image
        change = (made - model.matrix(grid, image) @ image).square().sum((1, 2, 3))
        return Panel(title, (up @ made[change.argmax()])[0].numpy())

    names = [name for name in host().degradations if name != "em-distortions"]
    none = {name: 0 for effect in EFFECTS for name in effect}
    return {
        "Every registered degradation, by default": [
            Panel("isotropic", image[0, 0].numpy()),
            *(degraded(name, name) for name in names),
            degraded("em-distortions", "em-distortions"),
            degraded("em-distortions, chance=1", "em-distortions", chance=1),
        ],
        f"Each effect of em-distortions alone, exaggerated: the strongest of {DRAWS} draws": [
            alone(effect, seed) for seed, effect in enumerate(EFFECTS)
        ],
    }


def draw(parts: dict[str, list[Panel]], name: str, grid: AxialGrid, output: Path) -> None:
    """Write the parts below one another."""
    lines = [math.ceil(len(part) / ACROSS) for part in parts.values()]
    step = TITLE + SIDE + GAP
    page = Canvas.of(
        "What the degradations do to a lateral patch",
        f"{name}, {grid.n_out} x {grid.n_out} voxels; degraded downwards to {grid.n_in} slices, "
        f"ratio {grid.ratio:.3g}, and interpolated back",
        ACROSS * (SIDE + GAP) - GAP,
        sum(lines) * step + len(parts) * HEADING,
    )
    isotropic = next(iter(parts.values()))[0].image
    low, high = np.percentile(isotropic, (0.5, 99.5))
    top = 0.0
    for (heading, part), count in zip(parts.items(), lines, strict=True):
        top += HEADING
        page.text(0, top, heading, weight="bold")
        for index, panel in enumerate(part):
            left, upper = index % ACROSS * (SIDE + GAP), top + index // ACROSS * step + TITLE
            page.text(left, upper, panel.title, size=FINE)
            page.axes(left, upper, SIDE, SIDE).imshow(
                panel.image, cmap="gray", vmin=low, vmax=high, interpolation="nearest"
            )
        top += count * step
    output.parent.mkdir(parents=True, exist_ok=True)
    page.figure.savefig(output, dpi=DPI)


if __name__ == "__main__":
    main()
