"""What a slice profile that is estimated from the volume is worth where the slab average is not the true one.

``python docs/studies/estimated_profile.py`` makes the input of epfl-ca1-15nm by three degradations. plain is
trained on each with the slab average, with the profile that is estimated, and with the true degradation,
400 steps of the quick profile, once. Prints the table of docs/degradations.md.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from a2ibench import Budget, Context, Simulation
from a2ibench.data.catalogue import load_catalogue
from a2ibench.data.intensity_range import levelled
from a2ibench.data.opening import open_dataset
from a2ibench.metrics.psnr import psnr
from a2ibench.protocol.blocks import reconstruct_volume
from a2ibench.protocol.intensity import quantise
from a2ibench.protocol.profiles import PROFILES, described_degradation
from a2ibench.protocol.simulate import simulate
from a2ibench.registry import host

CATALOGUE = Path(__file__).parents[2] / "reports" / "reference" / "volumes.toml"
TRUE = {
    "slab average": Simulation(3.0),
    "Gaussian, 1.5 slices wide": Simulation(3.0, "gaussian", {"fwhm": 1.5}),
    "thin sections": Simulation(3.0, "subsample"),
}
PROFILE = PROFILES["quick"]
BUDGET = Budget(steps=PROFILE.steps)
CONTEXT = Context(size=PROFILE.size, budget=BUDGET, batch=PROFILE.batch, patch=PROFILE.patch)


def main() -> None:
    """Print a row for each true degradation."""
    spec = load_catalogue(Path(sys.argv[1]) if len(sys.argv) > 1 else CATALOGUE)["epfl-ca1-15nm"]
    stored = open_dataset(spec)
    sys.stdout.write("| truth | slab average | estimated | true | width | sigma |\n")
    sys.stdout.write(f"| --- |{' ---: |' * 5}\n")
    for name, simulation in TRUE.items():
        made, reference = simulate(stored, simulation)
        volume = levelled(replace(made, contrast=None, padding=None))
        cells, found = dict[str, str](), {}
        for trained in ("slab-average", "estimated-psf", described_degradation(simulation)):
            if trained in cells:
                continue
            method = host().build("method", "plain", degradation=trained)
            method.fit(volume, CONTEXT)
            output = quantise(reconstruct_volume(method, volume, CONTEXT), volume)
            cells[trained] = f"{psnr(output, reference.data, 255.0):.2f}"
            if trained == "estimated-psf":
                found = method.configuration()
        numbers = [cells[key] for key in ("slab-average", "estimated-psf", described_degradation(simulation))]
        profile = [str(found[f"degradation.{key}"]) for key in ("width", "sigma")]
        sys.stdout.write(f"| {' | '.join([name, *numbers, *profile])} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
