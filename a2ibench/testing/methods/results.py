"""What reconstructions are like, whatever the ratio and the size of the volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from a2ibench.testing.check import CheckFailed, rule
from a2ibench.testing.methods.trial import BASE, FRACTIONAL, Case, Trial
from a2ibench.testing.volumes import levels_apart, scene

INTEGERS = (Case("integer-ratios", 2.0, (10, 40, 40)), Case("integer-ratios", 8.0, (4, 40, 40)))
# 5 slices at 2.5 make 12.5, which Python rounds to 12 and others to 13.
FRACTIONS = (FRACTIONAL, Case("non-integer-ratios", 2.5, (5, 40, 40)))
ODD = (Case("odd-sizes", 3.0, (5, 37, 41)), Case("odd-sizes", 3.0, (3, 43, 31)))
TOLERANCE = 0.5


@rule(
    "Reconstruct returns finite float32 (grid.n_out, y, x)",
    "return a numpy array of float32, shape (grid.n_out, y, x), without NaN: result.astype(np.float32)",
)
def _shape_and_dtype(trial: Trial) -> None:
    returned = trial.attempt(BASE).returned
    if not isinstance(returned, np.ndarray):
        raise CheckFailed(f"reconstruct returned a {type(returned).__name__}, not a numpy array")
    if returned.dtype != np.float32:
        raise CheckFailed(f"reconstruct returned {returned.dtype}, not float32")


@rule(
    "It trains and reconstructs at ratios 2 and 8",
    "take the number of slices from grid.n_out and their places from grid.positions",
)
def _integer_ratios(trial: Trial) -> None:
    for case in INTEGERS:
        trial.attempt(case)


@rule(
    "It trains and reconstructs at ratios 3.33 and 2.5",
    "take the number of slices from grid.n_out and their places from grid.positions; round no ratio",
)
def _non_integer_ratios(trial: Trial) -> None:
    for case in FRACTIONS:
        trial.attempt(case)


@rule(
    "It trains and reconstructs volumes of odd, unequal sizes",
    "pad to what the network needs and crop to grid.n_out, y and x, or say in skip(volume) what it cannot do",
)
def _odd_sizes(trial: Trial) -> None:
    for case in ODD:
        trial.attempt(case)


@rule(
    "Results are intensities in [0, 1] whatever the dtype and the intensity range of the volume",
    "map grey levels with a2ibench.normalise(data, volume), so that volume.intensity becomes 0 and 1",
)
def _intensity_range(trial: Trial) -> None:
    run = trial.need(BASE)
    low, high = np.percentile(run.output, (2, 98))
    if low < -1 or high > 2:
        raise CheckFailed(f"results lie from {low:.3g} to {high:.3g}, not around [0, 1]")
    volume, _ = scene(BASE.ratio, BASE.shape)
    wanted = trial.reconstruct(run.method, volume)
    sixteen = replace(volume, data=volume.data.astype(np.uint16) * 257, intensity=(0.0, 65535.0))
    floating = replace(volume, data=volume.data.astype(np.float32) / 255 * 2 - 3, intensity=(-3.0, -1.0))
    for other in (sixteen, floating):
        apart = levels_apart(trial.reconstruct(run.method, other), wanted)
        if apart > TOLERANCE:
            raise CheckFailed(
                f"the same volume as {other.data.dtype} with intensity range {other.intensity} "
                f"gives a result {apart:.3g} grey levels (of 255) apart"
            )


RULES = (_shape_and_dtype, _integer_ratios, _non_integer_ratios, _odd_sizes, _intensity_range)
