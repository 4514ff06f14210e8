"""The voxel size that ImageJ and OME write into TIFF files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from a2ibench.volumes.stored import VoxelSize

_NANOMETRES = {
    "pm": 1e-3,
    "Å": 0.1,
    "angstrom": 0.1,
    "nm": 1.0,
    "nanometer": 1.0,
    "um": 1e3,
    "µm": 1e3,
    "micron": 1e3,
    "microns": 1e3,
    "micrometer": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "cm": 1e7,
    "inch": 2.54e7,
    "m": 1e9,
}


def voxel_size(tiff: Any) -> VoxelSize | None:
    """Return (z, y, x) in nm, or None where the file does not tell all three.

    Parameters
    ----------
    tiff : tifffile.TiffFile
        An open file.
    """
    spacings = _ome(tiff) if tiff.is_ome else _imagej(tiff) if tiff.is_imagej else None
    if spacings is None or not all(math.isfinite(value) and value > 0 for value in spacings):
        return None
    return spacings


def _imagej(tiff: Any) -> VoxelSize | None:
    metadata, tags = tiff.imagej_metadata or {}, tiff.pages.first.tags
    try:
        unit = _unit(metadata["unit"])
        y, x = (_ratio(tags[name].value) for name in ("YResolution", "XResolution"))
        return float(metadata["spacing"]) * unit, unit / y, unit / x
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def _ome(tiff: Any) -> VoxelSize | None:
    import tifffile

    try:
        images = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]
        pixels = (images[0] if isinstance(images, list) else images)["Pixels"]
        z, y, x = (_physical_size(pixels, axis) for axis in "ZYX")
    except (KeyError, TypeError, ValueError):
        return None
    return z, y, x


def _physical_size(pixels: Mapping[str, Any], axis: str) -> float:
    # OME: micrometres where no unit is given.
    return float(pixels[f"PhysicalSize{axis}"]) * _unit(pixels.get(f"PhysicalSize{axis}Unit", "um"))


def _unit(name: str) -> float:
    # The micro sign has two code points, and ImageJ escapes it.
    return _NANOMETRES[name.strip().replace("\\u00B5", "µ").replace("μ", "µ")]


def _ratio(value: tuple[int, int]) -> float:
    numerator, denominator = value
    return numerator / denominator
