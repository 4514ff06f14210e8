"""Intervals from repeats that are independent: the seeds of a method."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import stdtrit

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
    return float(stdtrit(freedom, QUANTILE)) * math.sqrt(total)
