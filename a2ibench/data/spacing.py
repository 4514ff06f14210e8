"""Spacings as people write them: numbers in nm, or with their units; and those that nobody can mean."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from a2ibench.contracts import decimal_spacing
from a2ibench.errors import InputError, OptionError

VoxelSize = tuple[float, float, float]

FINEST, FINEST_AXIAL = 0.1, 1.0
"""Nanometres. No microscope samples a stack finer, and no knife or beam cuts thinner slices; in micrometres
all lateral spacings of EM, and all slices, are below."""

_LENGTH = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(\D*)")
# From what the finest of three spacings comes to in nm if it is of that unit.
_UNITS = (("um", 5e-4), ("mm", 5e-7), ("m", 0.0))


def voxel_size_of(given: object) -> VoxelSize:
    """Return a voxel size (z, y, x) in nm.

    Parameters
    ----------
    given : str or sequence
        Three numbers, or texts with a unit such as ``"50nm"``; or one text of all three, separated by commas.
        One unit behind the last is that of all. Numbers without unit are nanometres.

    Raises
    ------
    InputError
        If it is anything else, or numbers without unit that cannot be nanometres; begins with what was given.
    """
    found, bare = _lengths(given, 3)
    if bare:
        _check_unit(found, given)
    z, y, x = found
    return z, y, x


def spacing_of(given: object) -> float:
    """Return one spacing in nm, given as a number or as text with or without its unit.

    Raises
    ------
    InputError
        As `voxel_size_of` does.
    """
    found, bare = _lengths(given, 1)
    if bare:
        _check_unit(found, given)
    return found[0]


def check_stored(voxel_size: VoxelSize, name: str) -> None:
    """Accept what the metadata of a file say of its voxel size, unless nobody can mean it.

    Raises
    ------
    InputError
        If it is finer than `FINEST`, or has slices thinner than `FINEST_AXIAL`.
    """
    if (problem := implausible(voxel_size)) is not None:
        raise OptionError(
            "{stack}: its metadata tell a voxel size that in nm is {problem}, as {voxel_size}",
            stack=name,
            problem=problem,
        )


def implausible(spacings: Sequence[float]) -> str | None:
    """Return what is wrong with spacings in nm that nobody can mean, and what to give; None for others.

    Parameters
    ----------
    spacings : sequence of float
        One, or those of a voxel (z, y, x).
    """
    thin = len(spacings) == 3 and FINEST_AXIAL > spacings[0] > 1.01 * min(spacings)
    if min(spacings) >= FINEST and not thin:
        return None
    numbers = [f"{value:.6g}" for value in spacings]
    unit = next(unit for unit, least in _UNITS if min(spacings) >= least)
    meant, really = (",".join(f"{number}{name}" for number in numbers) for name in (unit, "nm"))
    return f"finer than any stack is sampled; if it is in {unit} give {meant}, if in nm give {really}"


def _check_unit(found: Sequence[float], given: object) -> None:
    problem = implausible(found)
    if problem is not None:
        raise InputError(f"got {_shown(given)}, which in nm is {problem}")


def _lengths(given: object, count: int) -> tuple[list[float], bool]:
    """Return lengths in nm, and whether they came without units."""
    parts = given.split(",") if isinstance(given, str) else given
    if count == 1 and isinstance(parts, int | float):
        parts = [parts]
    texts = [str(part).strip() for part in parts] if isinstance(parts, Iterable) else []
    matches = [_LENGTH.fullmatch(text) for text in texts]
    if len(matches) != count or None in matches:
        raise InputError(_wanted(given, count))
    numbers = [float(match[1]) for match in matches if match]
    units = [match[2].strip() for match in matches if match]
    if not all(math.isfinite(number) and number > 0 for number in numbers):
        raise InputError(_wanted(given, count))
    if not any(units[:-1]):
        units = [units[-1]] * count
    if not all(units):
        if any(units):
            raise InputError(
                f"got {_shown(given)}; give a unit for each of the three, or one behind the last for all"
            )
        return numbers, True
    # Every start of the command line reads this module, and formats take time.
    from a2ibench.data.formats.metadata import nanometres

    try:
        factors = [nanometres(unit) for unit in units]
    except KeyError as error:
        raise InputError(
            f"got {_shown(given)}, whose unit {error} is not known; give nm, um, Å, pm or mm"
        ) from None
    return [decimal_spacing(n * factor) for n, factor in zip(numbers, factors, strict=True)], False


def _wanted(given: object, count: int) -> str:
    if count == 1:
        return f"got {_shown(given)}; give a positive number of nm, or with its unit, such as 15nm"
    return (
        f"got {_shown(given)}; give 3 positive numbers (z, y, x) in nm, such as 50,15,15, "
        "or with units, such as 50nm,15nm,15nm"
    )


def _shown(given: object) -> str:
    return repr(given) if isinstance(given, str) else str(given)
