"""How a metric is asked: by a call, or by its score of a context."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from a2ibench import Curve, ScoreContext, Volume
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


class Curved(Told):
    given: Any = None

    def curves(self, context: ScoreContext) -> Any:
        return self.given


def test_curves_are_handed_over_beside_the_value() -> None:
    metric = Curved()
    metric.given = {"axial": Curve(np.arange(3, dtype=np.float32), np.array([1.0, np.nan, 0.0]))}
    found = measure(metric, "mine", CONTEXT)
    assert found is not None
    np.testing.assert_array_equal(found.curves["axial"].x, [0, 1, 2])
    np.testing.assert_array_equal(found.curves["axial"].y, [1, np.nan, 0])
    assert found.curves["axial"].x.dtype == np.float64


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        (None, "curves gave None: .*give curves by name"),
        ({"a": np.zeros(3)}, "curves gave .*give curves by name"),
        ({"a": Curve(np.arange(3), np.arange(4))}, r"shapes \(3,\) and \(4,\) for a"),
        ({"a": Curve(np.zeros((2, 2)), np.zeros((2, 2)))}, r"shapes \(2, 2\)"),
        ({"a": Curve(np.array([0.0, 2.0, 1.0]), np.zeros(3))}, "x for a that is not finite and ascending"),
        ({"a": Curve(np.array([0.0, np.nan]), np.zeros(2))}, "x for a that is not finite and ascending"),
        ({"a.b": Curve(np.arange(3), np.arange(3))}, "the name 'a.b'"),
        ({3: Curve(np.arange(3), np.arange(3))}, "the name 3"),
    ],
)
def test_curves_that_are_none_are_refused(given: Any, complaint: str) -> None:
    metric = Curved()
    metric.given = given
    with pytest.raises(PluginError, match=complaint):
        measure(metric, "mine", CONTEXT)


def test_a_member_of_that_name_for_other_ends_is_left_alone() -> None:
    class Older(Told):
        curves = "of another kind"

    class Taking(Told):
        def curves(self, width: int) -> Any:
            raise AssertionError

    for metric in (Older(), Taking()):
        assert measure(metric, "mine", CONTEXT) == Measured(60.0, 2)


def test_a_value_that_is_not_defined_has_no_curves() -> None:
    class Undefined(Curved):
        def score(self, context: ScoreContext) -> float:
            return float("nan")

        def curves(self, context: ScoreContext) -> Any:
            raise AssertionError

    found = measure(Undefined(), "mine", CONTEXT)
    assert found is not None
    assert found.curves == {}
