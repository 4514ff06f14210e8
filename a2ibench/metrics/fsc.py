"""Fourier shell correlation of a reconstruction with its reference, along the axis and across it.

Shells and wedges are those of `a2ibench.metrics.fourier`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import Curve, ScoreContext
from a2ibench.metrics.fourier import VoxelSize, shells, spectrum, wedge_sums
from a2ibench.metrics.planes import check, once_a_context

Wedge = Literal["axial", "lateral"]
WEDGES: tuple[Wedge, ...] = ("axial", "lateral")

SIDE = 320
"""Voxels of the central part that is transformed, at most, along each axis."""


@dataclass(frozen=True, eq=False)
class DirectionalFSC:
    """Fourier shell correlation by direction.

    Parameters
    ----------
    frequency : ndarray, shape (n,)
        Centres of the shells, cycles/nm; empty where the volume is too small.
    axial, lateral : ndarray, shape (n,)
        Correlation in the axial and in the lateral wedge, from -1 to 1; NaN where one of the volumes has
        no power in a shell.
    voxel_size : tuple of float
        Spacing of the volumes in nm, (z, y, x).
    """

    frequency: NDArray[np.float64]
    axial: NDArray[np.float64]
    lateral: NDArray[np.float64]
    voxel_size: VoxelSize

    def resolution(self, wedge: Wedge, threshold: float) -> float:
        """Return the wavelength at which a curve first falls below a threshold.

        Parameters
        ----------
        wedge : {"axial", "lateral"}
            Which curve.
        threshold : float
            Correlation.

        Returns
        -------
        float
            In nm, interpolated linearly in frequency between shells. A curve that begins below the threshold
            gives the wavelength of the first shell, one that stays above it the shortest that the voxels can
            hold, two of them. NaN where the curve is not known so far.
        """
        found = crossing(self.frequency, self.axial if wedge == "axial" else self.lateral, threshold)
        return 1 / found if found < math.inf else 2 * max(self.voxel_size) if found == math.inf else math.nan


def crossing(frequency: NDArray[np.float64], curve: NDArray[np.float64], threshold: float) -> float:
    """Return the frequency at which a curve first falls below a threshold, interpolated between shells.

    Parameters
    ----------
    frequency, curve : ndarray, shape (n,)
        Centres of the shells, and the correlation in each.
    threshold : float
        Correlation.

    Returns
    -------
    float
        The first shell where the curve begins below, infinity where it stays above, NaN where it is not known
        so far.
    """
    if not curve.size:
        return math.nan
    below = np.flatnonzero(~(curve >= threshold))
    if not below.size:
        return math.inf
    end = below[0]
    if math.isnan(curve[end]):
        return math.nan
    if end == 0:
        return float(frequency[0])
    (f0, f1), (c0, c1) = frequency[end - 1 : end + 1], curve[end - 1 : end + 1]
    return float(f0 + (f1 - f0) * (c0 - threshold) / (c0 - c1))


def directional_fsc(
    prediction: NDArray[Any], reference: NDArray[Any] | None, voxel_size: VoxelSize
) -> DirectionalFSC:
    """Return the Fourier shell correlation of two volumes in the axial and in the lateral wedge.

    With the transforms ``P`` and ``R`` it is, over the frequencies of a shell within a wedge,
    ``Re sum(P conj(R)) / sqrt(sum(|P|**2) sum(|R|**2))`` [1]_, wedges of directions as in [2]_. Curves are
    not smoothed.

    Parameters
    ----------
    prediction, reference : ndarray, shape (z, y, x)
        Volumes of one shape, of any real dtype; of larger ones the central 320 voxels of each side count.
    voxel_size : tuple of float
        Spacing in nm, (z, y, x).

    Returns
    -------
    DirectionalFSC
        Without shells where a side has fewer than 16 voxels.

    Raises
    ------
    InputError
        If the volumes cannot be compared, or the voxel size is not three positive numbers.

    References
    ----------
    .. [1] van Heel and Schatz, Journal of Structural Biology 151:250-262, 2005.
    .. [2] Koho et al., Nature Communications 10:3103, 2019.
    """
    # A correlation does not depend on the data range.
    reference = check(prediction, reference, data_range=1.0)
    z, y, x = (min(n, SIDE) for n in prediction.shape)
    frequency = shells((z, y, x), voxel_size)
    if not frequency.size:
        return DirectionalFSC(frequency, frequency, frequency, voxel_size)
    first, second = spectrum(prediction, SIDE), spectrum(reference, SIDE)

    def products(index: tuple[Any, ...]) -> tuple[NDArray[np.float32], ...]:
        p, r = first[index], second[index]
        return (p * r.conj()).real, _power(p), _power(r)

    common, of_first, of_second = wedge_sums((z, y, x), voxel_size, products)
    with np.errstate(invalid="ignore"):
        axial, lateral = common / np.sqrt(of_first * of_second)
    return DirectionalFSC(frequency, axial, lateral, voxel_size)


def _power(transform: NDArray[np.complex64]) -> NDArray[np.float32]:
    return np.asarray(transform.real**2 + transform.imag**2)


@once_a_context
def _curves(context: ScoreContext) -> DirectionalFSC:
    return directional_fsc(context.prediction, context.reference, context.voxel_size)


class FSCAxial:
    """Wavelength at which the axial Fourier shell correlation falls below 1/2, in nm."""

    name = "fsc_axial"
    version = 1
    higher_is_better = False
    needs_reference = True
    wedge: Wedge = "axial"
    threshold = 1 / 2

    def score(self, context: ScoreContext) -> float:
        """Return `DirectionalFSC.resolution`."""
        return _curves(context).resolution(self.wedge, self.threshold)

    def curves(self, context: ScoreContext) -> dict[str, Curve]:
        """Return the correlation in both wedges, as each is judged beside the other, by cycles/nm."""
        found = _curves(context)
        return {wedge: Curve(found.frequency, getattr(found, wedge)) for wedge in WEDGES}


class FSCLateral(FSCAxial):
    """Wavelength at which the lateral Fourier shell correlation falls below 1/2, in nm."""

    name = "fsc_lateral"
    wedge = "lateral"


class FSCAxial143(FSCAxial):
    """Wavelength at which the axial Fourier shell correlation falls below 1/7, in nm."""

    name = "fsc_axial_143"
    threshold = 1 / 7


class FSCLateral143(FSCLateral):
    """Wavelength at which the lateral Fourier shell correlation falls below 1/7, in nm."""

    name = "fsc_lateral_143"
    threshold = 1 / 7
