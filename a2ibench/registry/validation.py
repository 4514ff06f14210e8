"""What plugins may register, and checks of what they hand over: registrations, and scores of metrics."""

from __future__ import annotations

import inspect
import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from a2ibench.contracts import (
    API_VERSION,
    REPORTER_API_VERSION,
    Curve,
    DatasetSpec,
    DegradationSpec,
    MethodSpec,
    MetricSpec,
    ReporterSpec,
    ScoreContext,
    Volume,
)
from a2ibench.contracts.planes import PLANES
from a2ibench.errors import InputError, PluginError, one_line, printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Spec = MethodSpec | DegradationSpec | MetricSpec | DatasetSpec | ReporterSpec

KINDS: Final[Mapping[str, type[Spec]]] = {
    "method": MethodSpec,
    "degradation": DegradationSpec,
    "metric": MetricSpec,
    "dataset": DatasetSpec,
    "reporter": ReporterSpec,
}

_TAKE_A_RUN: Final = "let its function take an a2ibench.Run, whose `folder` is what version 1 handed over"
_MOST_DECIMALS: Final = 12
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,98}[a-z0-9])?")
_CURVE_NAME = re.compile(r"[a-z0-9_]{1,40}")
_SOURCES = ("path", "url", "phantom", "instructions")


def check_spec(kind: str, spec: object) -> None:
    """Check one registration.

    Parameters
    ----------
    kind : str
        One of `KINDS`.
    spec : object
        What a plugin handed to ``register``.

    Raises
    ------
    PluginError
        If it is no spec of that kind, or a field of it cannot be used.
    """
    expected = KINDS[kind]
    if not isinstance(spec, expected):
        raise PluginError(f"registered a {type(spec).__name__} as a {kind}; give a {expected.__name__}")
    _check_name(kind, spec.name)
    if isinstance(spec, DatasetSpec):
        _check_dataset(spec)
    else:
        _check_importable(kind, spec)


def check_name(name: object) -> None:
    """Accept what may be the name of a method, dataset, metric, degradation, reporter or variant.

    Raises
    ------
    ValueError
        If it is none; says what to give.
    """
    # A job's folder is called dataset--method--s0, hence no "--" within a name.
    if not isinstance(name, str) or not _NAME.fullmatch(name) or "--" in name:
        raise ValueError(
            "bad name; give at most 100 lowercase letters, digits and '.', '_', '-', "
            "with a letter or digit at both ends and without '--'"
        )


def _check_name(kind: str, name: object) -> None:
    try:
        check_name(name)
    except ValueError as error:
        raise PluginError(f"{kind} {name!r}: {error}") from None


def _check_importable(kind: str, spec: Any) -> None:
    supported = REPORTER_API_VERSION if kind == "reporter" else API_VERSION
    if spec.api_version != supported:
        hint = "install releases of both that match"
        if (kind, spec.api_version) == ("reporter", 1):
            hint = f"{_TAKE_A_RUN}, and leave api_version out"
        raise PluginError(
            f"{kind} {spec.name!r}: api_version is {spec.api_version!r}, this a2ibench supports {supported}"
            f"; {hint}"
        )
    module, _, attribute = str(spec.target).partition(":")
    if not all(part.isidentifier() for part in (*module.split("."), attribute)):
        raise PluginError(f"{kind} {spec.name!r}: target is {spec.target!r}; give 'package.module:Class'")
    for name in ("summary", "citation"):
        if not isinstance(getattr(spec, name), str):
            raise PluginError(f"{kind} {spec.name!r}: {name} is {getattr(spec, name)!r}; give a text")
    if isinstance(spec, MetricSpec):
        _check_metric(spec)


def call_reporter(report: Callable[[Any], Any], run: Any) -> Any:
    """Hand a run to a reporter, and return what it returns.

    Raises
    ------
    PluginError
        If it was written for version 1 of the contract, which handed over the folder of the run.
    """
    try:
        parameter = next(iter(inspect.signature(report).parameters.values()))
    except (StopIteration, TypeError, ValueError):
        parameter = None
    if parameter is not None and (
        parameter.name == "run_folder" or parameter.annotation in (Path, "Path", "pathlib.Path")
    ):
        raise PluginError(f"takes {parameter.name}, as version 1 of the contract wanted; {_TAKE_A_RUN}")
    try:
        return report(run)
    except (AttributeError, TypeError) as error:
        if "'Run'" in str(error):
            raise PluginError(f"{one_line(error)}; {_TAKE_A_RUN}") from error
        raise


def _check_metric(spec: MetricSpec) -> None:
    where, decimals, drop = f"metric {spec.name!r}", spec.decimals, spec.allowed_drop
    for name, text in (("heading", spec.heading), ("unit", spec.unit)):
        if not isinstance(text, str) or text != printable(text):
            raise PluginError(f"{where}: {name} is {text!r}; give a printable text")
    if decimals is not None and (type(decimals) is not int or not 0 <= decimals <= _MOST_DECIMALS):
        raise PluginError(
            f"{where}: decimals is {decimals!r}; give None or a number from 0 to {_MOST_DECIMALS}"
        )
    if drop is not None and not (_is_length(drop) and not isinstance(drop, bool)):
        raise PluginError(f"{where}: allowed_drop is {drop!r}; give None or a positive number")
    for name in ("on_request", "in_tables", "ranked"):
        if not isinstance(getattr(spec, name), bool):
            raise PluginError(f"{where}: {name} is {getattr(spec, name)!r}; give True or False")
    limit = spec.limit
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int | float)):
        raise PluginError(f"{where}: limit is {limit!r}; give None or a number")


def _check_dataset(spec: DatasetSpec) -> None:
    given = [source for source in _SOURCES if getattr(spec, source) not in (None, "")]
    if len(given) != 1:
        raise PluginError(
            f"dataset {spec.name!r}: gives {' and '.join(given) or 'no source'}; "
            f"give exactly one of {', '.join(_SOURCES)}"
        )
    if spec.path is not None and not isinstance(spec.path, Path):
        raise PluginError(f"dataset {spec.name!r}: path is {spec.path!r}; give a pathlib.Path")
    if not isinstance(spec.labels, bool | Path):
        raise PluginError(f"dataset {spec.name!r}: labels is {spec.labels!r}; give True or a pathlib.Path")
    sizes: Any = spec.voxel_size
    if not (isinstance(sizes, tuple | list) and len(sizes) == 3 and all(map(_is_length, sizes))):
        raise PluginError(
            f"dataset {spec.name!r}: voxel_size is {sizes!r}; give 3 positive numbers (z, y, x) in nm"
        )


def _is_length(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and value > 0


@dataclass(frozen=True)
class Measured:
    """What a metric gave.

    Parameters
    ----------
    value : float
        NaN where the metric is not defined.
    version : int
        Of the metric.
    slices : dict of ndarray of float32
        Values of each slice by family of planes.
    curves : dict of Curve
        By name, of float64.
    """

    value: float
    version: int
    slices: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    curves: dict[str, Curve] = field(default_factory=dict)


def measure(metric: Any, name: str, context: ScoreContext) -> Measured | None:
    """Score a reconstruction by one metric; None where it needs a reference and there is none.

    Parameters
    ----------
    metric : Metric
        Whatever a plugin registered as one.
    name : str
        Under which it is registered.
    context : ScoreContext
        The reconstruction, and all that is known of it.

    Raises
    ------
    PluginError
        If the metric does not keep its contract; whatever it raises passes.
    """
    import numpy as np

    if metric.needs_reference and context.reference is None:
        return None
    own = getattr(metric, "name", name)
    if own != name:
        raise PluginError(f"is called {_shown(own)}, but registered as {name!r}; give it that name")
    version = _version(metric.version)
    value = _value(call_metric(metric, context))
    if np.isnan(value):
        return Measured(value, version)
    curves = curves_of(metric, context) if gives_curves(metric) else {}
    return Measured(value, version, _by_slice(metric, context), curves)


def _by_slice(metric: Any, context: ScoreContext) -> dict[str, NDArray[np.float32]]:
    if not hasattr(metric, "per_slice"):
        return {}
    if takes_only_context(metric.per_slice):
        return _slices(metric.per_slice(context), None)
    slices = metric.per_slice(context.prediction, context.reference, context.data_range)
    return _slices(slices, context.prediction.shape)


def call_metric(metric: Any, context: ScoreContext) -> Any:
    """Return what a metric gives, by its ``score(context)`` where it has one, else by a call."""
    if takes_context(metric):
        return metric.score(context)
    return metric(context.prediction, context.reference, context.data_range)


def takes_context(metric: Any) -> bool:
    """Whether a metric is to be scored by its ``score``, not by a call.

    One that can be called may have a ``score`` of its own for other ends, which takes no `context`.
    """
    score = getattr(metric, "score", None)
    if not callable(score) or not callable(metric):
        return callable(score)
    return takes_only_context(score)


def gives_curves(metric: Any) -> bool:
    """Whether a metric hands over curves beside its value.

    One of an earlier day may have a member of that name for ends of its own, which takes no `context` alone.
    """
    return takes_only_context(getattr(metric, "curves", None))


def curves_of(metric: Any, context: ScoreContext) -> dict[str, Curve]:
    """Return the curves that a metric hands over, of float64; PluginError where they are none."""
    import numpy as np

    given = metric.curves(context)
    found: dict[str, Curve] = {}
    try:
        for name, curve in dict(given).items():
            found[name] = Curve(np.asarray(curve.x, np.float64), np.asarray(curve.y, np.float64))
    except (AttributeError, TypeError, ValueError) as error:
        raise PluginError(
            f"curves gave {_shown(given)}: {one_line(error, 100)}; give curves by name"
        ) from None
    for name, curve in found.items():
        if not isinstance(name, str) or not _CURVE_NAME.fullmatch(name):
            raise PluginError(f"curves gave the name {_shown(name)}; give at most 40 of a-z, 0-9 and _")
        if curve.x.ndim != 1 or curve.x.shape != curve.y.shape:
            raise PluginError(f"curves gave shapes {curve.x.shape} and {curve.y.shape} for {name}; give one")
        if not np.isfinite(curve.x).all() or not (np.diff(curve.x) > 0).all():
            raise PluginError(f"curves gave an x for {name} that is not finite and ascending; sort it")
    return found


def takes_only_context(function: Any) -> bool:
    """Whether a function takes a `context` and nothing else."""
    try:
        return list(inspect.signature(function).parameters) == ["context"]
    except (TypeError, ValueError):
        return False


def why_not_ready(metric: Any) -> str:
    """Return why a metric cannot score with the settings that it has; empty where it can, or does not tell.

    Raises
    ------
    PluginError
        If it fails to tell.
    """
    try:
        if callable(getattr(metric, "check_settings", None)):
            metric.check_settings()
    except InputError as error:
        return one_line(error)
    except Exception as error:
        raise PluginError(f"metric {_shown(metric)}: check_settings failed: {one_line(error)}") from error
    return ""


def try_metric(metric: Any, name: str) -> None:
    """Score a small volume and its copy with noise, as a trial; not where it waits for a setting.

    Raises
    ------
    PluginError
        If the metric does not keep its contract; whatever it raises passes.
    """
    import numpy as np

    if why_not_ready(metric):
        return
    reference = np.random.default_rng(0).integers(0, 200, (24, 24, 24)).astype(np.uint8)
    prediction = reference + np.uint8(3)
    coarse = reference.reshape(8, 3, 24, 24).mean(axis=1).astype(np.uint8)
    for array in (reference, prediction, coarse):
        array.flags.writeable = False
    acquired = Volume(coarse, (30.0, 10.0, 10.0), (0.0, 255.0), "trial")
    spacing = (10.0, 10.0, 10.0)
    measure(metric, name, ScoreContext(prediction, reference, 255.0, spacing, acquired, 3.0, "slab-average"))


def _version(given: Any) -> int:
    try:
        if isinstance(given, bool):
            raise TypeError
        return operator.index(given)
    except TypeError:
        raise PluginError(f"version is {_shown(given)}; give a whole number") from None


def _value(given: Any) -> float:
    import numpy as np

    try:
        if isinstance(given, str | bytes | bool | np.bool_) or np.ndim(given) != 0:
            raise TypeError
        return float(given)
    except (TypeError, ValueError, OverflowError):
        raise PluginError(f"gave {_shown(given)}; give one number") from None


def _slices(given: Any, shape: tuple[int, ...] | None) -> dict[str, NDArray[np.float32]]:
    import numpy as np

    try:
        found = {plane: np.asarray(values, np.float32) for plane, values in dict(given).items()}
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"per_slice gave {_shown(given)}: {one_line(error, 100)}; give arrays by plane"
        ) from None
    for plane, values in found.items():
        if plane not in PLANES:
            raise PluginError(f"per_slice gave plane {_shown(plane)}; give some of {', '.join(PLANES)}")
        count = values.size if shape is None else shape[PLANES[plane][0]]
        if values.shape != (count,):
            raise PluginError(
                f"per_slice gave shape {values.shape} for {plane}; give {count} values, one a slice"
            )
    return found


def _shown(given: Any) -> str:
    try:
        return one_line(repr(given), 60)
    except Exception:
        return f"a {type(given).__name__}"
