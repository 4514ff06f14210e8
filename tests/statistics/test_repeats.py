"""Intervals over seeds, and what an interval says."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from a2ibench.statistics import UNKNOWN, Interval, difference_half_width, mean_half_width

VALUES = st.lists(st.floats(-100, 100).map(lambda value: round(value, 3)), min_size=2, max_size=6)
DIFFERENT = VALUES.filter(lambda values: len(set(values)) > 1)


@given(DIFFERENT)
def test_mean_is_students(values):
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert 2 * mean_half_width(values) == pytest.approx(expected.high - expected.low, rel=1e-6)


@given(DIFFERENT, DIFFERENT)
def test_difference_is_welchs(first, second):
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert 2 * difference_half_width(first, second) == pytest.approx(expected.high - expected.low, rel=1e-6)
    assert difference_half_width(second, first) == pytest.approx(difference_half_width(first, second))


def test_a_side_without_repeats_or_without_spread_adds_nothing():
    values = [30.0, 30.5, 30.1]
    assert difference_half_width(values, [29.0]) == mean_half_width(values)
    assert difference_half_width([29.0, 29.0, 29.0], values) == pytest.approx(mean_half_width(values))
    assert difference_half_width([29.0, 29.0], [30.0, 30.0]) == 0


@pytest.mark.parametrize("values", [[], [30.0], [30.0, math.inf], [math.nan, 1.0, 2.0]])
def test_nothing_is_known_of_too_few_values_or_of_infinite_ones(values):
    assert math.isnan(mean_half_width(values))
    assert math.isnan(difference_half_width(values, [1.0]))


def test_interval_says_whether_zero_is_outside():
    assert not Interval.around(0.5, 0.5).excludes_zero
    assert Interval.around(-0.5, 0.4).excludes_zero
    assert not Interval.around(0.5, math.nan).known
    assert not UNKNOWN.excludes_zero
