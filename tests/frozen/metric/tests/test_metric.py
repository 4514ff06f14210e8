"""What the metric of this package measures."""

import math

import numpy as np
import pytest
from a2ibench import InputError

from a2ibench_frozen_metric.metric import CEILING, FrozenMetricMetric


@pytest.fixture
def reference():
    return np.random.default_rng(0).uniform(50, 200, (8, 6, 7))


def test_an_offset_costs_nothing(reference):
    assert FrozenMetricMetric()(reference + 20, reference, 255.0) == pytest.approx(CEILING)


def test_alternating_slices_cost_what_their_steps_do(reference):
    sign = np.where(np.arange(8) % 2, 1.0, -1.0)[:, None, None]
    score = FrozenMetricMetric()(reference + 3.0 * sign, reference, 255.0)
    # Each step is wrong by twice the amplitude.
    assert score == pytest.approx(20 * math.log10(255 / (2 * 3.0)), abs=1e-4)


def test_axial_slices_are_scored_one_by_one(reference):
    prediction = reference.copy()
    prediction[3, 2, 5] += 30
    slices = FrozenMetricMetric().per_slice(prediction, reference, 255.0)
    assert [len(slices["xz"]), len(slices["yz"])] == [6, 7]
    assert np.flatnonzero(slices["xz"] < CEILING).tolist() == [2]
    assert np.flatnonzero(slices["yz"] < CEILING).tolist() == [5]


def test_what_cannot_be_scored(reference):
    assert math.isnan(FrozenMetricMetric()(reference[:1], reference[:1], 255.0))
    with pytest.raises(InputError, match="None"):
        FrozenMetricMetric()(reference, None, 255.0)
