"""Whether reconstructions lie where the volume lies."""

from __future__ import annotations

import math
from dataclasses import replace

from a2ibench.testing.check import CheckFailed, CheckSkipped, rule
from a2ibench.testing.methods.trial import BASE, FRACTIONAL, LONGER, Run, Trial
from a2ibench.testing.volumes import best_orientation, correlation, shift_along

ASSERTED = "as it is"
FAINT = 0.5
"""Correlation with the truth below which a result shows nothing that could be located."""
TOLERANCE = 0.2
"""Output voxels. Half a voxel, the common mistake, is far outside, and what chance does far inside."""


@rule(
    "Results show the volume in its own orientation",
    "keep the axes (z, y, x) and their directions; undo every transposition and flip of slices",
)
def _axis_order(trial: Trial) -> None:
    run = trial.picture(BASE)
    best, score = best_orientation(run.output, run.truth)
    if score < FAINT:
        raise CheckFailed(
            f"after {run.case.steps} steps the result is unlike the volume in every orientation: "
            f"correlation {score:.2f}"
        )
    if best != ASSERTED:
        raise CheckFailed(f"the result is the volume {best}: correlation {score:.2f}")


@rule(
    "Results are neither shifted nor stretched along any axis",
    "put output slice k at input position grid.positions[k] (half-pixel centres), as interpolate does",
)
def _geometry(trial: Trial) -> None:
    for case in (BASE, FRACTIONAL):
        run = trial.picture(case)
        if correlation(run.output, run.truth) < FAINT:
            raise CheckSkipped("the result is unlike the volume, see axis-order")
        found = _displaced(run)
        if found and run.case.steps < LONGER and trial.learns(run):
            # A network that is not yet trained shifts by chance; what a longer training leaves is a mistake.
            found = _displaced(trial.need(replace(case, steps=LONGER)))
        if found:
            raise CheckFailed(f"at ratio {case.ratio:.4g} the result lies {found}")


def _displaced(run: Run) -> str:
    # The ends of the volume repeat slices, which would look like a shift.
    end = math.ceil(1.5 * run.case.ratio)
    n_z, n_y, n_x = run.output.shape
    middle = n_z // 2
    lateral = (slice(2, n_y - 2), slice(2, n_x - 2))
    lower, upper = (slice(end, middle), *lateral), (slice(middle, n_z - end), *lateral)
    whole = (slice(end, n_z - end), *lateral)
    # Slices spread from end to end are right in the middle: each half for itself tells that.
    places = [
        (0, lower, "z in the lower half"),
        (0, upper, "z in the upper half"),
        (1, whole, "y"),
        (2, whole, "x"),
    ]
    for axis, part, where in places:
        found = shift_along(axis, run.output, run.truth, part)
        if abs(found) > TOLERANCE:
            return f"{found:+.2f} output voxels off along {where}"
    return ""


RULES = (_axis_order, _geometry)
