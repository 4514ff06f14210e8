"""What makes a protocol: the points in which results must agree to be compared, and how each is said."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from a2ibench.errors import one_line
from a2ibench.values import Reader, literal, number, one_of, prose, rising, several, whole, within

_LONGEST = 200
_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Words:
    """What a source says of a point in words, which can be shown but not compared."""

    text: str


@dataclass(frozen=True)
class Point:
    """One thing that results must have in common to be compared.

    Parameters
    ----------
    title : str
        What it is, for people.
    read : callable
        Reads the value that a file states.
    say : callable
        Returns a value as a text.
    """

    title: str
    read: Reader
    say: Callable[[Any], str] = str


def _settings(value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        raise ValueError("is no table; give one such as {gaussian = 0.0}")
    return {one_line(key, 80): within(f".{one_line(key, 80)}", _NUMBER, item) for key, item in value.items()}


def _crop(value: Any) -> Any:
    return value if value == _WHOLE else _PAIRS(value)


def _pairs(value: Any) -> str:
    if value == _WHOLE:
        return "the whole stored volume"
    return ", ".join(f"{start} to {stop}" for start, stop in value)


def _binning(value: Any) -> str:
    return "none" if value == 1 else f"{value} x {value} x {value}, averaged"


def _product(value: Any) -> str:
    return " x ".join(f"{one:g}" for one in value)


def _pairs_of_names(value: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {one:g}" for name, one in sorted(value.items())) or "none"


def _one_of(said: Mapping[str, str]) -> tuple[Reader, Callable[[Any], str]]:
    return one_of(said), lambda value: said.get(value, str(value))


_WHOLE = "whole"
_NUMBER = number("a finite number")
_POSITIVE = number("a positive number", lambda value: 0 < value < math.inf)
_PAIRS = several(rising(whole(0), "[start, stop], start below stop"), 3, "pairs", '(z, y, x), or "whole"')
_AXES = {"z": "z", "y": "y", "x": "x"}
_TRAINED_ON = {"input": "the input alone", "nothing": "nothing"}
_OVER = {
    "volume": "all voxels of the volume",
    "xz+yz": "the mean over the axial slices",
    **{plane: f"the mean over the {plane} slices" for plane in ("xy", "xz", "yz")},
}
_COVARIANCES = {"population": "of the population", "sample": "of a sample"}

PROTOCOL: Mapping[str, Point] = {
    "voxel_size": Point(
        "voxel size of the reference (nm)", several(_POSITIVE, 3, "numbers", "(z, y, x) in nm"), _product
    ),
    "bin": Point("binning", whole(1), _binning),
    "crop": Point("region", _crop, _pairs),
    "shape": Point(
        "voxels of the reference", several(whole(1), 3, "whole numbers", "(z, y, x) in voxels"), _product
    ),
    "ratio": Point(
        "ratio", number("a number of at least 1", lambda value: 1 <= value < math.inf), "{:g}".format
    ),
    "axis": Point("axis that was degraded", *_one_of(_AXES)),
    "degradation": Point("degradation", literal),
    "settings": Point("settings of the degradation", _settings, _pairs_of_names),
    "trained_on": Point("training data", *_one_of(_TRAINED_ON)),
}
"""Points of data, input and training, in the order in which they are told."""

SCORING: Mapping[str, Point] = {
    "over": Point("what is averaged", *_one_of(_OVER)),
    "data_range": Point("data range", _POSITIVE, "{:g}".format),
    "rounded": Point("rounding of predictions", literal),
    "border": Point("border that is left out (voxels)", whole(0)),
    "window": Point("window", prose),
    "constants": Point("constants K1 and K2", several(_POSITIVE, 2, "numbers", "K1 and K2"), _product),
    "covariance": Point("covariance", *_one_of(_COVARIANCES)),
}
"""Points of scores."""


def stated(point: Point) -> Reader:
    """Return a reader of a point: of its value, or of ``{words = "..."}``."""

    def read(value: Any) -> Any:
        if isinstance(value, dict) and value.keys() == {"words"}:
            return Words(within(".words", prose, value["words"]))
        return point.read(value)

    return read


def said(point: Point, value: Any) -> str:
    """Return a value of a point as one line, also one of a record; what is but words says so."""
    if isinstance(value, Words):
        return f"{one_line(value.text, _LONGEST)} (stated in words only)"
    try:
        return one_line(point.say(value), _LONGEST)
    except (TypeError, ValueError, AttributeError):
        # Records of other programs may hold anything.
        return one_line(str(value), _LONGEST)


def same(first: Any, second: Any) -> bool:
    """Whether two values of a point agree, numbers but for rounding; words agree with nothing."""
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        return first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same, first, second))
    if isinstance(first, int | float) and isinstance(second, int | float):
        return math.isclose(first, second, rel_tol=_TOLERANCE)
    return isinstance(first, str) and first == second
