"""Lengths in nanometres, by the names that the formats' metadata give them."""

from __future__ import annotations

import math
from collections.abc import Iterable

from a2ibench.volumes.stored import VoxelSize

_NANOMETRES = {
    "pm": 1e-3,
    "picometer": 1e-3,
    "å": 0.1,
    "angstrom": 0.1,
    "nm": 1.0,
    "nanometer": 1.0,
    "um": 1e3,
    "µm": 1e3,
    "micron": 1e3,
    "micrometer": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "cm": 1e7,
    "centimeter": 1e7,
    "inch": 2.54e7,
    "m": 1e9,
    "meter": 1e9,
}


def nanometres(unit: object) -> float:
    """Return how many nanometres a unit has.

    Raises
    ------
    KeyError
        If nothing is known by that name.
    """
    # The micro sign has two code points, and so has the ångström; ImageJ escapes the former.
    name = str(unit).strip().replace("\\u00B5", "µ").replace("μ", "µ").replace("\u212b", "å").lower()
    name = name.replace("metre", "meter")
    return _NANOMETRES[name] if name in _NANOMETRES else _NANOMETRES[name.removesuffix("s")]


def usable(spacings: Iterable[float] | None) -> VoxelSize | None:
    """Return three positive finite spacings (z, y, x) as they are, and None for anything else."""
    try:
        z, y, x = (float(value) for value in spacings or ())
    except (TypeError, ValueError, OverflowError):
        return None
    return (z, y, x) if all(math.isfinite(value) and value > 0 for value in (z, y, x)) else None
