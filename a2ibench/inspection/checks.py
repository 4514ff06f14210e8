"""All checks of a stack."""

from __future__ import annotations

from a2ibench.contracts import Volume
from a2ibench.data.intensity_range import levelled
from a2ibench.inspection import levels, size
from a2ibench.inspection.finding import Finding
from a2ibench.inspection.remedies import Remedies
from a2ibench.inspection.shifts import slice_shifts
from a2ibench.inspection.slices import (
    blank_slices,
    brightness_flicker,
    contrast_flicker,
    missing_slices,
    profile,
    repeated_slices,
)
from a2ibench.inspection.stack import Stack


def check_stack(volume: Volume, source: str | None = None) -> tuple[Finding, ...]:
    """Check a stack for what spoils its reconstruction.

    At most 512 slices are looked at, 64 pairs of them for shifts, and at most 16 tiles of 256 x 256 voxels of
    each, evenly spaced, so that a stack of any size takes seconds on one core.

    Parameters
    ----------
    volume : Volume, shape (z, y, x)
        Of any voxel size. Data may be lazy: boxes of three slices are read.
    source : str, optional
        Path or address of the stack, as remedies name it; by default the volume's name with ``.tif``.

    Returns
    -------
    tuple of Finding
        Of every check, those that passed, too.

    Raises
    ------
    InputError
        If voxels cannot be read.
    """
    volume = levelled(volume)
    stack = Stack(volume, Remedies(source or f"{volume.name}.tif", volume.voxel_size))
    seen = profile(stack)
    return (
        slice_shifts(stack),
        brightness_flicker(stack, seen),
        contrast_flicker(stack, seen),
        blank_slices(stack, seen),
        repeated_slices(stack, seen),
        missing_slices(stack, seen),
        levels.saturated_voxels(stack),
        levels.padding(stack),
        levels.noise(stack),
        size.ratio(stack),
        size.slices(stack),
        size.lateral_size(stack),
    )
