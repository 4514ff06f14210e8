"""Rows of values that depend on their neighbours, and other intervals for their means."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.special import gammaln, stdtrit

from a2ibench.statistics import block_half_width, independent_half_width, standard_error

Floats = NDArray[np.float64]

NOISE = 0.4
"""Share of independent noise in the variance of rows of the kind "with noise"."""


class Case(NamedTuple):
    """Rows of one kind.

    Parameters
    ----------
    kind : {"independent", "exponential", "with noise", "smooth"}
        Correlation of values h places apart: none, exp(-h / range), 0.6 of that, or Matern 3/2.
    n : int
        Values in a row.
    worth : float
        How many independent values give as certain a mean: n over the sum of all correlations.
    memory : float
        Instead of a kind, fractional noise of this order d in (0, 0.5), whose correlations fall as h^(2d - 1)
        and have no sum.
    sigma : float
        Above 0 values are exp(sigma x) of such Gaussian ones, moved and stretched to mean 0 and variance 1.
    """

    kind: str
    n: int
    worth: float
    memory: float = 0.0
    sigma: float = 0.0

    @property
    def skewness(self) -> float:
        """Third standardised moment of a value."""
        excess = math.expm1(self.sigma**2)
        return (excess + 3) * math.sqrt(excess)

    @property
    def correlation(self) -> Floats:
        """Correlation of values 0 to n - 1 places apart, before they are skewed."""
        if self.memory:
            h, d = np.arange(self.n), self.memory
            return np.asarray(np.exp(gammaln(h + d) - gammaln(h + 1 - d) + gammaln(1 - d) - gammaln(d)))
        distance, total = np.arange(self.n), self.n / self.worth
        if self.kind == "independent":
            return (distance == 0).astype(np.float64)
        if self.kind == "smooth":
            steps = 4 * distance / total
            return np.asarray((1 + steps) * np.exp(-steps))
        noise = NOISE if self.kind == "with noise" else 0.0
        rest = (total - noise) / (1 - noise)
        return np.asarray((1 - noise) * ((rest - 1) / (rest + 1)) ** distance + noise * (distance == 0))

    @property
    def covariance(self) -> Floats:
        """Covariance of the values of a row, shape (n, n)."""
        values = self.correlation
        if self.sigma:
            values = np.expm1(self.sigma**2 * values) / math.expm1(self.sigma**2)
        return np.asarray(linalg.toeplitz(values))

    @property
    def deviation(self) -> float:
        """Standard deviation of the mean of a row."""
        return math.sqrt(self.covariance.mean())

    def rows(self, trials: int, seed: int) -> Floats:
        """Return rows of mean 0 and variance 1, Gaussian ones unless skewed, shape (trials, n)."""
        noise = np.random.default_rng(seed).standard_normal((trials, self.n))
        # Smooth correlations are singular but for rounding.
        root = linalg.cholesky(linalg.toeplitz(self.correlation) + 1e-10 * np.eye(self.n))
        values = np.asarray(noise @ root)
        if not self.sigma:
            return values
        variance = self.sigma**2
        spread = math.sqrt(math.exp(variance) * math.expm1(variance))
        return np.asarray((np.exp(self.sigma * values) - math.exp(variance / 2)) / spread)


def automatic_length(rows: Floats) -> NDArray[np.int64]:
    """Return the block length of Politis and White (2004), as corrected by Patton et al. (2009)."""
    n = rows.shape[1]
    run = max(5, math.ceil(math.sqrt(math.log10(n))))
    most = math.ceil(math.sqrt(n)) + run
    centred = rows - rows.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(centred, 2 * n, axis=1)) ** 2
    covariance = np.fft.irfft(power, axis=1)[:, : 2 * most + 1] / n
    small = np.abs(covariance[:, 1:] / covariance[:, :1]) < 2 * math.sqrt(math.log10(n) / n)
    silent = np.lib.stride_tricks.sliding_window_view(small, run, axis=1).all(axis=2)[:, :most]
    last = np.where(silent.any(axis=1), silent.argmax(axis=1), most)
    bandwidth = np.minimum(2 * np.maximum(last, 1), most)[:, None]
    lag = np.arange(covariance.shape[1])
    window = np.clip(2 * (1 - lag / bandwidth), 0, 1) * covariance * np.where(lag == 0, 1, 2)
    length = (2 * (window * lag).sum(1) ** 2 / (4 / 3 * window.sum(1) ** 2)) ** (1 / 3) * n ** (1 / 3)
    return np.clip(np.ceil(length), 1, math.ceil(min(3 * math.sqrt(n), n / 3))).astype(np.int64)


def automatic_blocks(rows: Floats) -> Floats:
    """Return the half width of a circular block bootstrap with blocks of automatic length."""
    n = rows.shape[1]
    centred = rows - rows.mean(axis=1, keepdims=True)
    sums = np.cumsum(np.concatenate([np.zeros_like(centred[:, :1]), centred, centred], axis=1), axis=1)
    lengths = automatic_length(rows)
    half = np.empty(len(rows))
    for length in np.unique(lengths):
        chosen = lengths == length
        blocks = sums[chosen, length : length + n] - sums[chosen, :n]
        half[chosen] = 1.96 * np.sqrt((blocks**2).mean(axis=1) / (length * n))
    return half


def six_blocks(rows: Floats) -> Floats:
    """Return the half width of a circular block bootstrap of six blocks, with normal quantiles."""
    return 1.96 * standard_error(rows)


def eight_means(rows: Floats) -> Floats:
    """Return the half width from the means of eight blocks as independent values (Ibragimov, Mueller)."""
    means = np.stack([part.mean(axis=1) for part in np.array_split(rows, 8, axis=1)], axis=1)
    return np.asarray(stdtrit(7, 0.975) * means.std(axis=1, ddof=1) / math.sqrt(8))


INTERVALS: Mapping[str, Callable[[Floats], Floats]] = {
    "independent slices": independent_half_width,
    "blocks of automatic length": automatic_blocks,
    "six blocks": six_blocks,
    "eight means": eight_means,
    "a2ibench": block_half_width,
}
"""Half widths of 95 % intervals by name."""
