"""Scores of one reconstruction; a metric that fails costs nothing but its own score."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.errors import one_line
from a2ibench.isolation.endings import is_ctrl_c, no_exit
from a2ibench.plugins import host
from a2ibench.plugins.measuring import measure

SCORES = "scores.npz"


@dataclass
class Scores:
    """What the metrics gave.

    Parameters
    ----------
    metrics : dict
        ``{"value", "version"}`` by metric; absent where it is not defined or failed.
    errors : dict of str
        One line by metric that failed.
    slices : dict of ndarray of float32
        Values of each slice by ``"metric.plane"``.
    """

    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    slices: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write the values of each slice to scores.npz, if there are any."""
        if self.slices:
            np.savez_compressed(folder / SCORES, **self.slices)  # type: ignore[arg-type]


def score(
    names: tuple[str, ...], prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float
) -> Scores:
    """Score a reconstruction by every metric that can.

    Parameters
    ----------
    names : tuple of str
        Registered metrics; those that need a reference are left out where there is none.
    prediction, reference : ndarray, shape (z, y, x)
        Of one dtype; the reference may be None.
    data_range : float
        Width of the intensity range, in grey levels.
    """
    prediction, reference = _locked(prediction), None if reference is None else _locked(reference)
    scores = Scores()
    for name in names:
        try:
            metric = host().build("metric", name)
            # One that ends the process would cost the whole job.
            with no_exit():
                measured = measure(metric, name, prediction, reference, data_range)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt) and is_ctrl_c():
                raise
            scores.errors[name] = one_line(error)
            continue
        if measured is not None and not math.isnan(measured.value):
            scores.metrics[name] = {"value": measured.value, "version": measured.version}
            scores.slices |= {f"{name}.{plane}": values for plane, values in measured.slices.items()}
    return scores


def _locked(array: NDArray[Any]) -> NDArray[Any]:
    view = array.view()
    view.flags.writeable = False
    return view
