"""Ask what networks make of noise: it is added to simulated volumes, and the clean reference is kept.

Run as ``python docs/studies/noise.py --data ../shared/data --datasets epfl-ca1-15nm``, where the folder has a
datasets.toml; without ``--data`` the phantom is taken. A network is trained on a volume with one draw of the
noise and applied to volumes with this and another: what the two results differ in is noise that is left. The
last columns are the power of xy planes near the axes over that near the diagonals, in bands of cycles per
voxel, as a share of the reference's.

With ``--references`` nothing is trained, and the table says what those ratios are worth: how much of a
reference's power neighbouring planes have in common, which its own white noise is no part of; the ratio of
all and of this power; and the ratios of cubes of 64 voxels drawn from the reference.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio

from a2ibench import Budget, Context, Volume, load_catalogue
from a2ibench.bench.run import CUBIC
from a2ibench.data.opening import open_dataset
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.profiles import PROFILES, Profile, seed_everything, training_settings
from a2ibench.protocol.simulate import simulate
from a2ibench.registry import host

BANDS = ((0.1, 0.2), (0.2, 0.3), (0.3, 0.45))
SECTOR = math.radians(22.5)
SIDE, CUBES = 64, 100
HEADINGS = ("dataset", "noise", "method", "PSNR (dB)", "over cubic", "noise left")

REFERENCE_HEADINGS = (
    "dataset",
    "band",
    "in common",
    "ratio",
    "ratio in common",
    f"of {CUBES} cubes",
    "from",
    "to",
)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a catalogue, or the folder of a datasets.toml")
    parser.add_argument("--datasets", default="phantom", metavar="A,B")
    parser.add_argument("--methods", default="plain,a2i-3dem", metavar="A,B")
    parser.add_argument("--noise", default="0,6,12,24", metavar="S1,S2", help="grey levels")
    parser.add_argument("--profile", default="quick", choices=PROFILES)
    parser.add_argument("--references", action="store_true", help="what the ratios of references are worth")
    given = parser.parse_args()
    path = given.data / "datasets.toml" if given.data and given.data.is_dir() else given.data
    catalogue = load_catalogue(path)
    if given.references:
        write_row(*REFERENCE_HEADINGS)
        write_row("---", "---", *["---:"] * (len(REFERENCE_HEADINGS) - 2))
    else:
        write_row(*HEADINGS, *(f"{low:g} to {high:g}" for low, high in BANDS))
        write_row("---", "---:", "---", *["---:"] * (len(HEADINGS) + len(BANDS) - 3))
    for name in given.datasets.split(","):
        spec = catalogue[name]
        if spec.simulate is None:
            parser.error(f"{name} has no reference; give datasets that are simulated")
        clean, reference = simulate(open_dataset(spec), spec.simulate)
        if given.references:
            for cells in reference_rows(reference.data):
                write_row(name, *cells)
            continue
        for sigma in map(float, given.noise.split(",")):
            pair = [noisy(clean, sigma, draw) for draw in range(2)]
            for cells in rows(pair, reference, sigma, given.methods.split(","), PROFILES[given.profile]):
                write_row(name, f"{sigma:g}", *cells)


def noisy(volume: Volume, sigma: float, draw: int) -> Volume:
    """Return a volume with white noise, in grey levels of 8 bits."""
    noise = np.random.default_rng(draw).normal(0, sigma, volume.shape)
    return replace(volume, data=np.clip(np.rint(volume.data + noise), 0, 255).astype(np.uint8))


def rows(
    pair: Sequence[Volume], reference: Volume, sigma: float, methods: Sequence[str], profile: Profile
) -> Iterator[list[str]]:
    """Yield what the table says of each method, cubic first."""
    difference = np.std(pair[0].data.astype(np.float64) - pair[1].data)
    truth = power_ratios(reference.data)
    base = math.nan
    for name in (CUBIC, *methods):
        results = [255 * result for result in reconstructed(pair if sigma else pair[:1], name, profile)]
        psnr: float = peak_signal_noise_ratio(  # type: ignore[no-untyped-call]
            reference.data, quantised(results[0]), data_range=255
        )
        base = psnr if name == CUBIC else base
        left = f"{np.std(results[0] - results[1]) / difference:.2f}" if sigma else "-"
        ratios = power_ratios(results[0]) / truth
        yield [name, f"{psnr:.2f}", f"{psnr - base:+.2f}", left, *(f"{ratio:.2f}" for ratio in ratios)]


def reconstructed(volumes: Sequence[Volume], name: str, profile: Profile) -> list[NDArray[np.float32]]:
    """Train a method on the first volume, and reconstruct all."""
    ctx = Context(
        size=profile.size, budget=Budget(steps=profile.steps), batch=profile.batch, patch=profile.patch
    )
    method = host().build("method", name, **training_settings(name, "matched"))
    seed_everything(0)
    method.fit(volumes[0], ctx)
    return [reconstruct_volume(method, volume, ctx) for volume in volumes]


def quantised(result: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return grey levels as they are stored."""
    return np.clip(np.rint(result), 0, 255).astype(np.uint8)


def reference_rows(volume: NDArray[np.generic]) -> Iterator[list[str]]:
    """Yield what the table of references says of each band."""
    own, common = sector_powers(volume), sector_powers(volume, apart=1)
    cubes = np.array([power_ratios(cube) for cube in drawn_cubes(volume)])
    for band, (low, high) in enumerate(BANDS):
        share = common[band].sum() / own[band].sum()
        ratio, in_common = (powers[band, 0] / powers[band, 1] for powers in (own, common))
        spread = cubes[:, band]
        yield [
            f"{low:g} to {high:g}",
            f"{share:.2f}",
            f"{ratio:.2f}",
            f"{in_common:.2f}",
            f"{spread.mean():.2f} ± {spread.std(ddof=1):.2f}",
            f"{spread.min():.2f}",
            f"{spread.max():.2f}",
        ]


def drawn_cubes(volume: NDArray[np.generic]) -> Iterator[NDArray[np.generic]]:
    """Yield parts of a volume of at most `SIDE` voxels a side, anywhere."""
    draw = np.random.default_rng(0)
    sides = np.minimum(SIDE, volume.shape)
    for _ in range(CUBES):
        start = draw.integers(0, np.array(volume.shape) - sides + 1)
        yield volume[tuple(slice(a, a + n) for a, n in zip(start, sides, strict=True))]


def power_ratios(volume: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the mean power of xy planes near the axes over that near the diagonals, by band."""
    powers = sector_powers(volume)
    return powers[:, 0] / powers[:, 1]


def sector_powers(volume: NDArray[np.generic], apart: int = 0) -> NDArray[np.float64]:
    """Return the mean power of xy planes near the axes and near the diagonals, by band.

    Or the mean of what planes so many `apart` have in common, the real part of their cross-spectrum.
    """
    size = min(volume.shape[1:])
    window = np.outer(np.hanning(size), np.hanning(size))
    planes = volume[:, :size, :size].astype(np.float64)
    planes -= planes.mean((1, 2), keepdims=True)
    waves = np.fft.fft2(planes * window)
    power = (waves[apart:] * waves[: len(waves) - apart].conj()).real.mean(0)
    v, u = np.meshgrid(*[np.fft.fftfreq(size)] * 2, indexing="ij")
    radius, angle = np.hypot(u, v), np.arctan2(np.abs(v), np.abs(u))
    from_axis = np.minimum(angle, math.pi / 2 - angle)
    near = from_axis < SECTOR / 2, from_axis > math.pi / 4 - SECTOR / 2
    bands = [(radius >= low) & (radius < high) for low, high in BANDS]
    return np.array([[power[band & sector].mean() for sector in near] for band in bands])


def write_row(*cells: str) -> None:
    """Print a row of the table at once."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
