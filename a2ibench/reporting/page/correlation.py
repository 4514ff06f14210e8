"""The charts of the Fourier shell correlation: one for each wedge, a line for each method."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.scores_file import Curves
from a2ibench.contracts import Curve
from a2ibench.metrics.fsc import WEDGES, Wedge, crossing
from a2ibench.reporting.page.chart import Chart, Line

_METRICS = ("fsc_axial", "fsc_lateral", "fsc_axial_143", "fsc_lateral_143")
"""Each hands over both curves, so any of them will do."""
_THRESHOLDS = (("1/2", 1 / 2), ("1/7", 1 / 7))
_ALONG: Mapping[Wedge, str] = {"axial": "within 30 degrees of z", "lateral": "within 30 degrees of y or x"}


def correlations(dataset: str, jobs: Sequence[tuple[str, Curves]]) -> Iterator[Chart]:
    """Yield the charts of a dataset; none where no job has kept its curves.

    Parameters
    ----------
    dataset : str
        Name.
    jobs : sequence of tuple
        The method of each job, and the curves that it has kept. Those of one method are averaged; those at
        other frequencies than the first ones are left out.
    """
    found = {wedge: _by_method(wedge, jobs) for wedge in WEDGES}
    lines = {wedge: [_line(*one) for one in of.items()] for wedge, of in found.items()}
    heights = [value for of in lines.values() for line in of for value in line.y if math.isfinite(value)]
    if not heights:
        return
    limits = min(0.0, *heights) - 0.03, 1.03
    for wedge, members in lines.items():
        if not members:
            continue
        told = "; ".join(f"{line.name} {line.note}" for line in members)
        words = (
            f"Correlation with the reference in directions {_ALONG[wedge]}, the mean over the seeds. "
            f"Wavelengths at which each first falls: {told}."
        )
        yield Chart(
            f"fsc.{wedge}",
            dataset,
            f"{wedge} Fourier shell correlation",
            "spatial frequency (cycles/nm)",
            "correlation",
            tuple(members),
            thresholds=_THRESHOLDS,
            limits=limits,
            wavelengths=True,
            words=words,
        )


def _by_method(wedge: Wedge, jobs: Sequence[tuple[str, Curves]]) -> dict[str, list[Curve]]:
    found: dict[str, list[Curve]] = {}
    first: NDArray[np.float64] | None = None
    for method, curves in jobs:
        curve = next((curves[name][wedge] for name in _METRICS if wedge in curves.get(name, {})), None)
        if curve is None:
            continue
        first = curve.x if first is None else first
        if np.array_equal(curve.x, first):
            found.setdefault(method, []).append(curve)
    return found


def _line(method: str, curves: Sequence[Curve]) -> Line:
    frequency, mean = curves[0].x, np.mean([curve.y for curve in curves], axis=0)
    note = ", ".join(_fall(name, crossing(frequency, mean, height)) for name, height in _THRESHOLDS)
    x, y = (tuple(float(f"{value:.5g}") for value in values) for values in (frequency, mean))
    return Line(method, x, y, note=note)


def _fall(name: str, frequency: float) -> str:
    if math.isnan(frequency):
        return f"below {name} at no known wavelength"
    return f"below {name} at {1 / frequency:.1f} nm" if math.isfinite(frequency) else f"never below {name}"
