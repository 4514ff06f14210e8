"""What a metric has to keep to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, HeldOut, ScoreContext, Volume
from a2ibench.contracts.planes import PLANES
from a2ibench.degradations.models import slab_average
from a2ibench.errors import PluginError, one_line
from a2ibench.registry import Registered, host
from a2ibench.registry.schema import default_settings
from a2ibench.registry.validation import (
    call_metric,
    curves_of,
    gives_curves,
    takes_context,
    takes_only_context,
    why_not_ready,
)
from a2ibench.testing.check import CheckFailed, CheckSkipped, Rule, rule
from a2ibench.testing.description import DESCRIBED, Registration
from a2ibench.testing.volumes import SPACING, digest, scene

Array = NDArray[Any]

SHAPE = (24, 32, 28)
ODD = ((13, 17, 15), (3, 17, 23), (27, 5, 7), (1, 9, 11))
CLOSE = 1e-3
_RATIO = 3
_RANGES = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}


@dataclass
class Trial(Registration):
    """One metric on trial."""

    def new(self) -> Any:
        """Return the metric with its default settings."""
        return host().build("metric", self.spec.name)

    def build(self) -> Any:
        """Return the metric, and skip the check that asks where it waits for a setting."""
        metric = self.new()
        reason = why_not_ready(metric)
        if reason:
            raise CheckSkipped(f"it scores only with settings: {reason}")
        return metric

    def score(self, prediction: Array, reference: Array | None, data_range: float) -> float:
        """Return the score of copies of the arrays, and skip the check that asks where it is no number."""
        value = self.value(self.build(), prediction, reference, data_range)
        if isinstance(value, float | np.floating | int):
            return float(value)
        raise CheckSkipped("needs a score that is a number, see returns-float")

    def value(
        self,
        metric: Any,
        prediction: Array,
        reference: Array | None,
        data_range: float,
        simulated: bool = True,
    ) -> Any:
        """Return what a metric gives for copies of the arrays, of a volume that was simulated or acquired."""
        given = reference.copy() if metric.needs_reference and reference is not None else None
        source = prediction if reference is None else reference
        model = "slab-average" if simulated else None
        return call_metric(metric, context_of(prediction.copy(), given, source, data_range, model))


def context_of(
    prediction: Array, reference: Array | None, source: Array, data_range: float, degradation: str | None
) -> ScoreContext:
    """Return what a job tells of a prediction whose input is the slab average of `source`, about 3 to 1.

    Held-out planes, and slices at reduced resolution, are the prediction and `source` once more.
    """
    n_in = max(1, round(len(source) / _RATIO))
    ratio = len(source) / n_in
    averaged = np.einsum("io,oyx->iyx", slab_average(AxialGrid(n_in, ratio)), source.astype(np.float64))
    data = (averaged if source.dtype.kind == "f" else np.rint(averaged)).astype(source.dtype)
    acquired = Volume(data, (ratio * SPACING, SPACING, SPACING), (0.0, data_range), "trial")
    pair = HeldOut(prediction, source)
    apart = np.abs(prediction.astype(np.float32) - source.astype(np.float32))
    known = ScoreContext(prediction, reference, data_range, (SPACING,) * 3, acquired, ratio, degradation)
    return replace(known, held_out=pair, reduced=pair, disagreement=apart)


def truth(shape: tuple[int, int, int] = SHAPE, dtype: str = "uint8") -> Array:
    """Return a volume (z, y, x) with all of the dtype's intensity range."""
    _, intensities = scene(1.0, shape)
    scale = _RANGES[dtype]
    return (intensities * scale if dtype == "float32" else np.rint(intensities * scale)).astype(dtype)


def worse(reference: Array, amount: float, data_range: float) -> Array:
    """Return a volume with white noise of a standard deviation of `amount` times the data range."""
    noise = np.random.default_rng(0).normal(size=reference.shape) * amount * data_range
    noisy = np.clip(reference + noise, 0, data_range)
    return (noisy if reference.dtype.kind == "f" else np.rint(noisy)).astype(reference.dtype)


@rule(
    "It has a name, a version and its two properties, each of its type",
    "give the class name, version (int), higher_is_better and needs_reference (bool); require no arguments",
)
def _interface(trial: Trial) -> None:
    metric = trial.new()
    members = ["name", "version", "higher_is_better", "needs_reference"]
    if not takes_context(metric):
        members.append("__call__")
    missing = [name for name in members if not hasattr(metric, name)]
    if missing:
        raise CheckFailed(f"{type(metric).__name__} has no {', '.join(missing)}")
    if metric.name != trial.spec.name:
        raise CheckFailed(f"its name is {metric.name!r}, but it is registered as {trial.spec.name!r}")
    if not isinstance(metric.version, int) or isinstance(metric.version, bool) or metric.version < 1:
        raise CheckFailed(f"version is {metric.version!r}; it is a whole number of at least 1")
    for name in ("higher_is_better", "needs_reference"):
        if not isinstance(getattr(metric, name), bool):
            raise CheckFailed(f"{name} is {getattr(metric, name)!r}; it is True or False")


@rule(
    "It takes the defaults of its settings, and check_settings raises nothing but an InputError",
    "declare settings as class attributes of a Configurable, and raise InputError for what is missing",
)
def _settings(trial: Trial) -> None:
    defaults = default_settings("metric", trial.spec.name)
    if not defaults:
        raise CheckSkipped("it has no settings")
    for key, value in defaults.items():
        why_not_ready(host().build("metric", trial.spec.name, **{key: value}))


@rule(
    "A call returns a float that is not NaN, for volumes of every usual dtype",
    "return float(value)",
)
def _returns_float(trial: Trial) -> None:
    for dtype, data_range in _RANGES.items():
        reference = truth(dtype=dtype)
        value = trial.value(trial.build(), worse(reference, 0.05, data_range), reference, data_range)
        if not isinstance(value, float):
            raise CheckFailed(f"a call returned a {type(value).__name__} for {dtype}")
        if math.isnan(value):
            raise CheckFailed(f"a call returned NaN for {dtype} volumes of {SHAPE}")


@rule(
    "Integers score the same as floats of the same values",
    "convert to float before subtracting or squaring: prediction.astype(np.float64)",
)
def _dtypes(trial: Trial) -> None:
    for dtype in ("uint8", "uint16"):
        reference, data_range = truth(dtype=dtype), _RANGES[dtype]
        prediction = worse(reference, 0.05, data_range)
        context = context_of(prediction, reference, reference, data_range, "slab-average")
        whole, real = (_number(trial.build(), one) for one in (context, _as_floats(context)))
        if not math.isclose(whole, real, rel_tol=CLOSE, abs_tol=CLOSE):
            raise CheckFailed(f"{dtype} scores {whole:.6g}, the same values as float32 {real:.6g}")


@rule(
    "A perfect prediction scores best, and more noise scores worse",
    "set higher_is_better as the values are ordered; a perfect prediction has the best value there is",
)
def _perfect_is_best(trial: Trial) -> None:
    metric = _with_reference(trial)
    reference = truth()
    amounts = (0.0, 0.02, 0.1)
    scores = [trial.score(worse(reference, amount, 255.0), reference, 255.0) for amount in amounts]
    ranked = scores if metric.higher_is_better else scores[::-1]
    # One with a best value that it does not exceed, such as a resolution, may not notice a little noise.
    worsens = sorted(ranked, reverse=True) == ranked and scores[0] != scores[2]
    if math.isnan(sum(scores)) or not worsens:
        word = "higher" if metric.higher_is_better else "lower"
        raise CheckFailed(
            f"{word} is better, but no noise, a little and much score {', '.join(f'{s:.4g}' for s in scores)}"
        )


@rule(
    "It works without a reference if it says so, and depends on the reference if it says that",
    "set needs_reference = False only where the reference is never used, and use it where it is True",
)
def _reference_honoured(trial: Trial) -> None:
    metric = trial.build()
    prediction = worse(truth(), 0.05, 255.0)
    if not metric.needs_reference:
        trial.value(metric, prediction, None, 255.0, simulated=False)
        return
    scores = [trial.score(prediction, reference, 255.0) for reference in (truth(), truth()[::-1])]
    if scores[0] == scores[1]:
        raise CheckFailed(f"needs_reference is True, but two different references give {scores[0]:.4g}")


@rule(
    "Thin volumes and odd sizes give a number, or NaN",
    "return NaN where the metric is not defined for a shape",
)
def _odd_shapes(trial: Trial) -> None:
    for shape in ODD:
        reference = truth(shape)
        trial.score(worse(reference, 0.05, 255.0), reference, 255.0)


@rule(
    "Values by slice come for known plane families, one for each slice",
    'return a dict from "xy", "xz" or "yz" to one value for each slice of the family',
)
def _per_slice(trial: Trial) -> None:
    metric = trial.build()
    if not hasattr(metric, "per_slice"):
        raise CheckSkipped("it gives no values by slice")
    for shape in (SHAPE, ODD[0]):
        reference = truth(shape)
        given = reference.copy() if metric.needs_reference else None
        planes = _slices(metric, context_of(worse(reference, 0.05, 255.0), given, reference, 255.0, None))
        if not isinstance(planes, dict) or not planes or not PLANES.keys() >= planes.keys():
            named = ", ".join(map(str, planes)) if isinstance(planes, dict) else type(planes).__name__
            raise CheckFailed(
                f"per_slice gave {named or 'nothing'}; the plane families are {', '.join(PLANES)}"
            )
        for plane, values in planes.items():
            count = shape[PLANES[plane][0]]
            if np.shape(values) != (count,) or np.asarray(values).dtype.kind != "f":
                raise CheckFailed(
                    f"per_slice gave shape {np.shape(values)} for the {count} {plane} slices of {shape}; "
                    "it gives one float for each"
                )


@rule(
    "Curves come by name, each with an ascending x and a y of its length",
    "let curves(context) return a dict from names to a2ibench.Curve(x, y)",
)
def _curves(trial: Trial) -> None:
    metric = trial.build()
    if not gives_curves(metric):
        raise CheckSkipped("it gives no curves")
    for shape in (SHAPE, ODD[0]):
        reference = truth(shape)
        given = reference.copy() if metric.needs_reference else None
        try:
            curves_of(metric, context_of(worse(reference, 0.05, 255.0), given, reference, 255.0, None))
        except PluginError as error:
            raise CheckFailed(one_line(error)) from None


@rule(
    "Prediction, reference and input are left as they were",
    "work on copies; a run hands over arrays that cannot be written",
)
def _input_unchanged(trial: Trial) -> None:
    metric = trial.build()
    reference = truth()
    context = context_of(worse(reference, 0.05, 255.0), reference, reference, 255.0, "slab-average")
    arrays = [context.prediction, reference, context.input.data]
    before = [digest(array) for array in arrays]
    given = reference if metric.needs_reference else None
    call_metric(metric, replace(context, reference=given))
    if hasattr(metric, "per_slice"):
        _slices(metric, replace(context, reference=given))
    names = ("prediction", "reference", "input")
    altered = [name for name, a, b in zip(names, arrays, before, strict=True) if digest(a) != b]
    if altered:
        raise CheckFailed(f"{' and '.join(altered)} was altered")


@rule(
    "The same volumes give the same score",
    "draw no random numbers, or seed them in the call",
)
def _determinism(trial: Trial) -> None:
    reference = truth()
    prediction = worse(reference, 0.05, 255.0)
    scores = [trial.score(prediction, reference, 255.0) for _ in range(2)]
    if scores[0] != scores[1]:
        raise CheckFailed(f"two calls with the same volumes give {scores[0]!r} and {scores[1]!r}")


def _slices(metric: Any, context: ScoreContext) -> Any:
    if takes_only_context(metric.per_slice):
        return metric.per_slice(context)
    return metric.per_slice(context.prediction, context.reference, context.data_range)


def _number(metric: Any, context: ScoreContext) -> float:
    """Return the score, and skip the check that asks where it is no number."""
    given = context if metric.needs_reference else replace(context, reference=None)
    value = call_metric(metric, given)
    if isinstance(value, float | np.floating | int):
        return float(value)
    raise CheckSkipped("needs a score that is a number, see returns-float")


def _as_floats(context: ScoreContext) -> ScoreContext:
    """Return the same values as float32, those of the input, too."""

    def real(array: Array | None) -> Any:
        return None if array is None else array.astype(np.float32)

    held = context.held_out
    pair = None if held is None else HeldOut(real(held.prediction), real(held.reference))
    return replace(
        context,
        prediction=real(context.prediction),
        reference=real(context.reference),
        input=replace(context.input, data=real(context.input.data)),
        held_out=pair,
        reduced=pair,
    )


def _with_reference(trial: Trial) -> Any:
    metric = trial.build()
    if not metric.needs_reference:
        raise CheckSkipped("it needs no reference, so it knows no perfect prediction")
    return metric


RULES: Sequence[Rule[Trial]] = (
    _interface,
    _settings,
    _returns_float,
    _dtypes,
    _perfect_is_best,
    _reference_honoured,
    _odd_shapes,
    _per_slice,
    _curves,
    _input_unchanged,
    _determinism,
)


def suite(registered: Registered, device: str) -> tuple[Sequence[Rule[Any]], Trial]:
    """Return the rules for metrics, and what they are tried on."""
    return (*DESCRIBED, *RULES), Trial(registered, device)
