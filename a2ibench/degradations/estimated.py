"""A slice profile that is estimated from the volume: a slab, blurred by a Gaussian."""

from __future__ import annotations

import logging
import math

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, Volume
from a2ibench.degradations.models import SlabAverage, _normalised
from a2ibench.degradations.spectra import Spectra, line_spectra
from a2ibench.settings import Value, setting

log = logging.getLogger("a2ibench")

SLAB = (1.0, 0.0)
"""Width and sigma of the slab average, in input slices."""
WIDEST, MOST_BLUR = 2.5, 1.0
NO_BETTER = 5e-4
"""Where the slab average's misfit is above the least one by no more, it is kept."""
TOO_FAR = 0.15
"""Root mean square of the difference of logarithms above which no profile explains the spectra."""


def slab_and_gaussian(grid: AxialGrid, width: float, sigma: float) -> NDArray[np.float64]:
    """Sample under a slab convolved with a Gaussian, centred on each input slice.

    Parameters
    ----------
    grid : AxialGrid
        Grid whose output axis is sampled.
    width : float
        Thickness of the slab in input slices; it is at least one output voxel, a thin section.
    sigma : float
        Standard deviation of the Gaussian in input slices.

    Returns
    -------
    ndarray, shape (n_in, n_out)
        Rows sum to 1. For a width of 1 and a sigma of 0 it is the slab average.
    """
    thick, blur = max(width * grid.ratio, 1.0), sigma * grid.ratio
    centres = (np.arange(grid.n_in) + 0.5) * grid.ratio
    # A thin section at either end lies within the output.
    if thick <= 1:
        centres = centres.clip(0.5, max(0.5, grid.n_out - 0.5))
    distance = np.arange(grid.n_out + 1)[None, :] - centres[:, None]
    cumulative = (_ramp(distance + thick / 2, blur) - _ramp(distance - thick / 2, blur)) / thick
    return _normalised(np.diff(cumulative, axis=1).clip(0))


def _ramp(x: NDArray[np.float64], sigma: float) -> NDArray[np.float64]:
    # Integral of the Gaussian's cumulative distribution: max(x, 0) with a rounded corner.
    from scipy.special import ndtr

    if sigma < 1e-9:
        return np.maximum(x, 0.0)
    rounded: NDArray[np.float64] = x * ndtr(x / sigma)
    return rounded + sigma / math.sqrt(2 * math.pi) * np.exp(-np.square(x / sigma) / 2)


def estimate_profile(volume: Volume) -> tuple[float, float]:
    """Return width and sigma, in input slices, under which degraded lateral spectra match the axial ones.

    Says in one line why where it returns the slab average because the spectra do not tell.

    Parameters
    ----------
    volume : Volume, shape (z, y, x)
        The anisotropic volume.
    """
    spectra = line_spectra(volume)
    if isinstance(spectra, str):
        return _slab_instead(volume, spectra)
    width, sigma, misfit = _least(spectra, volume.ratio)
    if math.sqrt(misfit) > TOO_FAR:
        return _slab_instead(volume, "no profile makes its lateral spectra those along z")
    return width, sigma


def _least(spectra: Spectra, ratio: float) -> tuple[float, float, float]:
    from scipy.optimize import minimize

    grid = AxialGrid(spectra.n_in, ratio, spectra.n_out)

    def misfit(profile: tuple[float, float]) -> float:
        return spectra.misfit(slab_and_gaussian(grid, *profile))

    slab = misfit(SLAB)
    widths, sigmas = np.linspace(1 / ratio, 2, 11), (0.0, 0.1, 0.2, 0.35, 0.5)
    width, sigma = min(((float(w), s) for w in widths for s in sigmas), key=misfit)
    simplex = [(width, sigma), (width + 0.1, sigma), (width, sigma + 0.05)]
    found = minimize(
        misfit,
        (width, sigma),
        method="Nelder-Mead",
        bounds=((1 / ratio, WIDEST), (0.0, MOST_BLUR)),
        options={"maxfev": 80, "initial_simplex": simplex},
    )
    if slab <= found.fun + NO_BETTER:
        return *SLAB, slab
    return float(found.x[0]), float(found.x[1]), float(found.fun)


def _slab_instead(volume: Volume, why: str) -> tuple[float, float]:
    log.warning(
        "%s: its slice profile cannot be estimated, for %s; the slab average is used", volume.name, why
    )
    return SLAB


class EstimatedPSF(SlabAverage):
    """Sample under the slice profile that the volume itself shows: a slab, blurred by a Gaussian.

    Width and sigma are those under which the lateral spectra, degraded, match the axial ones; ESPRESO
    matches patches to the same end. That takes tissue to be alike in all directions, and
    as sharp along z as across but for the profile. Before a volume is known, it is the slab average.
    """

    width: float = setting(
        -1.0, "thickness of the slab; below 0: estimated from the volume", unit="input slices", low=-1, high=8
    )
    sigma: float = setting(
        -1.0,
        "standard deviation of the Gaussian; below 0: estimated from the volume",
        unit="input slices",
        low=-1,
        high=4,
    )

    def operator(self, grid: AxialGrid) -> NDArray[np.float64]:
        """Return the sampling matrix of the profile."""
        width, sigma = (
            known if known >= 0 else slab for known, slab in zip((self.width, self.sigma), SLAB, strict=True)
        )
        return slab_and_gaussian(grid, width, sigma)

    def estimated(self, volume: Volume) -> dict[str, Value]:
        """Return the settings that are not given, as the volume shows them."""
        if self.width >= 0 and self.sigma >= 0:
            return {}
        width, sigma = estimate_profile(volume)
        found = {"width": round(width, 3), "sigma": round(sigma, 3)}
        return {name: value for name, value in found.items() if getattr(self, name) < 0}
