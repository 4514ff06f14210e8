"""Which format an output is of, what can be written in it, and the settings that two calls must agree in."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.data.writing.layout import ZYX, Layout, Target
from a2ibench.data.writing.room import check_possible
from a2ibench.errors import InputError, OptionError

_ZARR = ("a2ibench.data.formats.zarr_writer", "OmeZarr")
_ZARR_V2 = ("a2ibench.data.formats.zarr_v2_writer", "OmeZarrV2")
_OME_TIFF = ("a2ibench.data.formats.tiff_writer", "OmeTiffFile")
_TIFF = ("a2ibench.data.formats.tiff_writer", "tiff_file")
_HDF5 = ("a2ibench.data.formats.hdf5_writer", "Hdf5File")
_MRC = ("a2ibench.data.formats.raw_writer", "MrcFile")
_BY_SUFFIX = {
    ".ome.zarr": _ZARR,
    ".zarr": _ZARR,
    ".ome.tif": _OME_TIFF,
    ".ome.tiff": _OME_TIFF,
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".h5": _HDF5,
    ".hdf5": _HDF5,
    ".mrc": _MRC,
}
Differing = Mapping[str, tuple[Any, Any]]
"""What was and what is, by name, of settings that differ."""
Explain = Callable[[Differing], str]

"""Returns how an interrupted output differs, as part of the template of an `OptionError`."""

_DTYPES = ("uint8", "int8", "uint16", "int16", "float32")
_OME_VERSIONS = {"0.5": _ZARR, "0.4": _ZARR_V2}
# Raised when the same blocks would no longer give the same file.
_REVISION = 3


def check_ome_version(path: Path, version: str | None) -> None:
    """Accept a version of OME-Zarr for an output that is OME-Zarr, and none for any.

    Raises
    ------
    InputError
        If the version is not known, or the output is of another format.
    """
    if version is None:
        return
    known = " or ".join(sorted(_OME_VERSIONS))
    if version not in _OME_VERSIONS:
        raise OptionError("{ome_version}: got {version!r}; give {known}", version=version, known=known)
    if not is_zarr(path):
        raise OptionError(
            "{ome_version}: {path} is no OME-Zarr; give an output that ends in .ome.zarr, or leave it out",
            path=path,
        )


def is_zarr(path: Path) -> bool:
    """Whether an output is OME-Zarr."""
    return path.name.lower().endswith(".zarr")


def checked_shape(path: Path, shape: ZYX, kind: np.dtype[Any]) -> ZYX:
    """Return a shape that a volume may have there.

    Raises
    ------
    InputError
        If it or the dtype cannot be written, or there is no such folder.
    """
    if kind.name not in _DTYPES:
        raise InputError(f"{path}: dtype is {kind.name}; it can be written as {', '.join(_DTYPES)}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"{path}: its folder does not exist; make it first, or write elsewhere")
    nz, ny, nx = (int(n) for n in shape)
    if min(nz, ny, nx) < 1:
        raise InputError(f"{path}: shape is {(nz, ny, nx)}; give at least one voxel along each of (z, y, x)")
    check_possible(path, nz * ny * nx * kind.itemsize)
    return nz, ny, nx


def settings_of(layout: Layout, target: Target, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that must be the same for a call to go on with what another has begun."""
    version = getattr(target, "version", None)
    return {
        **({} if version is None else {"ome_version": version}),
        "shape": layout.shape,
        "dtype": layout.dtype.name,
        "voxel_size": layout.voxel_size,
        "block": target.block,
        "revision": _REVISION,
    } | {f"identity.{name}": value for name, value in identity.items()}


def suffix_of(name: str) -> str:
    """Return what tells the format at the end of a file's name; nothing where no format is known by it."""
    return next((name[-len(suffix) :] for suffix in _BY_SUFFIX if name.lower().endswith(suffix)), "")


def target_class(path: Path, ome_version: str | None) -> Any:
    """Return what makes a `Target` of a path and a layout.

    Raises
    ------
    InputError
        If the name tells no known format.
    """
    name = path.name.lower()
    suffix = suffix_of(name)
    if not suffix or name in _BY_SUFFIX:
        raise InputError(f"{path}: unknown format; give a name that ends in {', '.join(_BY_SUFFIX)}")
    module, target = _OME_VERSIONS[ome_version or "0.5"] if is_zarr(path) else _BY_SUFFIX[suffix]
    return getattr(importlib.import_module(module), target)


def listed(differing: Differing) -> str:
    """Return how settings differ, as part of the template of an `OptionError`."""
    texts = [f"{name} was {_short(was)}, is {_short(now)}" for name, (was, now) in differing.items()]
    return "; ".join(texts[:3]).replace("{", "{{").replace("}", "}}")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def other_settings(output: Path, differing: Differing, explain: Explain) -> OptionError:
    """Return the refusal of settings that differ from those of what was begun."""
    return OptionError(
        f"{{output}}: an interrupted call left an output of other settings ({explain(differing)}); "
        "give the same settings to go on, or {overwrite:True} to discard it",
        output=output,
    )


def frame_of(target: Target) -> int | None:
    """Return the checksum of all but the voxels; None where it cannot be told."""
    try:
        return target.frame()
    except Exception:  # damaged files raise almost anything inside the libraries
        return None


def is_sound(target: Target, start: ZYX, notes: Mapping[str, Any]) -> bool:
    """Whether a block is stored as it was noted."""
    try:
        return target.checksum(start) == notes.get("crc32")
    except OSError:
        return False
