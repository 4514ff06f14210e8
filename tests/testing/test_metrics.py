"""Metrics that break one rule each, and the check that says so."""

from __future__ import annotations

import pytest

FAULTS = {
    "float32": (
        "returns-float",
        "a call returned a float32 for uint8",
        """
    def __call__(self, prediction, reference, data_range):
        return np.float32(super().__call__(prediction, reference, data_range))
""",
    ),
    "NaN": (
        "returns-float",
        "a call returned NaN for float32",
        """
    def __call__(self, prediction, reference, data_range):
        if prediction.dtype == np.float32 and data_range == 1:
            return float("nan")
        return super().__call__(prediction, reference, data_range)
""",
    ),
    "eight-bit arithmetic": (
        "dtypes",
        "the same values as float32",
        """
    def error(self, prediction, reference):
        return (prediction - reference).astype(np.float64)
""",
    ),
    "wrong way round": (
        "perfect-is-best",
        "higher is better, but no noise, a little and much score 0,",
        "    higher_is_better = True",
    ),
    "blind": (
        "reference-honoured",
        "two different references give",
        """
    def error(self, prediction, reference):
        return np.diff(prediction.astype(np.float64), axis=1)
""",
    ),
    "needs it all the same": (
        "reference-honoured",
        "the plugin raised TypeError",
        "    needs_reference = False",
    ),
    "thick volumes only": (
        "odd-shapes",
        "the plugin raised ValueError: at least 10 slices",
        """
    def __call__(self, prediction, reference, data_range):
        if len(prediction) < 10:
            raise ValueError("at least 10 slices")
        return super().__call__(prediction, reference, data_range)
""",
    ),
    "values of another family": (
        "per-slice",
        "per_slice gave shape (24,) for the 32 xz slices of (24, 32, 28)",
        """
    def per_slice(self, prediction, reference, data_range):
        return {"xz": np.zeros(len(prediction))}
""",
    ),
    "unknown family": (
        "per-slice",
        "per_slice gave zx; the plane families are xy, xz, yz",
        """
    def per_slice(self, prediction, reference, data_range):
        return {"zx": np.zeros(prediction.shape[1])}
""",
    ),
    "curves without order": (
        "curves",
        "curves gave an x for profile that is not finite and ascending; sort it",
        """
    def curves(self, context):
        from a2ibench import Curve

        return {"profile": Curve(np.array([2.0, 1.0]), np.zeros(2))}
""",
    ),
    "input altered": (
        "input-unchanged",
        "prediction was altered",
        """
    def __call__(self, prediction, reference, data_range):
        score = super().__call__(prediction, reference, data_range)
        prediction[0] = 0
        return score
""",
    ),
    "random": (
        "determinism",
        "two calls with the same volumes give",
        """
    def __call__(self, prediction, reference, data_range):
        score = super().__call__(prediction, reference, data_range)
        return score * (1 + 1e-6 * np.random.default_rng().random())
""",
    ),
    "version as text": ("interface", "version is '1.0'", "    version = '1.0'"),
    "another name": (
        "interface",
        "its name is 'rmse', but it is registered as 'planted'",
        "    name = 'rmse'",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_fails_its_check(fault, plant, failed) -> None:
    check, message, body = FAULTS[fault]
    outcomes = plant("metric", body)
    assert check in failed(outcomes)
    assert failed(outcomes) <= {check, *ALSO.get(fault, ())}
    assert message in outcomes[check].message


# Faults that cannot but show in other checks as well.
ALSO = {
    "blind": {"perfect-is-best", "per-slice"},
    "eight-bit arithmetic": {"perfect-is-best"},
    "needs it all the same": {
        "returns-float",
        "dtypes",
        "odd-shapes",
        "per-slice",
        "input-unchanged",
        "determinism",
    },
}


def test_a_sound_metric_passes(plant) -> None:
    # It has no settings and no curves, and may not need any.
    found = {name: outcome.status for name, outcome in plant("metric").items()}
    assert found.pop("settings") == found.pop("curves") == "skipped"
    assert {*found.values()} == {"ok"}


def test_a_metric_without_reference_knows_no_perfect_prediction(plant, failed) -> None:
    body = """
    pass


class Bare:
    name, version, higher_is_better, needs_reference = "planted", 1, True, False

    def __call__(self, prediction, reference, data_range):
        return float(prediction.std() / data_range)
"""
    outcomes = plant("metric", body, spec='MetricSpec("planted", "planted.deep:Bare", "the spread")')
    assert failed(outcomes) == set()
    assert outcomes["perfect-is-best"].status == outcomes["per-slice"].status == "skipped"


SCORED = """
    pass


class Scored:
    name, version, higher_is_better, needs_reference = "planted", 1, False, True

    def score(self, context):
        error = context.prediction.astype(np.float64) - context.reference
        assert context.prediction.shape[1:] == context.input.shape[1:]
        assert len(context.prediction) == round(len(context.input.data) * context.ratio)
        {extra}
        return float(np.sqrt(np.mean(error**2)) / context.voxel_size[0])
"""
SPEC = 'MetricSpec("planted", "planted.deep:Scored", "the error a nanometre")'


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        ("pass", {}),
        ("context.input.data[:] = 0", {"input-unchanged": "input was altered"}),
        ("return 0", {"returns-float": "returned a int", "perfect-is-best": "", "reference-honoured": ""}),
    ],
)
def test_a_metric_that_is_scored_by_its_context(plant, extra, told) -> None:
    outcomes = plant("metric", SCORED.format(extra=extra), spec=SPEC)
    found = {name: result.message for name, result in outcomes.items() if result.status == "failed"}
    assert found.keys() == told.keys(), found
    assert all(told[name] in message for name, message in found.items())


def test_a_metric_has_to_have_one_of_the_two(plant, failed) -> None:
    outcomes = plant("metric", SCORED.replace("def score", "def rate").format(extra="pass"), spec=SPEC)
    assert "interface" in failed(outcomes)
    assert outcomes["interface"].message == "Scored has no __call__"
