"""How a metric is asked: by a call, or by its score of a context."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from a2ibench import ScoreContext, Volume
from a2ibench.errors import PluginError
from a2ibench.registry.validation import Measured, measure, try_metric

REFERENCE = np.arange(8.0).reshape(2, 2, 2)
INPUT = Volume(REFERENCE[:1], (60.0, 30.0, 30.0), (0.0, 8.0))
CONTEXT = ScoreContext(REFERENCE + 1, REFERENCE, 8.0, (30.0, 30.0, 30.0), INPUT, 2.0, "subsample")


class Properties:
    name, version, higher_is_better, needs_reference = "mine", 2, True, True


class Called(Properties):
    def __call__(self, prediction: Any, reference: Any, data_range: float) -> float:
        return float(np.mean(prediction - reference) / data_range)


class Told(Properties):
    def score(self, context: ScoreContext) -> float:
        return context.voxel_size[0] * context.ratio


class Both(Called, Told):
    pass


class ScoresOtherwise(Called):
    """Has a method of that name for ends of its own, as a metric of today may have."""

    def score(self, prediction: Any, reference: Any) -> float:
        raise AssertionError


class Sliced(Told):
    def per_slice(self, prediction: Any, reference: Any, data_range: float) -> dict[str, Any]:
        return {"xy": (prediction - reference).mean(axis=(1, 2)) / data_range}


@pytest.mark.parametrize(
    ("metric", "value"), [(Called, 1 / 8), (Told, 60.0), (Both, 60.0), (ScoresOtherwise, 1 / 8)]
)
def test_a_score_counts_before_a_call(metric: type[Any], value: float) -> None:
    assert measure(metric(), "mine", CONTEXT) == Measured(value, 2)
    try_metric(metric(), "mine")


def test_values_by_slice_stay_as_they_are() -> None:
    found = measure(Sliced(), "mine", CONTEXT)
    assert found is not None
    np.testing.assert_allclose(found.slices["xy"], [1 / 8, 1 / 8])


def test_without_a_reference_it_is_not_asked() -> None:
    context = ScoreContext(REFERENCE, None, 8.0, (30.0, 30.0, 30.0), INPUT, 2.0)
    assert measure(Told(), "mine", context) is None


def test_what_a_score_returns_is_checked() -> None:
    class Wordy(Properties):
        def score(self, context: ScoreContext) -> str:
            return "good"

    with pytest.raises(PluginError, match="gave 'good'; give one number"):
        measure(Wordy(), "mine", CONTEXT)
