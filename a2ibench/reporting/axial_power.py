"""The figure of axial over lateral power by octave: a panel for each dataset, a line for each method."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from a2ibench.bench.record import Record
from a2ibench.reporting.canvas import FINE, TITLE, Canvas, drawable

_ACROSS = 3
_WIDTH, _HEIGHT = 2.7, 1.9
_LEFT, _BELOW, _APART = 0.45, 0.42, 0.2
_KEY = 1.5
_ABOUT = "axial over lateral power by octave; no score: axial noise and lateral smoothing raise it, too"
_REFERENCE = "reference"
_MARKERS = "os^Dv"


@dataclass(frozen=True)
class Curves:
    """Axial over lateral power on one dataset.

    Parameters
    ----------
    dataset : str
        Name.
    octaves : tuple of float
        Centres of the octaves, cycles/nm.
    methods : mapping of str to tuple of float
        Ratios by method, the geometric mean over the seeds.
    reference : tuple of float
        Those of the reference; empty where there is none.
    """

    dataset: str
    octaves: tuple[float, ...]
    methods: Mapping[str, tuple[float, ...]]
    reference: tuple[float, ...] = ()


@dataclass
class _Found:
    octaves: tuple[float, ...] = ()
    reference: tuple[float, ...] = ()
    methods: dict[str, list[tuple[float, ...]]] = field(default_factory=dict)


def axial_power_curves(records: Sequence[Record]) -> list[Curves]:
    """Collect what records tell of axial power, dataset by dataset.

    Parameters
    ----------
    records : sequence of Record
        Those of a dataset beside each other; those that tell nothing of it, or of other octaves than the
        first of their dataset, are left out.
    """
    curves = []
    for dataset, members in groupby(records, key=lambda record: record.dataset):
        found = _Found()
        for record in members:
            told = record.provenance.get("axial_power")
            if record.ok and isinstance(told, Mapping):
                _add(found, told, f"{record.method} (external)" if record.external else record.method)
        if found.methods:
            means = {
                method: tuple(np.exp(np.log(ratios).mean(axis=0)).tolist())
                for method, ratios in found.methods.items()
            }
            curves.append(Curves(dataset, found.octaves, means, found.reference))
    return curves


def _add(found: _Found, told: Mapping[str, Any], method: str) -> None:
    octaves, ratio = _positive(told.get("octaves")), _positive(told.get("ratio"))
    if not octaves or len(octaves) != len(ratio) or found.octaves not in ((), octaves):
        return
    found.octaves = octaves
    found.methods.setdefault(method, []).append(ratio)
    reference = _positive(told.get(_REFERENCE))
    if len(reference) == len(octaves):
        found.reference = reference


def _positive(given: Any) -> tuple[float, ...]:
    """Return positive numbers, which logarithms are taken of; nothing where any is none."""
    if not isinstance(given, list | tuple):
        return ()
    usable = all(isinstance(one, int | float) and math.isfinite(one) and one > 0 for one in given)
    return tuple(map(float, given)) if usable else ()


def draw_axial_power(curves: Sequence[Curves]) -> Figure:
    """Return the figure of `axial_power_curves`, which are one or more."""
    across = min(_ACROSS, len(curves))
    step = _LEFT + _WIDTH + _APART, TITLE + _HEIGHT + _BELOW
    bands = math.ceil(len(curves) / across)
    canvas = Canvas.of("axial power", _ABOUT, across * step[0] + _KEY, bands * step[1])
    names = list(dict.fromkeys(name for one in curves for name in one.methods))
    styles = {name: _style(index) for index, name in enumerate(names)}
    values = [value for one in curves for line in (*one.methods.values(), one.reference) for value in line]
    limits = min(0.5, min(values) / 1.3), max(2.0, max(values) * 1.3)
    for index, one in enumerate(curves):
        left, top = index % across * step[0] + _LEFT, index // across * step[1] + TITLE
        canvas.text(left, top, one.dataset)
        axes = canvas.axes(left, top, _WIDTH, _HEIGHT)
        _panel(axes, one, styles)
        axes.set_ylim(*limits)
        if index == across - 1:
            _key(axes, styles, any(other.reference for other in curves))
    return canvas.figure


def _style(index: int) -> dict[str, Any]:
    colours = colormaps["tab10"]
    return {
        "color": colours(index % colours.N),
        "marker": _MARKERS[index // colours.N % len(_MARKERS)],
        "markersize": 3,
        "linewidth": 1,
    }


_DASHED: dict[str, Any] = {"color": "black", "linestyle": "--", "linewidth": 1}


def _panel(axes: Axes, one: Curves, styles: Mapping[str, Mapping[str, Any]]) -> None:
    axes.axhline(1, color="0.8", linewidth=0.6, zorder=0)
    if one.reference:
        axes.plot(one.octaves, one.reference, **_DASHED)
    for name, ratio in one.methods.items():
        axes.plot(one.octaves, ratio, **styles[name])
    axes.set(xscale="log", yscale="log")
    # An octave goes from its centre by half of it to either side.
    ends = [(1 / (centre * math.sqrt(2)), math.sqrt(2) / centre) for centre in one.octaves]
    axes.set_xticks(one.octaves, [f"{low:.3g}-{high:.3g}" for low, high in ends], fontsize=FINE)
    axes.set_xticks([], minor=True)
    axes.set_xlim(one.octaves[0] / math.sqrt(2), one.octaves[-1] * math.sqrt(2))
    axes.tick_params(labelsize=FINE, width=0.4, length=2)
    axes.set_xlabel("wavelength (nm)", fontsize=FINE, labelpad=2)


def _key(axes: Axes, styles: Mapping[str, Mapping[str, Any]], with_reference: bool) -> None:
    lines = {name: Line2D([], [], **style) for name, style in styles.items()}
    if with_reference:
        lines = {_REFERENCE: Line2D([], [], **_DASHED), **lines}
    key = axes.legend(
        list(lines.values()),
        [drawable(name) for name in lines],
        loc="upper left",
        bbox_to_anchor=(1.02, 1.0),
        borderaxespad=0,
        frameon=False,
        fontsize=FINE,
    )
    for text in key.get_texts():
        text.set_parse_math(False)
