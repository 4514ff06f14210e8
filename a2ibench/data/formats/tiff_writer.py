"""TIFF stacks: with the metadata of ImageJ, or of OME."""

from __future__ import annotations

import json
import math
import uuid
from fractions import Fraction
from pathlib import Path
from typing import Any

from a2ibench.contracts import decimal_spacing
from a2ibench.data.formats.raw_writer import ContiguousFile
from a2ibench.data.writing.layout import HISTORY_KEY, Layout

_MICROMETRE, _CENTIMETRE = 1000, 10**7  # nm
_LARGEST_RATIONAL = 2**32 - 1


class OmeTiffFile(ContiguousFile):
    """An OME-TIFF stack, which tifffile, Fiji (through Bio-Formats) and napari open with its voxel size."""

    def prepare(self) -> None:
        """Lay out the file: the header, a hole for the voxels, and a directory entry for every plane."""
        import tifffile

        tifffile.imwrite(
            self.path,
            shape=self.layout.shape,
            dtype=self.layout.dtype,
            photometric="minisblack",
            software=_software(self.layout) or None,
            **self._metadata(),
        )

    def find_voxels(self) -> int:
        """Return the bytes before the first voxel."""
        import tifffile

        from a2ibench.data.formats.tiff_images import without_log_lines

        with without_log_lines(), tifffile.TiffFile(self.path) as file:
            return int(file.pages.first.dataoffsets[0])

    def _metadata(self) -> dict[str, Any]:
        layout = self.layout
        sizes = {f"PhysicalSize{axis}": nm for axis, nm in zip("ZYX", layout.voxel_size, strict=True)}
        units = {f"{name}Unit": "nm" for name in sizes}
        # By default it is drawn anew each time, and no two files would be the same.
        identifier = uuid.uuid5(uuid.NAMESPACE_URL, f"a2ibench:{layout.identity}")
        told = {"Description": layout.history_text, "Creator": _software(layout)} if layout.history else {}
        return {
            "ome": True,
            "resolution": _resolution(layout, _CENTIMETRE),
            "resolutionunit": "centimeter",
            "metadata": {"axes": "ZYX", "UUID": f"urn:uuid:{identifier}"} | told | sizes | units,
        }


class ImageJTiffFile(OmeTiffFile):
    """A TIFF stack with ImageJ's own metadata, which ImageJ, tifffile and napari open with its voxel size.

    Lengths are in micrometres, which readers take for granted. The history is where ImageJ shows it (Image,
    Show Info), and in the description, where others do.
    """

    def _metadata(self) -> dict[str, Any]:
        layout = self.layout
        told: dict[str, Any] = {}
        if layout.history:
            told = {"Info": json.dumps(layout.history, indent=1), HISTORY_KEY: layout.history_text}
        spacing = decimal_spacing(layout.voxel_size[0] / _MICROMETRE)
        return {
            "imagej": True,
            "resolution": _resolution(layout, _MICROMETRE),
            "metadata": {"axes": "ZYX", "unit": "um", "spacing": spacing, "loop": False} | told,
        }


# What ImageJ reads by itself.
_IMAGEJ_DTYPES = ("uint8", "uint16", "int16", "float32")
# Offsets in its files have 32 bits; so much is left for the directory entry of a plane, and for the text.
_IMAGEJ_BYTES, _ENTRY, _TEXT = 2**32, 512, 2**20


def tiff_file(path: Path, layout: Layout) -> OmeTiffFile:
    """Return a stack for ImageJ, or one with OME metadata where ImageJ's format cannot hold it.

    It knows no int8. Above 4 GiB its files state one plane, and all programs but a few see no other; OME
    metadata are in a BigTIFF there, which tells all planes.
    """
    size = math.prod(layout.shape) * layout.dtype.itemsize + layout.shape[0] * _ENTRY + _TEXT
    fits = layout.dtype.name in _IMAGEJ_DTYPES and size < _IMAGEJ_BYTES
    return ImageJTiffFile(path, layout) if fits else OmeTiffFile(path, layout)


def _software(layout: Layout) -> str:
    return " ".join(str(layout.history[name]) for name in ("software", "version") if name in layout.history)


def _resolution(layout: Layout, unit: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return pixels in a unit of so many nm, along x and y: exactly, where 32 bits are enough."""
    _, y, x = layout.voxel_size
    return _rational(x, unit), _rational(y, unit)


def _rational(length: float, unit: int) -> tuple[int, int]:
    exact = unit / Fraction(repr(float(length)))
    most = min(_LARGEST_RATIONAL, int(_LARGEST_RATIONAL / exact)) if exact > 1 else _LARGEST_RATIONAL
    nearest = exact.limit_denominator(max(1, most))
    return nearest.numerator, nearest.denominator
