"""SSIM in its common definitions, and the terms it is a product of (Wang et al., 2004)."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

Floats = NDArray[np.float64]

_gauss = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
TAPS = {"Gaussian": _gauss / _gauss.sum(), "uniform": np.full(7, 1 / 7)}
"""The windows: 11 taps of sigma 1.5, or 7 equal ones."""

FAMILIES = {"xz+yz": ((0, 2), (0, 1)), "xy": ((1, 2),), "3D": ((0, 1, 2),)}
"""The axes of (z, y, x) that the window extends along, for each family of planes."""

RANGES = {"0": 0.0, "1": 1.0, "max-min": None, "255": 255.0, "510": 510.0}
"""Data range in grey levels: 0 is K1 = K2 = 0, None is that of the reference.

1 is what results from a range of 1 given with grey levels, 510 from a range of 2 (what older versions of
scikit-image assumed for floats) with intensities in [0, 1].
"""


class Definition(NamedTuple):
    """One way to compute SSIM."""

    window: str
    planes: str
    range: str


PINNED = Definition("Gaussian", "xz+yz", "255")
"""That of the benchmark."""

DEFINITIONS = [
    Definition(window, planes, given) for window in TAPS for planes in FAMILIES for given in RANGES
]


class Moments(NamedTuple):
    """Local means, variances and covariance of a prediction p and a reference r, within every window."""

    p_mean: Floats
    r_mean: Floats
    p_variance: Floats
    r_variance: Floats
    covariance: Floats

    @classmethod
    def of(
        cls, prediction: NDArray[Any], reference: NDArray[Any], window: str, axes: tuple[int, ...]
    ) -> Moments:
        """Return the moments where the window lies within the volume; unbiased for the uniform window."""
        taps = TAPS[window]
        reach = len(taps) // 2
        inner = tuple(slice(reach, -reach) if axis in axes else slice(None) for axis in range(3))

        def local(values: Floats) -> Floats:
            for axis in axes:
                values = correlate1d(values, taps, axis=axis)
            return values[inner]

        # Variances do not depend on an offset; without one less precision is lost.
        offset = float(reference.mean())
        p, r = prediction - offset, reference - offset
        p_mean, r_mean = local(p), local(r)
        unbiased = 1 / (1 - 1 / len(taps) ** len(axes)) if window == "uniform" else 1.0
        return cls(
            p_mean + offset,
            r_mean + offset,
            unbiased * np.maximum(local(p * p) - p_mean**2, 0),
            unbiased * np.maximum(local(r * r) - r_mean**2, 0),
            unbiased * (local(p * r) - p_mean * r_mean),
        )

    def terms(self, width: float) -> tuple[Floats, Floats, Floats]:
        """Return the maps of luminance, contrast and structure for a data range; their product is SSIM."""
        # With K1 = K2 = 0 two constant windows would give 0 / 0; they count as alike.
        c1, c2 = max((0.01 * width) ** 2, 1e-9), max((0.03 * width) ** 2, 1e-9)
        both = np.sqrt(self.p_variance * self.r_variance)
        luminance = (2 * self.p_mean * self.r_mean + c1) / (self.p_mean**2 + self.r_mean**2 + c1)
        contrast = (2 * both + c2) / (self.p_variance + self.r_variance + c2)
        return luminance, contrast, (self.covariance + c2 / 2) / (both + c2 / 2)

    def ssim(self, width: float) -> Floats:
        """Return the map of SSIM for a data range."""
        luminance, contrast, structure = self.terms(width)
        return luminance * contrast * structure


class Similarity:
    """The SSIM of two volumes in every definition.

    Parameters
    ----------
    prediction, reference : ndarray, shape (z, y, x)
        Grey levels.
    """

    def __init__(self, prediction: NDArray[Any], reference: NDArray[Any]) -> None:
        self.by_definition: dict[Definition, float] = {}
        self._volumes = prediction.astype(np.float64), reference.astype(np.float64)
        widths = {name: float(np.ptp(reference)) if w is None else w for name, w in RANGES.items()}
        for window in TAPS:
            for planes in FAMILIES:
                families = self._families(window, planes)
                for name, width in widths.items():
                    maps = [moments.ssim(width) for moments, _ in families]
                    votes = [slices for _, slices in families]
                    mean = np.average([values.mean() for values in maps], weights=votes)
                    self.by_definition[Definition(window, planes, name)] = float(mean)

    @cached_property
    def terms(self) -> tuple[float, float, float]:
        """Mean luminance, contrast and structure in the benchmark's definition."""
        families = self._families(PINNED.window, PINNED.planes)
        votes = [slices for _, slices in families]
        means = [[float(term.mean()) for term in moments.terms(255)] for moments, _ in families]
        luminance, contrast, structure = np.average(means, axis=0, weights=votes)
        return float(luminance), float(contrast), float(structure)

    def _families(self, window: str, planes: str) -> list[tuple[Moments, int]]:
        """Return the moments of each family with its number of slices."""
        prediction, reference = self._volumes
        made = []
        for axes in FAMILIES[planes]:
            stacked = [n for axis, n in enumerate(prediction.shape) if axis not in axes]
            made.append((Moments.of(prediction, reference, window, axes), math.prod(stacked)))
        return made


def grainy(reference: NDArray[Any], noise: float) -> float:
    """Return the share of windows in the axial planes where noise of that deviation exceeds the tissue."""
    shares = []
    for axes in FAMILIES["xz+yz"]:
        moments = Moments.of(reference, reference, "Gaussian", axes)
        shares.append(float((moments.r_variance < 2 * noise**2).mean()))
    return float(np.mean(shares))
