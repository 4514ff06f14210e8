from __future__ import annotations

import math

import pytest

from a2ibench.reporting.sheet import count_text, metric_text, seconds_text
from a2ibench.reporting.summary import Sample


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
    assert metric_text("psnr", Sample.of([30.005, None])) == "30.00"
    assert metric_text("ssim", Sample.of([0.5, 0.7])) == "0.6000 ± 0.1414"
    assert metric_text("blur", Sample.of([1234.5678])) == "1235"


def test_sample_of_infinite_values_has_no_spread():
    sample = Sample.of([math.inf, 30.0])
    assert sample.mean == math.inf
    assert math.isnan(sample.std)
    assert sample.n == 2
