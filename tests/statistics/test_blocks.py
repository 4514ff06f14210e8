"""The interval for the mean of a row of dependent values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import signal, stats

from a2ibench.statistics import (
    LEAST,
    block_half_width,
    independent_half_width,
    segment_correlation,
    standard_error,
)

ROWS = npst.arrays(np.float64, st.integers(LEAST, 90), elements=st.floats(-100, 100, width=32))
ADDED = 0.12


def autoregressive(trials, n, phi, seed):
    """Stationary rows of variance 1 whose neighbours have correlation phi."""
    noise = np.random.default_rng(seed).standard_normal((trials, n)) * math.sqrt(1 - phi**2)
    noise[:, 0] /= math.sqrt(1 - phi**2)
    return signal.lfilter([1.0], [1.0, -phi], noise, axis=1)


def smooth(trials, n, width, seed):
    """Rows of variance 1: independent values under a Gaussian window."""
    taps = np.exp(-0.5 * (np.arange(-4 * width, 4 * width + 1) / width) ** 2)
    noise = np.random.default_rng(seed).standard_normal((trials, n + 8 * width))
    return signal.fftconvolve(noise, taps[None] / np.sqrt((taps**2).sum()), mode="valid", axes=1)


# Of differences between methods on real volumes, neighbours have correlations of 0.6 to 0.97, and rows of 128
# to 341 slices are worth about 3 to 20 independent ones.
@pytest.mark.parametrize(
    ("make", "n", "dependence"),
    [
        (autoregressive, 64, 0.6),
        (autoregressive, 64, 0.85),
        (autoregressive, 128, 0.8),
        (autoregressive, 128, 0.95),
        (autoregressive, 320, 0.9),
        (autoregressive, 320, 0.97),
        (smooth, 320, 5),
    ],
)
def test_covers_the_truth_where_independent_slices_do_not(make, n, dependence):
    trials = 2_000
    # Most of a score is the slice's own and the same for both methods.
    slices = 30 + 2 * autoregressive(trials, n, 0.95, seed=1)
    one, other = slices + ADDED + 0.1 * make(trials, n, dependence, seed=2), slices
    difference = one - other
    error = np.abs(difference.mean(axis=1) - ADDED)
    assert 0.93 <= (error <= block_half_width(difference)).mean() <= 0.97
    assert (error <= independent_half_width(difference)).mean() < 0.75


@pytest.mark.parametrize("n", [LEAST, 100, 320])
def test_covers_the_truth_of_independent_slices_and_is_little_wider(n):
    rows = np.random.default_rng(3).standard_normal((2_000, n))
    half = block_half_width(rows)
    assert 0.93 <= (np.abs(rows.mean(axis=1)) <= half).mean() <= 0.97
    assert np.median(half) < 1.3 * np.median(independent_half_width(rows))


@pytest.mark.parametrize("n", [60, 100])
def test_standard_error_is_that_of_resampled_blocks(n):
    row = autoregressive(1, n, 0.8, seed=4)[0]
    length = round(n / 6)
    blocks = np.array([np.roll(row, -start)[:length].mean() for start in range(n)])
    found = stats.bootstrap((blocks,), np.mean, n_resamples=20_000, method="percentile", rng=5)
    # That bootstrap draws n blocks, this one as many as make up the row.
    assert standard_error(row) == pytest.approx(found.standard_error * math.sqrt(length), rel=0.03)


def test_variance_of_independent_values_in_closed_form():
    n, variance = 120, 4.0
    rows = np.random.default_rng(6).normal(0, math.sqrt(variance), (20_000, n))
    expected = variance / n * (1 - 20 / n)
    assert (standard_error(rows) ** 2).mean() == pytest.approx(expected, rel=0.02)


def test_segments_of_a_row_that_rises_and_of_one_that_alternates():
    assert segment_correlation(np.arange(160.0)) == pytest.approx(0.75, abs=0.1)
    assert segment_correlation(np.repeat([1.0, -1.0] * 8, 5)) == pytest.approx(-15 / 16)


def test_independent_interval_is_that_of_student():
    row = np.random.default_rng(7).standard_normal(50)
    expected = stats.ttest_1samp(row, 0).confidence_interval(0.95)
    assert 2 * independent_half_width(row) == pytest.approx(expected.high - expected.low)


@settings(max_examples=50, deadline=None)
@given(ROWS, st.floats(-50, 50), st.floats(0.01, 100))
def test_moves_and_stretches_with_the_values(row, offset, factor):
    half = block_half_width(row)
    slack = {"rel": 1e-6, "abs": 1e-9 * max(1, factor)}
    assert block_half_width(row + offset) == pytest.approx(half, **slack)
    assert block_half_width(-row) == pytest.approx(half, **slack)
    assert block_half_width(row * factor) == pytest.approx(half * factor, **slack)
    assert standard_error(np.roll(row, 7)) == pytest.approx(standard_error(row), **slack)


def test_rows_are_independent_of_each_other():
    rows = autoregressive(6, 77, 0.5, seed=8).reshape(2, 3, 77)
    single = [[float(block_half_width(row)) for row in part] for part in rows]
    assert block_half_width(rows) == pytest.approx(np.array(single))


def test_equal_values_have_no_width():
    assert block_half_width(np.full(64, 0.25)) == 0


@pytest.mark.parametrize("row", [np.arange(LEAST - 1.0), [*range(40), math.nan], [math.inf, *range(40)], []])
def test_no_interval_for_short_rows_and_for_what_is_no_number(row):
    assert math.isnan(block_half_width(np.array(row, np.float64)))
