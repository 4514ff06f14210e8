"""Calling a metric, such that what it returns can be trusted to have the form of a score."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from a2ibench.contracts.planes import PLANES
from a2ibench.errors import PluginError, one_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    """

    value: float
    version: int
    slices: dict[str, NDArray[np.float32]] = field(default_factory=dict)


def measure(
    metric: Any, name: str, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float
) -> Measured | None:
    """Score a reconstruction by one metric; None where it needs a reference and there is none.

    Parameters
    ----------
    metric : Metric
        Whatever a plugin registered as one.
    name : str
        Under which it is registered.
    prediction, reference : ndarray, shape (z, y, x)
        Of one dtype; the reference may be None.
    data_range : float
        Width of the intensity range, in grey levels.

    Raises
    ------
    PluginError
        If the metric does not keep its contract; whatever it raises passes.
    """
    import numpy as np

    if metric.needs_reference and reference is None:
        return None
    own = getattr(metric, "name", name)
    if own != name:
        raise PluginError(f"is called {_shown(own)}, but registered as {name!r}; give it that name")
    version = _version(metric.version)
    value = _value(metric(prediction, reference, data_range))
    if np.isnan(value) or not hasattr(metric, "per_slice"):
        return Measured(value, version)
    slices = metric.per_slice(prediction, reference, data_range)
    return Measured(value, version, _slices(slices, prediction.shape))


def try_metric(metric: Any, name: str) -> None:
    """Score a small volume and its copy with noise, as a trial.

    Raises
    ------
    PluginError
        If the metric does not keep its contract; whatever it raises passes.
    """
    import numpy as np

    reference = np.random.default_rng(0).integers(0, 200, (24, 24, 24)).astype(np.uint8)
    prediction = reference + np.uint8(3)
    for array in (reference, prediction):
        array.flags.writeable = False
    measure(metric, name, prediction, reference, 255.0)


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


def _slices(given: Any, shape: tuple[int, ...]) -> dict[str, NDArray[np.float32]]:
    import numpy as np

    counts = {plane: shape[stacked] for plane, (stacked, *_) in PLANES.items()}
    try:
        found = {plane: np.asarray(values, np.float32) for plane, values in dict(given).items()}
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"per_slice gave {_shown(given)}: {one_line(error, 100)}; give arrays by plane"
        ) from None
    for plane, values in found.items():
        if plane not in counts:
            raise PluginError(f"per_slice gave plane {_shown(plane)}; give some of {', '.join(counts)}")
        if values.shape != (counts[plane],):
            raise PluginError(
                f"per_slice gave shape {values.shape} for {plane}; give {counts[plane]} values, one a slice"
            )
    return found


def _shown(given: Any) -> str:
    try:
        return one_line(repr(given), 60)
    except Exception:
        return f"a {type(given).__name__}"
