"""Metrics that need no reference."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, ScoreContext, Volume
from a2ibench.contracts.planes import AXIAL
from a2ibench.data.intensity_range import noise_level
from a2ibench.metrics.psnr import psnr, psnr_slices
from a2ibench.metrics.ssim import ssim_slices
from a2ibench.protocol.profiles import build_degradation
from a2ibench.protocol.resample import interpolate

_VOXELS = 1 << 22


class _WithoutReference:
    version = 1
    needs_reference = False


class _PairPSNR(_WithoutReference):
    """PSNR of a pair that a `ScoreContext` holds, in dB; NaN where there is none."""

    higher_is_better = True
    pair: ClassVar[str]
    planes: ClassVar[tuple[str, ...]]

    def score(self, context: ScoreContext) -> float:
        """Return `psnr` of the pair."""
        held = getattr(context, self.pair)
        return math.nan if held is None else psnr(held.prediction, held.reference, context.data_range)

    def per_slice(self, context: ScoreContext) -> dict[str, NDArray[np.float64]]:
        """Return `psnr_slices` of the pair by plane family."""
        held = getattr(context, self.pair)
        if held is None:
            return {}
        return {
            plane: psnr_slices(held.prediction, held.reference, context.data_range, plane)
            for plane in self.planes
        }


class InPlanePSNR(_PairPSNR):
    """PSNR of held-out lateral planes, in dB; NaN where there are none."""

    name = "in_plane_psnr"
    pair = "held_out"
    # There are many more columns than planes, and each goes through all planes.
    planes = ("yz",)


class ReducedPSNR(_PairPSNR):
    """PSNR of acquired slices, reconstructed from averages of pairs, in dB; NaN where that was not tried."""

    name = "reduced_psnr"
    pair = "reduced"
    planes = AXIAL


class InPlaneSSIM(_WithoutReference):
    """Mean SSIM of held-out lateral planes; NaN where there are none."""

    name = "in_plane_ssim"
    higher_is_better = True

    def score(self, context: ScoreContext) -> float:
        """Return the mean of `ssim_slices`."""
        held = context.held_out
        if held is None:
            return math.nan
        return float(ssim_slices(held.prediction, held.reference, context.data_range, "xz").mean())


class Consistency(_WithoutReference):
    """How far the reconstruction, degraded again, is from the input, in units of what is to be expected.

    The root of the mean squared difference, over the input's white noise (at least the rounding to 256 grey
    levels), or over what cubic interpolation leaves where that is more. Where it is above 1.2 the
    reconstruction does not fit what was acquired. That it fits never tells that it is good.
    """

    name = "consistency"
    higher_is_better = False

    def score(self, context: ScoreContext) -> float:
        """Return it; needs the degradation of the context, or assumes the slab average."""
        acquired = context.input
        grid = AxialGrid(acquired.shape[0], context.ratio)
        operator = build_degradation(context.degradation or "slab-average").operator(grid)
        differences = squared_differences(operator.astype(np.float32), context.prediction, acquired, grid)
        return over_expected(*differences, noise_level(acquired), acquired)


def over_expected(difference: float, cubic: float, noise: float, acquired: Volume) -> float:
    """Return the root of a mean squared difference over what is to be expected.

    Parameters
    ----------
    difference, cubic : float
        In squared grey levels, as `squared_differences` returns them.
    noise : float
        Standard deviation as a fraction of the intensity range, as `noise_level` returns it.
    acquired : Volume
        Gives intensity range and contrast.
    """
    lo, hi = acquired.intensity
    low, high = acquired.contrast or acquired.intensity
    step = (high - low) / 255
    return math.sqrt(difference / max(cubic, (noise * (hi - lo)) ** 2, step**2 / 12))


def squared_differences(
    operator: NDArray[np.float32], prediction: NDArray[Any], acquired: Volume, grid: AxialGrid
) -> tuple[float, float]:
    """Return how far a prediction and cubic interpolation, degraded again, are from what was acquired.

    Parameters
    ----------
    operator : ndarray, shape (n_in, n_out)
        Samples the input slices from the output slices.
    prediction : ndarray, shape (n_out, y, x)
        In grey levels.
    acquired : Volume, shape (n_in, y, x)
        The input.
    grid : AxialGrid
        Of the prediction.

    Returns
    -------
    tuple of float
        Mean squared differences.
    """
    rows = max(1, _VOXELS // (prediction.shape[0] * prediction.shape[2]))
    totals = np.zeros(2)
    for first in range(0, prediction.shape[1], rows):
        part = slice(first, first + rows)
        given = np.asarray(acquired.data[:, part], np.float32)
        for number, voxels in enumerate((prediction[:, part].astype(np.float32), interpolate(given, grid))):
            error = np.tensordot(operator, voxels, axes=(1, 0)) - given
            totals[number] += float(np.square(error, dtype=np.float64).sum())
    difference, cubic = totals / math.prod(acquired.shape)
    return float(difference), float(cubic)


class Disagreement(_WithoutReference):
    """Mean absolute difference of what xz and yz planes became, in grey levels; NaN where it is not known."""

    name = "disagreement"
    higher_is_better = False

    def score(self, context: ScoreContext) -> float:
        """Return it."""
        apart = context.disagreement
        return math.nan if apart is None else float(np.mean(apart, dtype=np.float64))
