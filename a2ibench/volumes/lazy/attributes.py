"""Voxel sizes and axes in the attributes that N5 and Zarr arrays carry by custom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from a2ibench.volumes.lazy import axes
from a2ibench.volumes.lazy.units import nanometres
from a2ibench.volumes.stored import VoxelSize

Attributes = Mapping[str, Any]


def by_name(names: Sequence[str], values: Sequence[Any], units: Sequence[Any]) -> VoxelSize | None:
    """Return the spacings (z, y, x) in nm of axes that go by `names`, None where some are missing."""
    try:
        sizes = {
            name: float(value) * nanometres(unit)
            for name, value, unit in zip(names, values, units, strict=True)
            if name in ("z", "y", "x")
        }
        return sizes["z"], sizes["y"], sizes["x"]
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def voxel_size(attributes: Attributes, names: Sequence[str], *, reverse: bool) -> VoxelSize | None:
    """Return the voxel size in nm, (z, y, x), where attributes state it with its unit.

    Known are ``transform`` of COSEM (axes, scale, units), ``pixelResolution`` of N5 viewers (dimensions,
    unit; x first) with ``downsamplingFactors``, and ``voxel_size`` or ``resolution`` with ``units``.

    Parameters
    ----------
    attributes : mapping
        Of one array.
    names : sequence of str
        Its axes, as stored.
    reverse : bool
        Whether lists are x first, as in N5, and not in the order of `names`.
    """
    transform = attributes.get("transform")
    if isinstance(transform, dict):
        found = by_name(*(_list(transform.get(field)) for field in ("axes", "scale", "units")))
        if found is not None:
            return found
    resolution = attributes.get("pixelResolution")
    if isinstance(resolution, dict):
        sizes, unit = _list(resolution.get("dimensions")), resolution.get("unit")
        factors = _list(attributes.get("downsamplingFactors")) or [1] * len(sizes)
        try:
            sizes = [float(size) * float(factor) for size, factor in zip(sizes, factors, strict=True)]
        except (TypeError, ValueError):
            return None
        return by_name(("x", "y", "z")[: len(sizes)], sizes[:3], [unit] * len(sizes[:3]))
    sizes = _list(attributes.get("voxel_size")) or _list(attributes.get("resolution"))
    units = attributes.get("units", attributes.get("unit"))
    units = [units] * len(sizes) if isinstance(units, str) else _list(units)
    spatial = [name for name in names if name in ("z", "y", "x")]
    if len(sizes) != len(names):
        names = ["x", "y", "z"] if reverse else spatial
    return by_name(names, sizes, units)


def axis_names(attributes: Attributes, rank: int) -> tuple[str, ...] | None:
    """Return the axes that attributes state, in their order."""
    for field in ("_ARRAY_DIMENSIONS", "axis_names", "axes"):
        found = axes.named(attributes.get(field), rank)
        if found is not None:
            return found
    return None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
