"""Controls: rows that tell what scores mean, scored like methods and made by none."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.metric_settings import MetricSettings
from a2ibench.bench.record import CEILING, CONTROLS
from a2ibench.bench.score import Score
from a2ibench.bench.scoring import score_within
from a2ibench.contracts import AxialGrid, Simulation, Volume
from a2ibench.errors import one_line
from a2ibench.protocol.intensity import normalise, quantise
from a2ibench.protocol.resample import interpolate, keys_kernel, resample

_logger = logging.getLogger(__name__)

_SLICES = 200
_TRUNCATE = 4.0
_NONE: MetricSettings = MappingProxyType({})


def score_controls(
    metrics: tuple[str, ...],
    reference: NDArray[Any] | None,
    volume: Volume,
    simulation: Simulation | None = None,
    labels: NDArray[Any] | None = None,
    settings: MetricSettings = _NONE,
) -> dict[str, dict[str, Score]]:
    """Score the controls of a dataset; one that fails is left out with a warning in the log.

    Parameters
    ----------
    metrics : tuple of str
        As for `a2ibench.bench.scoring.score`.
    reference : ndarray, shape (z, y, x)
        Grey levels; may be None.
    volume : Volume, shape (n_in, y, x)
        The input.
    simulation : Simulation, optional
        How the input was made.
    labels : ndarray, shape (z, y, x), optional
        What the voxels belong to.
    settings : mapping
        Of metrics, by metric.

    Returns
    -------
    dict
        Scores by control and metric, the controls in the order of ``CONTROLS``.
    """
    found = {}
    for name in CONTROLS:
        try:
            prediction = make_control(name, volume, reference)
            if prediction is None:
                continue
            scores = score_within(metrics, prediction, reference, volume, simulation, settings, labels=labels)
        except Exception as error:
            _logger.warning("control %s of %s is left out: %s", name, volume.name, one_line(error))
            continue
        for metric, problem in scores.errors.items():
            _logger.warning("control %s of %s: metric %s failed: %s", name, volume.name, metric, problem)
        if scores.metrics:
            found[name] = scores.metrics
    return found


def make_control(name: str, volume: Volume, reference: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return what stands for a method's reconstruction; None where it needs a reference and there is none.

    Parameters
    ----------
    name : str
        One of ``CONTROLS``.
    volume : Volume, shape (n_in, y, x)
        The input.
    reference : ndarray, shape (z, y, x)
        Grey levels; may be None.

    Returns
    -------
    ndarray, shape (z, y, x)
        Grey levels of the input's dtype, as `quantise` gives them.
    """
    if name == CEILING:
        return None if reference is None else quantise(normalise(reference, volume), volume)
    return quantise(_MADE[name](volume, AxialGrid(volume.shape[0], volume.ratio)), volume)


def nearest(volume: Volume, grid: AxialGrid) -> NDArray[np.float32]:
    """Return float32 (grid.n_out, y, x): the input slice that is nearest, of two the later."""
    places = np.floor(grid.positions + 0.5).astype(int)
    return normalise(np.asarray(volume.data)[np.clip(places, 0, grid.n_in - 1)], volume)


def linear(volume: Volume, grid: AxialGrid) -> NDArray[np.float32]:
    """Return float32 (grid.n_out, y, x), linear between slices; past the ends the end slices."""
    positions = np.clip(grid.positions, 0, grid.n_in - 1)
    weights = np.maximum(0.0, 1.0 - np.abs(positions[:, None] - np.arange(grid.n_in)))
    return resample(normalise(volume.data, volume), weights)


def smoothed(volume: Volume, grid: AxialGrid) -> NDArray[np.float32]:
    """Return float32 (grid.n_out, y, x): cubic interpolation, then a Gaussian of `smoothing_width`."""
    from scipy.ndimage import gaussian_filter

    out = interpolate(normalise(volume.data, volume), grid)
    width = smoothing_width(grid.ratio)
    if width > 0:
        gaussian_filter(out, width, output=out, mode="nearest", truncate=_TRUNCATE)
    return out


_MADE: dict[str, Callable[[Volume, AxialGrid], NDArray[np.float32]]] = {
    "nearest": nearest,
    "linear": linear,
    "smoothed": smoothed,
}


def noise_gain(width: float, ratio: float) -> float:
    r"""Return what cubic interpolation and an isotropic Gaussian leave of white noise.

    The standard deviation after both, over that of the input, in closed form: with the Gaussian's taps
    :math:`g_j \propto \exp(-j^2 / 2 s^2)`, which sum to 1, the kernel :math:`K` of the interpolation and the
    positions :math:`p` of the output slices,

    .. math:: \Big(\big\langle \sum_i \big( \sum_j g_j K(p + j / r - i) \big)^2 \big\rangle_p\Big)^{1/2}
        \sum_j g_j^2,

    where the mean is over the output slices of a stack without ends.

    Parameters
    ----------
    width : float
        Standard deviation s of the Gaussian, in output voxels; its taps reach to four times that.
    ratio : float
        Axial over lateral spacing r of the input.
    """
    reach = int(_TRUNCATE * width + 0.5)
    taps = np.arange(-reach, reach + 1)
    gauss = np.exp(-0.5 * (taps / width) ** 2) if reach else np.ones(1)
    gauss /= gauss.sum()
    # Of whole input slices: where these are worth whole output slices, every position counts alike.
    positions = AxialGrid(max(1, round(_SLICES / ratio)), ratio).positions % 1
    far = 2 + math.ceil(reach / ratio)
    slices = np.arange(-far, far + 2)
    offsets = positions[:, None, None] - slices[:, None] + taps / ratio
    axial = ((keys_kernel(offsets) @ gauss) ** 2).sum(axis=1).mean()
    return float(math.sqrt(axial) * (gauss**2).sum())


def smoothing_width(ratio: float) -> float:
    """Return the width of the Gaussian after which as little noise is left as the mean of `ratio` voxels has.

    Parameters
    ----------
    ratio : float
        Axial over lateral spacing of the input.

    Returns
    -------
    float
        Standard deviation in output voxels, at which `noise_gain` is ``ratio ** -0.5``; 0 where interpolation
        alone leaves no more than that.
    """
    from scipy.optimize import brentq

    wanted = ratio**-0.5
    if noise_gain(0.0, ratio) <= wanted:
        return 0.0
    return float(brentq(lambda width: noise_gain(width, ratio) - wanted, 0.0, 1 + math.sqrt(ratio)))
