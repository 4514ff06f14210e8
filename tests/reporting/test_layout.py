from __future__ import annotations

import math

import pytest
from scipy import stats

from a2ibench.reporting.layout import count_text, ends_text, gain_text, metric_text, seconds_text
from a2ibench.reporting.summary import Sample
from a2ibench.statistics import UNKNOWN, Interval


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(math.nan, "—"), (0.0, "0"), (0.0123, "0.012"), (1.234, "1.23"), (45.67, "45.7"), (1234.5, "1234")],
)
def test_seconds(seconds, text):
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (math.nan, "—"),
        (0, "0"),
        (999, "999"),
        (94_321, "94.3 k"),
        (999_949, "999.9 k"),
        (999_950, "1.00 M"),
        (11_497_681, "11.50 M"),
    ],
)
def test_counts(count, text):
    assert count_text(count) == text


def test_metrics():
    assert metric_text("psnr", Sample()) == "—"
    assert metric_text("psnr", Sample.of([30.005, math.nan])) == "30.00"
    assert metric_text("ssim", Sample.of([0.5, 0.7])) == "0.6000 ± 0.1414"
    assert metric_text("blur", Sample.of([1234.5678])) == "1235"


def test_gains():
    assert gain_text(math.nan, UNKNOWN) == "—"
    assert gain_text(1.614, Interval(1.614)) == "+1.61"
    assert gain_text(1.614, Interval(1.614, 1.52, 1.704)) == "+1.61 [1.52, 1.70]"
    assert gain_text(-0.05, Interval(-0.05, -0.13, 0.03)) == "-0.05 [-0.13, 0.03]"
    assert gain_text(0.0, UNKNOWN, signed=False) == "0.00"


def test_ends_have_the_decimals_of_their_metric():
    assert ends_text("ssim", Interval(0.5, 0.41234, 0.58766)) == "[0.4123, 0.5877]"
    assert ends_text("blur", Interval(0.5, 0.41234, 0.58766)) == "[0.4123, 0.5877]"
    assert ends_text("psnr", UNKNOWN) == ""


def test_sample_of_seeds_has_the_interval_of_student():
    sample = Sample.of([30.0, 30.5, 30.1])
    low, high = stats.t.interval(0.95, 2, sample.mean, sample.std / math.sqrt(3))
    assert (sample.interval.low, sample.interval.high) == pytest.approx((low, high))
    assert not Sample.of([30.0]).interval.known


def test_sample_of_infinite_values_has_no_spread():
    sample = Sample.of([math.inf, 30.0])
    assert sample.mean == math.inf
    assert math.isnan(sample.std)
    assert sample.n == 2
