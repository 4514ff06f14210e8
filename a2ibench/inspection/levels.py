"""Grey levels of a stack: saturated, of padding, and their noise."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from a2ibench.data.intensity_range import noise_level, probe
from a2ibench.inspection.finding import Finding
from a2ibench.inspection.stack import Stack

SATURATED: Final = 0.01
"""Of the tissue's voxels. Programs that stretch contrast for display saturate 0.35 % of them by default."""

PADDED: Final = 0.25
"""Of all voxels. Less costs training patches nothing; more are better cropped than carried along."""


def saturated_voxels(stack: Stack) -> Finding:
    """Measure the share of the tissue's voxels that have the lowest or the highest grey level that occurs.

    What was darker or brighter has been clipped to it, and no method can tell how much. `SATURATED` is the
    limit.
    """
    values = probe(stack.volume.data).values
    low, high = values.min(), values.max()
    shares = [float(np.mean(values == level)) for level in (low, high)]
    value = math.fsum(shares) if low < high else 0.0
    passed = value <= SATURATED
    return Finding(
        "saturated voxels",
        value,
        "",
        SATURATED,
        passed,
        f"{100 * value:.2g} % of the voxels are saturated: {100 * shares[0]:.2g} % at {low:g}, "
        f"{100 * shares[1]:.2g} % at {high:g}",
        "" if passed else stack.remedies.of_original(),
        {"lowest": float(low), "highest": float(high), "at_lowest": shares[0], "at_highest": shares[1]},
    )


def padding(stack: Stack) -> Finding:
    """Measure the share of the voxels that are padding: constant areas that hold no tissue.

    It is left out of training patches and of the contrast, so that only the time is lost that it takes;
    `PADDED` is the limit.
    """
    found = probe(stack.volume.data).padding
    value = math.fsum(found.values())
    passed = value <= PADDED
    levels = " and ".join(f"{level:g}" for level in found)
    return Finding(
        "padding",
        value,
        "",
        PADDED,
        passed,
        f"{100 * value:.2g} % of the voxels are padding" + (f", of value {levels}" if found else ""),
        "" if passed else stack.remedies.reconstruct("--crop", _middle(stack)),
        {"levels": {f"{level:g}": share for level, share in found.items()}},
    )


def _middle(stack: Stack) -> str:
    """Return the middle half of each lateral axis, as a crop."""
    sides = (f"{n // 4}:{n - n // 4}" for n in stack.volume.shape[1:])
    return ":," + ",".join(sides)


def noise(stack: Stack) -> Finding:
    """Measure the white noise of the slices, as a fraction of the contrast.

    `a2ibench.noise_level`. Below the limit, `a2ibench.protocol.sampling.NOISY`, networks are trained on
    slices as they are; above, they are trained to remove noise, which interpolation keeps.
    """
    from a2ibench.protocol.sampling import NOISY

    volume = stack.volume
    lo, hi = volume.intensity
    sigma = noise_level(volume) * (hi - lo)
    low, high = volume.contrast or volume.intensity
    value = sigma / (high - low)
    passed = value < NOISY
    said = "networks leave it" if passed else "networks are trained to remove it, interpolation keeps it"
    return Finding(
        "noise",
        value,
        "",
        NOISY,
        passed,
        f"white noise has a standard deviation of {sigma:.2g} grey levels, {100 * value:.2g} % of the "
        f"contrast: {said}",
        "" if passed else stack.remedies.reconstruct("--method", "plain"),
        {"grey_levels": sigma, "contrast": [low, high]},
    )
