"""Spacing and size of a stack."""

from __future__ import annotations

import math
from typing import Final

from a2ibench.contracts import is_isotropic
from a2ibench.errors import InputError
from a2ibench.inspection.finding import Finding
from a2ibench.inspection.stack import Stack
from a2ibench.protocol.profiles import PROFILES

RATIO: Final = 10.0
"""Axial over lateral spacing. Beyond, most of the output's slices lie further from any acquired one than
membranes and vesicles are thick."""

SLICES: Final = 10
"""Slices: with fewer, border slices, of which only one neighbour is known, are a fifth or more."""

SIDE: Final = 128
"""Pixels: a third more than the side of the largest training patches, so that patches differ."""


def ratio(stack: Stack) -> Finding:
    """Tell the ratio of axial and lateral spacing, which has to lie above 1 and at most at `RATIO`."""
    volume = stack.volume
    z, y, x = volume.voxel_size
    value = 2 * z / (y + x)
    details = {"voxel_size": [z, y, x], "not_in_the_data": _lost(z)}
    try:
        sensible, text = volume.ratio > 0, f"slices are {value:.3g} times as far apart as pixels"
    except InputError as error:
        sensible, text = False, str(error)
    if not sensible:
        return Finding("ratio", value, "", RATIO, False, text, stack.remedies.other_voxel_size(), details)
    if is_isotropic(volume.voxel_size):
        text = "voxels are isotropic already; degraded, they tell how good methods are"
        return Finding("ratio", value, "", RATIO, False, text, stack.remedies.simulated(), details)
    passed = value <= RATIO
    text += f"; {_lost(z)}"
    remedy = "" if passed else stack.remedies.binned(math.ceil(value / RATIO))
    return Finding("ratio", value, "", RATIO, passed, text, remedy, details)


def _lost(axial: float) -> str:
    return f"what is thinner than the {axial:g} nm between slices is not in the data along z, only guessed"


def slices(stack: Stack) -> Finding:
    """Tell the number of slices, which should not fall below `SLICES`."""
    depth = stack.volume.shape[0]
    return _size(stack, "slices", depth, "slices", SLICES, f"the stack has {depth} slices")


def lateral_size(stack: Stack) -> Finding:
    """Tell the shorter lateral side, which should not fall below `SIDE`, and how many patches there are."""
    depth, *sides = stack.volume.shape
    side = PROFILES["quick"].patch
    patches = depth * math.prod(n // side for n in sides)
    text = (
        f"slices have {sides[0]} x {sides[1]} pixels, {patches} separate patches of {side} x {side} "
        "to learn from in all"
    )
    return _size(stack, "lateral size", min(sides), "pixels", SIDE, text, patches=patches)


def _size(stack: Stack, name: str, size: int, unit: str, least: int, text: str, **details: int) -> Finding:
    passed = size >= least
    remedy = "" if passed else stack.remedies.learnt_elsewhere()
    text += "" if passed else f", fewer than {least}"
    return Finding(name, float(size), unit, float(least), passed, text, remedy, details)
