"""What scores without a reference tell where the assumed degradation is not the true one.

``python docs/studies/wrong_degradation.py`` makes the input of fib25-val (z >= 160) by four degradations.
plain is trained on each as if the slices averaged over their spacing, once with and once without the noise
that is estimated; every score assumes the slab average, as for a stack whose degradation nobody knows. Prints
the table of docs/validation.md. Axial power is that of the reconstruction over the reference's, in the octave
below the finest.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench import Budget, Context, Method, ScoreContext, Simulation, Volume
from a2ibench.data.catalogue import load_catalogue
from a2ibench.data.intensity_range import levelled
from a2ibench.data.opening import open_dataset
from a2ibench.metrics.axial_power import axial_power
from a2ibench.metrics.psnr import psnr
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.protocol.profiles import PROFILES
from a2ibench.protocol.simulate import simulate
from a2ibench.registry import host
from a2ibench.validation.held_out import restore_held_out, split
from a2ibench.validation.reduced import restore_reduced
from a2ibench.validation.scores import Consistency

CATALOGUE = Path(__file__).parents[2] / "reports" / "reference" / "volumes.toml"
TRUE = {
    "slab average, as assumed": Simulation(4.0),
    "Gaussian, 1.5 slices wide": Simulation(4.0, "gaussian", {"fwhm": 1.5}),
    "thin sections": Simulation(4.0, "subsample"),
    "slab average and noise of 12 grey levels": Simulation(4.0, "slab-average", {"gaussian": 12 / 255}),
}
PROFILE = PROFILES["quick"]
CONTEXT = Context(size=PROFILE.size, budget=Budget(steps=200), batch=PROFILE.batch, patch=PROFILE.patch)


def power(volume: NDArray[Any]) -> float:
    """Return axial over lateral power in the octave of wavelengths of four to eight voxels."""
    found = axial_power(volume, (10.0,) * 3)
    return float(found.ratio[np.argmin(np.abs(found.frequency - 1 / (10 * np.sqrt(32))))])


def scores(method: str, volume: Volume, reference: Volume, **settings: str) -> dict[str, float]:
    """Return what a method scores on a volume, with and without the reference."""

    def build() -> Method:
        made: Method = host().build("method", method, **settings)
        return made

    divided = split(volume)
    fitted = build()
    fitted.fit(divided.training, CONTEXT)
    apart = np.zeros(reference.shape, np.float32)
    output = quantise(reconstruct_volume(fitted, volume, CONTEXT, apart=apart), volume)
    held = restore_held_out(fitted, divided, None, CONTEXT)
    pair = restore_reduced(build, volume, None, CONTEXT)
    known = ScoreContext(output, None, 255.0, (10.0,) * 3, volume, volume.ratio)
    return {
        "true": psnr(output, reference.data, 255.0),
        "in-plane": psnr(held.prediction, held.reference, 255.0) if held else np.nan,
        "reduced": psnr(pair.prediction, pair.reference, 255.0),
        "consistency": Consistency().score(known),
        "disagreement": 255 * float(apart.mean()),
        "axial power": power(output) / power(reference.data),
    }


def main() -> None:
    """Print a row for each degradation and each way to train: gains above cubic, and what else is told."""
    spec = load_catalogue(Path(sys.argv[1]) if len(sys.argv) > 1 else CATALOGUE)["fib25-val"]
    stored = open_dataset(replace(spec, crop=((160, 288), (0, 128), (0, 128))))
    columns = (
        "true gain",
        "in-plane gain",
        "reduced gain",
        "consistency",
        "disagreement",
        "axial power",
    )
    sys.stdout.write(f"| truth | noise | {' | '.join(columns)} |\n| --- | --- |{' ---: |' * len(columns)}\n")
    for name, simulation in TRUE.items():
        made, reference = simulate(stored, simulation)
        volume = levelled(replace(made, contrast=None, padding=None))
        cubic = scores("cubic", volume, reference)
        for noise in ("estimated", "none"):
            plain = scores("plain", volume, reference, noise=noise)
            gains = [f"{plain[key] - cubic[key]:+.2f}" for key in ("true", "in-plane", "reduced")]
            rest = (plain[key] for key in ("consistency", "disagreement", "axial power"))
            cells = [*gains, *(f"{value:.2f}" for value in rest)]
            sys.stdout.write(f"| {name} | {noise} | {' | '.join(cells)} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
