"""Which planes a page shows, and their encoding: PNG in text, as the browser reads it."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from a2ibench.bench.kept_planes import input_slices
from a2ibench.contracts.planes import PLANES
from a2ibench.reporting.page.viewer_stacks import (
    DISAGREEMENT,
    INPUT,
    METHOD,
    SIDES,
    Place,
    Planes,
    Stacks,
    cut,
)

ROOM = 10 << 20
"""Characters that the planes of a page may take."""

# Electron micrographs take about 0.63 bytes a voxel as PNG, and base64 a third more.
_CHARACTERS = 0.85
_STEPS = 255


@dataclass(frozen=True)
class Levels:
    """How grey levels become the 256 of a picture: ``level = low + step * value``.

    Parameters
    ----------
    low, step : float
        Grey levels.
    exact : bool
        Whether values are the very grey levels; else they are rounded to the nearest step and clipped.
    """

    low: float
    step: float
    exact: bool

    @classmethod
    def of(cls, stacks: Stacks) -> Levels:
        """Return those that all planes of a dataset share."""
        planes = [part for source in stacks.sources for part in source.planes.values()]
        if all(part.dtype == np.uint8 for part in planes):
            return cls(0.0, 1.0, True)
        low, high = stacks.place.contrast
        if all(part.dtype.kind in "ui" for part in planes):
            lowest = min(int(part.min()) for part in planes)
            if max(int(part.max()) for part in planes) - lowest <= _STEPS:
                return cls(float(lowest), 1.0, True)
        return cls(low, (high - low) / _STEPS or 1.0, False)

    def values(self, planes: Planes) -> NDArray[np.uint8]:
        """Return the values of a picture for grey levels."""
        if planes.dtype == np.uint8 and self.exact:
            return planes
        return _rounded((planes.astype(np.float64) - self.low) / self.step)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    found: NDArray[np.uint8] = np.nan_to_num(np.rint(values).clip(0, _STEPS)).astype(np.uint8)
    return found


def png(values: NDArray[np.uint8]) -> str:
    """Return a plane as a PNG file in base64; what is decoded of it is the same values."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values)).save(stream, format="png", compress_level=9)
    return base64.b64encode(stream.getvalue()).decode("ascii")


class Encoder:
    """Encodes the planes of datasets, as many around each place as there is room for.

    Parameters
    ----------
    stacks : sequence of Stacks
        The datasets.
    """

    def __init__(self, stacks: Sequence[Stacks]) -> None:
        self._stacks = stacks
        self.levels = [Levels.of(one) for one in stacks]
        self.limits = [_disagreement_limit(one) for one in stacks]
        self._texts: dict[tuple[int, ...], str] = {}

    def fitting(self, planes: int | None = None, room: int = ROOM) -> list[Place]:
        """Return for each dataset the place whose planes are to be shown.

        Parameters
        ----------
        planes : int, optional
            In each direction at most; by default as many as were kept.
        room : int
            Characters that all may take. Where one plane in each direction takes more, sides are cut.
        """
        if not self._stacks:
            return []
        most = max(max(stop - start for start, stop in one.place.stack) for one in self._stacks)
        most = most if planes is None else min(most, planes)
        side = next((side for side in SIDES if self._voxels(side) * _CHARACTERS <= room), SIDES[-1])
        count = 1
        while count < most and self._size(count + 1, side, room) <= room:
            count += 1
        return self._places(count, side)

    def texts(self, index: int, place: Place) -> Iterator[tuple[int, str, str, list[str]]]:
        """Yield number of the source, kind of planes, family, and the planes in base64, for one dataset."""
        for number, name, family, planes in _parts(self._stacks[index], place):
            keys = self._keys(index, number, name, family, place)
            yield number, name, family, [self._text(*pair) for pair in zip(keys, planes, strict=True)]

    def _places(self, count: int, side: int) -> list[Place]:
        return [one.place.within(count, side) for one in self._stacks]

    def _voxels(self, side: int) -> int:
        places = zip(self._stacks, self._places(1, side), strict=True)
        return sum(planes.size for one, place in places for *_, planes in _parts(one, place))

    def _size(self, count: int, side: int, room: int) -> int:
        size = 0
        for index, place in enumerate(self._places(count, side)):
            for number, name, family, planes in _parts(self._stacks[index], place):
                for key, plane in zip(self._keys(index, number, name, family, place), planes, strict=True):
                    size += len(self._text(key, plane)) + 1
                    if size > room:
                        return size
        return size

    def _keys(self, index: int, number: int, name: str, family: str, place: Place) -> list[tuple[int, ...]]:
        along = PLANES[family][0]
        start, stop = place.stack[along]
        if name == INPUT and along == 0:
            start, stop = input_slices((start, stop), place.ratio, place.n_in)
        return [(index, number, name == DISAGREEMENT, along, at) for at in range(start, stop)]

    def _text(self, key: tuple[int, ...], plane: Planes) -> str:
        if key not in self._texts:
            if key[2]:
                values = _rounded(plane.astype(np.float64) / (self.limits[key[0]] or 1.0) * _STEPS)
            else:
                values = self.levels[key[0]].values(plane)
            self._texts[key] = png(values)
        return self._texts[key]


def _parts(stacks: Stacks, place: Place) -> Iterator[tuple[int, str, str, Planes]]:
    """Yield number of the source, kind of planes, family and planes of what lies in a place."""
    for number, source in enumerate(stacks.sources):
        for name, planes in ((source.kind, source.planes), (DISAGREEMENT, source.disagreement)):
            for family in planes:
                yield number, name, family, cut(planes[family], name, family, stacks.place, place)


def error_limit(stacks: Stacks) -> float:
    """Return the error at both ends of the scale, in grey levels, which 99.5 % are below; 0 for none."""
    truth = stacks.reference
    if truth is None:
        return 0.0
    errors = [
        np.abs(source.planes[family].astype(np.float64) - truth.planes[family]).ravel()
        for source in stacks.sources
        if source.kind == METHOD
        for family in PLANES
    ]
    known = np.concatenate(errors)
    known = known[np.isfinite(known)]
    return _tidy(float(np.percentile(known, 99.5))) if known.size else 1.0


def grey_limits(stacks: Stacks) -> tuple[float, float]:
    """Return the grey levels that are black and white at first: 1 % of reference or input lie beyond each."""
    base = stacks.reference or next(source for source in stacks.sources if source.kind == INPUT)
    values = np.concatenate([planes.astype(np.float64).ravel() for planes in base.planes.values()])
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, [1, 99]) if known.size else stacks.place.contrast
    return float(low), float(max(high, low + 1e-6))


def _disagreement_limit(stacks: Stacks) -> float:
    """Return the disagreement at the end of its scale, in parts of the intensity range; 0 for none."""
    parts = [planes for source in stacks.sources for planes in source.disagreement.values()]
    if not parts:
        return 0.0
    values = np.concatenate([part.ravel().astype(np.float64) for part in parts])
    known = values[np.isfinite(values)]
    return float(np.percentile(known, 99.5)) if known.size else 0.0


def _tidy(value: float) -> float:
    """Return a number of two digits that is no smaller; 1 for 0."""
    if not (math.isfinite(value) and value > 0):
        return 1.0
    power = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(round(value / power, 6)) * power:.2g}")
