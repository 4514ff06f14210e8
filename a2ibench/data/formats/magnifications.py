"""What WEBKNOSSOS states about the magnifications of a layer: where they are, their axes and voxel size."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from a2ibench.data.formats.metadata import VoxelSize, by_name
from a2ibench.data.formats.source import Source
from a2ibench.errors import InputError

PROPERTIES = "datasource-properties.json"
_CUSTOMARY = {3: ("x", "y", "z"), 4: ("c", "x", "y", "z")}
_FACTORS = re.compile(r"(\d{1,6})(?:-(\d{1,6})-(\d{1,6}))?")


class Magnification(NamedTuple):
    """One resolution of a layer.

    Parameters
    ----------
    name : str
        As WEBKNOSSOS writes it: 1, 2-2-1.
    path : str
        From the folder of the dataset.
    order : mapping
        Which stored axis is which, by name, where that is stated.
    voxel_size : tuple of float or None
        Nanometres, (z, y, x).
    """

    name: str
    path: str
    order: Mapping[str, int]
    voxel_size: VoxelSize | None

    def names(self, rank: int) -> tuple[str, ...]:
        """Return the names of the axes, as stored."""
        at = {axis: name for name, axis in self.order.items()}
        if at:
            return tuple(at.get(axis, "?") for axis in range(rank))
        return _CUSTOMARY.get(rank, ("?",) * rank)


class Layer(NamedTuple):
    """One layer, with its magnifications from the finest on."""

    name: str
    category: str
    data_format: str
    magnifications: Sequence[Magnification]


def factors(name: str) -> tuple[int, int, int] | None:
    """Return the factors (x, y, z) of a magnification's name; None for other names."""
    match = _FACTORS.fullmatch(name)
    if match is None:
        return None
    x = int(match[1])
    return x, int(match[2] or x), int(match[3] or x)


def same_place(path: str, other: str) -> bool:
    """Return whether two paths are equal, but for two spellings of a magnification, such as 2 and 2-2-2."""
    one, two = (text.strip("/").split("/") for text in (path, other))
    if one[:-1] != two[:-1]:
        return False
    return one[-1] == two[-1] or (factors(one[-1]) is not None and factors(one[-1]) == factors(two[-1]))


def layers(root: Source) -> list[Layer] | None:
    """Return the layers of the dataset in a folder; None where it is none.

    Raises
    ------
    InputError
        If its description is damaged.
    """
    described = root.read_json(PROPERTIES)
    if described is None:
        return None
    try:
        return [_layer(layer, described.get("scale")) for layer in described["dataLayers"]]
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise InputError(f"{(root / PROPERTIES).text}: damaged: its layers are malformed") from None


def _layer(layer: Mapping[str, Any], scale: Any) -> Layer:
    name = str(layer["name"])
    stated = layer.get("mags") or layer.get("wkwResolutions") or []
    found = [_magnification(name, one, scale) for one in stated]
    found.sort(key=lambda one: math.prod(factors(one.name) or (1,)))
    return Layer(name, str(layer.get("category", "")), str(layer.get("dataFormat", "")).lower(), found)


def _magnification(layer: str, stated: Mapping[str, Any], scale: Any) -> Magnification:
    given = stated["mag"] if "mag" in stated else stated["resolution"]
    x, y, z = (int(factor) for factor in (given if isinstance(given, list) else [given] * 3))
    if min(x, y, z) < 1:
        raise ValueError
    name = str(x) if x == y == z else f"{x}-{y}-{z}"
    path = str(stated.get("path") or f"{layer}/{name}").removeprefix("./")
    order = {str(axis).lower(): int(at) for axis, at in (stated.get("axisOrder") or {}).items()}
    # A list of nanometres until units came.
    numbers, unit = (scale.get("factor"), scale.get("unit")) if isinstance(scale, dict) else (scale, "nm")
    size = None
    if isinstance(numbers, list) and len(numbers) == 3:
        sizes = [float(number) * factor for number, factor in zip(numbers, (x, y, z), strict=True)]
        size = by_name(("x", "y", "z"), sizes, [unit] * 3)
    return Magnification(name, path, order, size)


def magnification_of(place: Source) -> Magnification | None:
    """Return what a dataset around it states about the array in a folder; None where nothing does.

    Raises
    ------
    InputError
        If the dataset's description is damaged.
    """
    inner, root = place.name, place.parent
    for _ in range(2):
        if root is None:
            return None
        for layer in layers(root) or ():
            for one in layer.magnifications:
                if same_place(one.path, inner) or same_place(f"{layer.name}/{one.name}", inner):
                    return one
        inner, root = f"{root.name}/{inner}", root.parent
    return None
