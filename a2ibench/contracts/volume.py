"""The volume that everything works on."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from typing import Any

from a2ibench.errors import InputError, printable

_logger = logging.getLogger("a2ibench")


def same_spacing(y: float, x: float) -> bool:
    """Whether lateral spacings are equal enough, to 1 %, for one ratio to hold for both."""
    return math.isclose(y, x, rel_tol=0.01)


def decimal_spacing(length: float, *, within: float = 1e-9) -> float:
    """Return the number of the fewest decimal digits that equals a length to a fraction of `within`.

    What units and ratios leave behind of a length, such as 4.6000000000000005, is 4.6 again.
    """
    for digits in range(1, 17):
        found = float(f"{length:.{digits}g}")
        if math.isclose(found, length, rel_tol=within):
            return found
    return length


def is_isotropic(voxel_size: tuple[float, float, float]) -> bool:
    """Whether spacings (z, y, x) are equal enough, each to `same_spacing`, for voxels to be cubes."""
    z, y, x = voxel_size
    return same_spacing(z, y) and same_spacing(y, x)


def equal_laterally(voxel_size: tuple[float, float, float], name: str) -> tuple[float, float, float]:
    """Return a voxel size (z, y, x) in nm with the mean of the lateral spacings for both; logs if it is new.

    Raises
    ------
    InputError
        If they differ by more than 1 %; asks for the order of the three where another one would do.
    """
    z, y, x = voxel_size
    if y == x:
        return voxel_size
    if not same_spacing(y, x):
        raise InputError(f"{name}: {_unequal(z, y, x)}")
    mean = decimal_spacing((y + x) / 2)
    _logger.info(
        "%s: lateral spacings y %g nm and x %g nm are averaged to %g nm", printable(name), y, x, mean
    )
    return z, mean, mean


def _unequal(z: float, y: float, x: float) -> str:
    differ = f"lateral spacings differ (y {y:g} nm, x {x:g} nm)"
    if same_spacing(z, y):
        return f"{differ}, but z and y do not; is the order z,y,x? Then give {x:g},{y:g},{z:g}"
    if same_spacing(z, x):
        return f"{differ}, but z and x do not; is the order z,y,x? Then give {y:g},{z:g},{x:g}"
    return f"{differ}; resample to equal spacings first"


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """A grey-scale volume with its voxel size and the intensities that map to [0, 1].

    Parameters
    ----------
    data : array-like, shape (z, y, x)
        Voxels of any real dtype; may be lazy (indexable, with ``shape`` and ``dtype``).
    voxel_size : tuple of float
        Spacing in nanometres, (z, y, x).
    intensity : tuple of float
        The values (lo, hi) that map to 0 and 1.
    name : str
        Shown in messages.
    contrast : tuple of float, optional
        The grey levels (lo, hi) that tissue has, within the intensity range: what networks see as 0 and 1.
        A few hot voxels do not move it. None where nobody has looked for it yet.
    padding : tuple of float, optional
        Grey levels of constant areas that hold no tissue. None where nobody has looked for them yet.

    Raises
    ------
    InputError
        If the data are not 3D, or the voxel size, the intensity range or the contrast make no sense.
    """

    data: Any
    voxel_size: tuple[float, float, float]
    intensity: tuple[float, float]
    name: str = "volume"
    contrast: tuple[float, float] | None = None
    padding: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.data.shape) != 3:
            raise InputError(f"{self.name}: shape is {tuple(self.data.shape)}; give a 3D volume (z, y, x)")
        if min(self.data.shape) < 1:
            raise InputError(f"{self.name}: shape {tuple(self.data.shape)} holds no voxel")
        if len(self.voxel_size) != 3 or not all(math.isfinite(v) and v > 0 for v in self.voxel_size):
            raise InputError(
                f"{self.name}: voxel_size is {self.voxel_size}; give 3 positive numbers (z, y, x) in nm"
            )
        for what, levels in (("intensity range", self.intensity), ("contrast", self.contrast)):
            if levels is None:
                continue
            lo, hi = levels
            if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
                raise InputError(f"{self.name}: {what} is ({lo}, {hi}); give two finite numbers, low < high")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        z, y, x = self.data.shape
        return int(z), int(y), int(x)

    @property
    def ratio(self) -> float:
        """Axial over lateral spacing.

        Raises
        ------
        InputError
            If the y and x spacings differ by more than 1 %, or the ratio is below 1.
        """
        z, y, x = self.voxel_size
        if not same_spacing(y, x):
            raise InputError(f"{self.name}: {_unequal(z, y, x)}")
        lateral = (y + x) / 2
        if z < lateral and not same_spacing(z, lateral):
            raise InputError(
                f"{self.name}: axial spacing {z} nm is below lateral {y} nm; the ratio must be at least 1"
            )
        return max(z / lateral, 1.0)

    def __repr__(self) -> str:
        shape, spacing = " x ".join(map(str, self.shape)), ", ".join(f"{v:g}" for v in self.voxel_size)
        levels = ", ".join(f"{level:g}" for level in self.intensity)
        dtype = getattr(self.data, "dtype", "")
        name = printable(self.name)
        return f"<Volume {name} {shape} {dtype}, voxel size ({spacing}) nm, intensity ({levels})>"

    def _repr_html_(self) -> str | None:
        from a2ibench.contracts.notebook import html_or_none, volume_html

        return html_or_none(lambda: volume_html(self))

    def crop(self, z: slice, y: slice, x: slice) -> Volume:
        """Return the sub-volume, with the same intensity range, contrast and padding."""
        return replace(self, data=self.data[z, y, x])
