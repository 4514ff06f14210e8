"""OME-Zarr's description of one image at several resolutions, 0.1 to 0.5."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from a2ibench.errors import InputError
from a2ibench.volumes.lazy.attributes import by_name
from a2ibench.volumes.stored import VoxelSize


class Level(NamedTuple):
    """One resolution: where its array is, its axes, and its voxel size (z, y, x) in nm where stated."""

    path: str
    names: tuple[str, ...] | None
    voxel_size: VoxelSize | None


def levels(attributes: Mapping[str, Any], where: str) -> list[Level]:
    """Return the resolutions that a group's attributes describe, finest first; none for other groups.

    Raises
    ------
    InputError
        If the description is damaged.
    """
    # Since 0.5 under a key of its own.
    inner = attributes.get("ome")
    described = (inner if isinstance(inner, Mapping) else attributes).get("multiscales")
    if described is None:
        return []
    try:
        image = described[0]
        names, units = _axes(image.get("axes"))
        outer = image.get("coordinateTransformations")
        return [_level(dataset, names, units, outer) for dataset in image["datasets"]]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        raise InputError(f"{where}: damaged: multiscales in its attributes are malformed") from None


def pick(found: list[Level], level: int | None, where: str) -> tuple[int, Level]:
    """Return the number of the resolution that is wanted, by default the finest, and that resolution.

    Raises
    ------
    InputError
        If there is no such level.
    """
    number, count = 0 if level is None else level, len(found)
    if not 0 <= number < count:
        raise InputError(f"{where}: level is {number}, but there are {count}; give 0 to {count - 1}")
    return number, found[number]


def _axes(stated: Any) -> tuple[tuple[str, ...] | None, list[Any]]:
    if stated is None:
        return None, []
    # Names alone until 0.3, then with type and unit.
    each = [axis if isinstance(axis, dict) else {"name": axis} for axis in stated]
    names = [axis["name"] for axis in each]
    if not all(isinstance(name, str) for name in names):
        raise TypeError
    return tuple(name.lower() for name in names), [axis.get("unit") for axis in each]


def _level(dataset: Any, names: tuple[str, ...] | None, units: list[Any], outer: Any) -> Level:
    scale = _scale(dataset.get("coordinateTransformations"))
    overall = _scale(outer)
    if scale is not None and overall is not None:
        scale = [one * other for one, other in zip(scale, overall, strict=True)]
    scale = scale or overall
    path = dataset["path"]
    if not isinstance(path, str):
        raise TypeError
    if names is None or scale is None:
        return Level(path, names, None)
    return Level(path, names, by_name(names, scale, units))


def _scale(transformations: Any) -> list[float] | None:
    for one in transformations or ():
        if one.get("type") == "scale" and "scale" in one:
            return [float(value) for value in one["scale"]]
    return None
