"""Axes and voxel sizes as formats state them: by name and unit, by custom, in TIFF, in OME-Zarr."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from a2ibench.contracts import decimal_spacing
from a2ibench.data.formats.axes import stated_axes
from a2ibench.errors import InputError

_MEANING = {"c": "channels", "s": "colours", "t": "time points"}


def axis_order(names: Sequence[str], shape: Sequence[int], where: str) -> tuple[int, int, int]:
    """Return where z, y and x are among the stored axes; every other axis must have length 1.

    Raises
    ------
    InputError
        If an axis is missing, has no voxels, or there are several channels, time points or the like.
    """
    sizes = tuple(int(size) for size in shape)
    described = f"axes {', '.join(names)} of shape {sizes}"
    if sorted(name for name in names if name in ("z", "y", "x")) != ["x", "y", "z"]:
        raise InputError(f"{where}: {described}; give a 3D volume with axes z, y and x")
    check_sizes(sizes, where)
    for name, size in zip(names, sizes, strict=True):
        if size > 1 and name not in ("z", "y", "x"):
            kind = _MEANING.get(name[:1], f"entries along axis {name}")
            raise InputError(f"{where}: {size} {kind} ({described}); give a volume with one only")
    return names.index("z"), names.index("y"), names.index("x")


def check_sizes(shape: Sequence[int], where: str) -> None:
    """Accept shapes whose axes all have voxels.

    Raises
    ------
    InputError
        If one has none.
    """
    if any(isinstance(size, int) and size < 1 for size in shape):
        raise InputError(f"{where}: shape {tuple(shape)} holds no voxel; give a volume that holds some")


def is_volume(names: Sequence[str], shape: Sequence[int]) -> bool:
    """Return whether z, y and x are among the axes, and all others have length 1."""
    return all(name in ("z", "y", "x") or size == 1 for name, size in zip(names, shape, strict=True))


VoxelSize = tuple[float, float, float]

_NANOMETRES = {
    "pm": 1e-3,
    "picometer": 1e-3,
    "å": 0.1,
    "angstrom": 0.1,
    "nm": 1.0,
    "nanometer": 1.0,
    "um": 1e3,
    "µm": 1e3,
    "micron": 1e3,
    "micrometer": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "cm": 1e7,
    "centimeter": 1e7,
    "inch": 2.54e7,
    "m": 1e9,
    "meter": 1e9,
}


def nanometres(unit: object) -> float:
    """Return how many nanometres a unit has.

    Raises
    ------
    KeyError
        If nothing is known by that name.
    """
    # The micro sign has two code points, and so has the ångström; ImageJ escapes the former.
    name = str(unit).strip().replace("\\u00B5", "µ").replace("μ", "µ").replace("\u212b", "å").lower()
    name = name.replace("metre", "meter")
    return _NANOMETRES[name] if name in _NANOMETRES else _NANOMETRES[name.removesuffix("s")]


def usable(spacings: Iterable[float] | None) -> VoxelSize | None:
    """Return three positive finite spacings (z, y, x) as decimals, and None for anything else."""
    try:
        z, y, x = (float(value) for value in spacings or ())
    except (TypeError, ValueError, OverflowError):
        return None
    if not all(math.isfinite(value) and value > 0 for value in (z, y, x)):
        return None
    return decimal_spacing(z), decimal_spacing(y), decimal_spacing(x)


def tiff_voxel_size(tiff: Any) -> VoxelSize | None:
    """Return (z, y, x) in nm, or None where the file does not tell all three.

    Parameters
    ----------
    tiff : tifffile.TiffFile
        An open file.
    """
    spacings = _ome_voxel_size(tiff) if tiff.is_ome else _imagej_voxel_size(tiff) if tiff.is_imagej else None
    return usable(spacings)


# What pixels are counted by in TIFF's own tag; ImageJ leaves it at none and names the unit in its text.
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}


def _imagej_voxel_size(tiff: Any) -> VoxelSize | None:
    metadata, tags = tiff.imagej_metadata or {}, tiff.pages.first.tags
    try:
        unit = metadata["unit"]
        z_unit, y_unit = (nanometres(metadata.get(name, unit)) for name in ("zunit", "yunit"))
        y, x = (_ratio(tags[name].value) for name in ("YResolution", "XResolution"))
        lateral = _RESOLUTION_UNITS.get(int(tags["ResolutionUnit"].value)) if 296 in tags else None
        # ImageJ, too, takes centimetres of the tag for what they are beside um; other pairs contradict.
        if lateral == "cm" and unit == "um" and "yunit" not in metadata:
            unit, y_unit = lateral, nanometres(lateral)
        elif lateral is not None and not nanometres(lateral) == nanometres(unit) == y_unit:
            return None
        # ImageJ writes the spacing of stacks that run downwards with a sign.
        return abs(float(metadata["spacing"])) * z_unit, y_unit / y, nanometres(unit) / x
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _ome_voxel_size(tiff: Any) -> VoxelSize | None:
    import tifffile

    try:
        images = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]
        return ome_voxel_size((images[0] if isinstance(images, list) else images)["Pixels"])
    except (KeyError, TypeError, ValueError):
        return None


def ome_voxel_size(pixels: Mapping[str, Any]) -> VoxelSize | None:
    """Return (z, y, x) in nm as an element ``Pixels`` of OME tells, None where it does not tell all three."""
    try:
        z, y, x = (_physical_size(pixels, axis) for axis in "ZYX")
    except (KeyError, TypeError, ValueError):
        return None
    return usable((z, y, x))


def _physical_size(pixels: Mapping[str, Any], axis: str) -> float:
    # OME: micrometres where no unit is given.
    return float(pixels[f"PhysicalSize{axis}"]) * nanometres(pixels.get(f"PhysicalSize{axis}Unit", "um"))


def _ratio(value: tuple[int, int]) -> float:
    numerator, denominator = value
    return numerator / denominator


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
    if isinstance(transform, dict) and (found := _transformed(transform)) is not None:
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


def _transformed(transform: Attributes) -> VoxelSize | None:
    return by_name(*(_list(transform.get(field)) for field in ("axes", "scale", "units")))


def axis_names(attributes: Attributes, rank: int, *, reverse: bool) -> list[tuple[str, ...] | None]:
    """Return the axes that attributes state, in stored order, by each field that may state them.

    Parameters
    ----------
    attributes : mapping
        Of one array.
    rank : int
        How many axes it has.
    reverse : bool
        Whether axes are stored x first, as in N5. What xarray states is in the order of NumPy even there.
    """
    customary = ("x", "y", "z") if reverse else ("z", "y", "x")
    fields = ("axis_names", "axes")
    found = [stated_axes(attributes.get(field), rank, customary=customary) for field in fields]
    dimensions = attributes.get("_ARRAY_DIMENSIONS")
    if reverse and isinstance(dimensions, list):
        dimensions = dimensions[::-1]
    return [stated_axes(dimensions, rank, customary=customary), *found]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


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


def check_level(level: int, count: int, where: str) -> None:
    """Accept the number of one of so many resolutions.

    Raises
    ------
    InputError
        If there is no such level.
    """
    if not 0 <= level < count:
        raise InputError(f"{where}: level is {level}, but there are {count}; give 0 to {count - 1}")


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
    if scale is None and isinstance(dataset.get("transform"), dict):
        return Level(path, names, _transformed(dataset["transform"]))
    if names is None or scale is None:
        return Level(path, names, None)
    return Level(path, names, by_name(names, scale, units))


def _scale(transformations: Any) -> list[float] | None:
    for one in transformations or ():
        if one.get("type") == "scale" and "scale" in one:
            return [float(value) for value in one["scale"]]
    return None
