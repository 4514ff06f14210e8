"""Ask what networks make of noise: it is added to simulated volumes, and the clean reference is kept.

Run as ``python docs/studies/noise.py --data ../shared/data --datasets epfl-ca1-15nm``, where the folder has a
datasets.toml; without ``--data`` the phantom is taken. A network is trained on a volume with one draw of the
noise and applied to volumes with this and another: what the two results differ in is noise that is left. The
last columns are the power of xy planes near the axes over that near the diagonals, in bands of cycles per
voxel, as a share of the reference's.
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
HEADINGS = ("dataset", "noise", "method", "PSNR (dB)", "over cubic", "noise left")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a catalogue, or the folder of a datasets.toml")
    parser.add_argument("--datasets", default="phantom", metavar="A,B")
    parser.add_argument("--methods", default="plain,a2i-3dem", metavar="A,B")
    parser.add_argument("--noise", default="0,6,12,24", metavar="S1,S2", help="grey levels")
    parser.add_argument("--profile", default="quick", choices=PROFILES)
    given = parser.parse_args()
    path = given.data / "datasets.toml" if given.data and given.data.is_dir() else given.data
    catalogue = load_catalogue(path)
    write_row(*HEADINGS, *(f"{low:g} to {high:g}" for low, high in BANDS))
    write_row("---", "---:", "---", *["---:"] * (len(HEADINGS) + len(BANDS) - 3))
    for name in given.datasets.split(","):
        spec = catalogue[name]
        if spec.simulate is None:
            parser.error(f"{name} has no reference; give datasets that are simulated")
        clean, reference = simulate(open_dataset(spec), spec.simulate)
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


def power_ratios(volume: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the mean power of xy planes near the axes over that near the diagonals, by band."""
    size = min(volume.shape[1:])
    window = np.outer(np.hanning(size), np.hanning(size))
    planes = volume[:, :size, :size].astype(np.float64)
    planes -= planes.mean((1, 2), keepdims=True)
    power = (np.abs(np.fft.fft2(planes * window)) ** 2).mean(0)
    v, u = np.meshgrid(*[np.fft.fftfreq(size)] * 2, indexing="ij")
    radius, angle = np.hypot(u, v), np.arctan2(np.abs(v), np.abs(u))
    from_axis = np.minimum(angle, math.pi / 2 - angle)
    ratios = []
    for low, high in BANDS:
        band = (radius >= low) & (radius < high)
        axis, diagonal = band & (from_axis < SECTOR / 2), band & (from_axis > math.pi / 4 - SECTOR / 2)
        ratios.append(power[axis].mean() / power[diagonal].mean())
    return np.array(ratios)


def write_row(*cells: str) -> None:
    """Print a row of the table at once."""
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
