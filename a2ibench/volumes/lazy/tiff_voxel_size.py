"""The voxel size that ImageJ and OME write into TIFF files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from a2ibench.volumes.lazy.units import nanometres, usable
from a2ibench.volumes.stored import VoxelSize


def voxel_size(tiff: Any) -> VoxelSize | None:
    """Return (z, y, x) in nm, or None where the file does not tell all three.

    Parameters
    ----------
    tiff : tifffile.TiffFile
        An open file.
    """
    spacings = _ome(tiff) if tiff.is_ome else _imagej(tiff) if tiff.is_imagej else None
    return usable(spacings)


def _imagej(tiff: Any) -> VoxelSize | None:
    metadata, tags = tiff.imagej_metadata or {}, tiff.pages.first.tags
    try:
        unit = nanometres(metadata["unit"])
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
    return float(pixels[f"PhysicalSize{axis}"]) * nanometres(pixels.get(f"PhysicalSize{axis}Unit", "um"))


def _ratio(value: tuple[int, int]) -> float:
    numerator, denominator = value
    return numerator / denominator
