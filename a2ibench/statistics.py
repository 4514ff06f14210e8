"""Confidence intervals for means: of values that depend on their neighbours, and of independent repeats.

The slices of a volume depend on their neighbours. A circular block bootstrap (Politis and Romano, 1992) draws
blocks of neighbours in place of single values. Its standard error has a closed form, so nothing is drawn.
Blocks that hold most of the dependence are few, here always six, as where Shao and Politis (2013) keep the
share of a block fixed; the bootstrap's own quantiles are then too close, the more so the further the
dependence reaches. A multiple of the standard error takes their place that grows with the correlation of
neighbouring segments of the row. It was chosen so that the interval holds the mean in about 95 % of simulated
rows, from independent values to rows that are worth but three of those, as ``docs/studies/coverage.py``
measures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval.

    Parameters
    ----------
    value : float
        The estimate.
    low, high : float
        Ends of the interval; both NaN where there is none.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def around(cls, value: float, half_width: float) -> Interval:
        """Return the interval that reaches as far down as up; none where the half width is NaN."""
        return cls(value, value - half_width, value + half_width)

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def excludes_zero(self) -> bool:
        """Whether there is an interval, and zero is outside it."""
        return self.known and not self.low <= 0 <= self.high


UNKNOWN = Interval()
"""Neither a value nor an interval."""


Floats = NDArray[np.float64]

BLOCKS = 6
"""Blocks that make up a row."""

SEGMENTS = 16
"""Parts of a row whose means tell how far the dependence reaches."""

LEAST = 2 * SEGMENTS
"""Shorter rows have no interval."""

_INDEPENDENT, _SLOPE, _STRONGEST = 2.5, 6.5, 0.6


def block_half_width(values: NDArray[Any]) -> Floats:
    """Return half the width of the 95 % interval for the mean of a row of dependent values.

    Parameters
    ----------
    values : ndarray, shape (..., n)
        Rows of values in the order of their places.

    Returns
    -------
    ndarray, shape (...)
        ``(2.5 + 6.5 min(max(r, 0), 0.6)) * standard_error(values)`` with ``r = segment_correlation(values)``.
        NaN for rows of fewer than `LEAST` values, and where one is not finite.
    """
    rows = np.asarray(values, np.float64)
    if rows.shape[-1] < LEAST:
        return np.full(rows.shape[:-1], math.nan)
    rows = np.where(np.isfinite(rows), rows, math.nan)
    reach = np.clip(segment_correlation(rows), 0, _STRONGEST)
    return np.asarray((_INDEPENDENT + _SLOPE * reach) * standard_error(rows))


def standard_error(values: NDArray[Any]) -> Floats:
    """Return the standard deviation of the mean under a circular block bootstrap.

    It is that over all resamples of ``n / length`` blocks of ``length = round(n / 6)`` neighbours, where the
    last value of a row is followed by its first.

    Parameters
    ----------
    values : ndarray, shape (..., n)
        Rows of at least four values.

    Returns
    -------
    ndarray, shape (...)
    """
    rows = _centred(values)
    n = rows.shape[-1]
    length = round(n / BLOCKS)
    wrapped = np.concatenate([np.zeros_like(rows[..., :1]), rows, rows[..., :length]], axis=-1)
    sums = np.cumsum(wrapped, axis=-1)
    blocks = (sums[..., length : length + n] - sums[..., :n]) / length
    return np.asarray(np.sqrt((blocks**2).mean(axis=-1) * length / n))


def segment_correlation(values: NDArray[Any]) -> Floats:
    """Return the correlation of the means of neighbouring segments, sixteen of which make up a row.

    Parameters
    ----------
    values : ndarray, shape (..., n)
        Rows of at least sixteen values.

    Returns
    -------
    ndarray, shape (...)
        Zero where all values are equal.
    """
    rows = _centred(values)
    edges = np.rint(np.arange(SEGMENTS + 1) * rows.shape[-1] / SEGMENTS).astype(int)
    means = _centred(np.add.reduceat(rows, edges[:-1], axis=-1) / np.diff(edges))
    power = np.asarray((means**2).sum(axis=-1))
    products = (means[..., 1:] * means[..., :-1]).sum(axis=-1)
    return np.asarray(np.divide(products, power, out=np.zeros_like(power), where=power != 0))


def independent_half_width(values: NDArray[Any]) -> Floats:
    """Return what half the width would be if values did not depend on their neighbours: Student's.

    Where they do, this is too narrow. It is here to show by how much.

    Parameters
    ----------
    values : ndarray, shape (..., n)
        Rows of at least two values.

    Returns
    -------
    ndarray, shape (...)
    """
    rows = np.asarray(values, np.float64)
    n = rows.shape[-1]
    return np.asarray(_student(n - 1) * rows.std(axis=-1, ddof=1) / math.sqrt(n))


def _centred(values: NDArray[Any]) -> Floats:
    rows = np.asarray(values, np.float64)
    return np.asarray(rows - rows.mean(axis=-1, keepdims=True))


QUANTILE = 0.975
"""Of a distribution that is symmetric, beyond which lies half of what a 95 % interval leaves out."""


def mean_half_width(values: Sequence[float]) -> float:
    """Return half the width of Student's 95 % interval for the mean of independent values.

    Parameters
    ----------
    values : sequence of float
        One for each repeat.

    Returns
    -------
    float
        NaN for fewer than two values, or where one is not finite.
    """
    return _half_width([values])


def difference_half_width(first: Sequence[float], second: Sequence[float]) -> float:
    """Return half the width of Welch's 95 % interval for the difference of two means.

    Parameters
    ----------
    first, second : sequence of float
        Repeats of each side, independent of each other. A side with fewer than two counts as exactly known.

    Returns
    -------
    float
        NaN where neither side has two values, or one is not finite.
    """
    return _half_width([first, second])


def _half_width(groups: Sequence[Sequence[float]]) -> float:
    repeated = [np.asarray(group, np.float64) for group in groups if len(group) > 1]
    if not repeated or not all(np.isfinite(group).all() for group in groups):
        return math.nan
    variances = np.array([group.var(ddof=1) / group.size for group in repeated])
    total = float(variances.sum())
    if total == 0:
        return 0.0
    # Welch and Satterthwaite; with one group these are its own degrees of freedom.
    freedom = total**2 / sum(v**2 / (group.size - 1) for v, group in zip(variances, repeated, strict=True))
    return _student(float(freedom)) * math.sqrt(total)


def _student(freedom: float) -> float:
    # Tables of runs with one seed ask for no such quantile, and the import takes longer than they do.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, QUANTILE))
