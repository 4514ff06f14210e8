"""Ask how certain a mean over a volume is beside what its xz and yz slices say one by one.

Run as ``python docs/studies/plane_families.py --data ../shared/data``, where the folder has a datasets.toml.
Squared errors are averaged along z over 6 x 6 tiles of (y, x). Tiles of one row have something in common, and
so have those of one column; the variance of the mean is then that of the rows' means plus that of the
columns' means less that of the tiles (Cameron, Gelbach and Miller, 2011). A family of slices sees the first
or the second only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from a2ibench import load_catalogue
from a2ibench.contracts import AxialGrid, DatasetSpec
from a2ibench.data.opening import open_dataset
from a2ibench.protocol.resample import interpolate
from a2ibench.protocol.simulate import simulate

TILES, LEAST = 6, 100
Floats = NDArray[np.float64]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="a catalogue, or the folder of a datasets.toml"
    )
    path = parser.parse_args().data
    catalogue = load_catalogue(path / "datasets.toml" if path.is_dir() else path)
    lines = ["| dataset | difference | xz | yz | tiles | both / the wider |", "|---|---|" + "---:|" * 4]
    for spec in catalogue.values():
        if spec.simulate is not None:
            lines += table(spec)
    sys.stdout.write("\n".join(lines) + "\n")


def table(spec: DatasetSpec) -> Iterator[str]:
    """Yield a line for each of some differences between simple reconstructions of a volume."""
    volume, reference = simulate(open_dataset(spec), spec.simulate)
    if min(reference.shape[1:]) < LEAST:
        return
    grid = AxialGrid(volume.shape[0], volume.ratio)
    cubic = interpolate(volume.data, grid)
    blurred = gaussian_filter1d(gaussian_filter1d(cubic, 0.6, axis=1), 0.6, axis=2)
    errors = {
        name: tiles(((np.clip(np.rint(each), 0, 255) - reference.data) ** 2).mean(axis=0))
        for name, each in (
            ("cubic", cubic),
            ("sharper", interpolate(volume.data, grid, -0.75)),
            ("blurred", blurred),
        )
    }
    for name in ("sharper", "blurred"):
        yield line(f"{spec.name} | {name} less cubic", errors[name] - errors["cubic"])


def tiles(errors: Floats) -> Floats:
    """Return the means over tiles that share a plane out between them."""
    parts = [part for rows in np.array_split(errors, TILES) for part in np.array_split(rows, TILES, axis=1)]
    return np.array([part.mean() for part in parts]).reshape(TILES, TILES)


def line(name: str, values: Floats) -> str:
    """Return the variances of the mean that each view gives, as shares of the wider family's."""
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    rest = values - rows[:, None] - columns + values.mean()
    views = [
        rows.var(ddof=1) / TILES,
        columns.var(ddof=1) / TILES,
        (rest**2).sum() / (TILES - 1) ** 2 / TILES**2,
    ]
    wider = max(views[:2])
    numbers = [f"{view / wider:.2f}" for view in (*views, views[0] + views[1] - views[2])]
    return f"| {name} | " + " | ".join(numbers) + " |"


if __name__ == "__main__":
    main()
