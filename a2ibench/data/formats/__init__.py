"""Opens volumes of every format by one interface, and reads only the blocks that are asked for.

The format is found by suffix, first bytes, and what a folder holds.
"""

from __future__ import annotations

import importlib
import inspect
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from a2ibench.data.formats.hints import check_exists, check_unpacked, inside_file, unknown_format
from a2ibench.data.formats.magnifications import PROPERTIES
from a2ibench.data.formats.slices import is_pattern, slice_names
from a2ibench.data.formats.source import Source, find
from a2ibench.data.formats.volume import LazyVolume, unreadable
from a2ibench.errors import InputError

__all__ = ["LazyVolume", "open_lazy"]


class Reader(NamedTuple):
    """Where the function is that opens a format, and the format's name in messages."""

    module: str
    function: str
    kind: str


_READERS = {
    "tiff": Reader("tiff", "open_source", "TIFF"),
    "folder": Reader("slices", "open_folder", "TIFF"),
    "picture": Reader("pictures", "open_source", "PNG or JPEG"),
    "hdf5": Reader("hdf5", "open_hdf5", "HDF5"),
    "matlab": Reader("hdf5", "open_matlab", "MATLAB v7.3"),
    "mrc": Reader("mrc", "open_mrc", "MRC"),
    "dm": Reader("library", "open_library", "DigitalMicrograph"),
    "npy": Reader("raw", "open_npy", "NumPy"),
    "zarr": Reader("zarr_", "open_source", "Zarr"),
    "n5": Reader("tensorstores", "open_n5", "N5"),
    "webknossos": Reader("webknossos", "open_webknossos", "WEBKNOSSOS"),
    "precomputed": Reader("precomputed", "open_precomputed", "precomputed"),
}
_BY_SUFFIX = {
    ".tif": "tiff",
    ".tiff": "tiff",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".hdf": "hdf5",
    ".mat": "matlab",
    ".mrc": "mrc",
    ".map": "mrc",
    ".rec": "mrc",
    ".st": "mrc",
    ".npy": "npy",
    ".dm3": "dm",
    ".dm4": "dm",
}
# For downloads whose link does not end in a file name.
_BY_FIRST_BYTES = {
    b"\x89HDF": "hdf5",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"\x93NUM": "npy",
    b"MATL": "matlab",
}
_PICTURES = (".png", ".jpg", ".jpeg")
_MAP_AT = 208
# What marks a folder, the clearest mark first; Zarr and N5 may lie in one folder.
_MARKS = {
    PROPERTIES: "webknossos",
    "header.wkw": "webknossos",
    "zarr.json": "zarr",
    ".zarray": "zarr",
    ".zgroup": "zarr",
    ".zattrs": "zarr",
    ".zmetadata": "zarr",
    "attributes.json": "n5",
    "info": "precomputed",
}
_FOLDERS = {".zarr": "zarr", ".n5": "n5"}


def _detect(source: Source, key: str | None) -> str:
    """Return the name of the format of a source."""
    if is_pattern(source):
        return "folder"
    check_exists(source, tuple(_BY_SUFFIX))
    suffix = f".{source.name.lower().rpartition('.')[2]}" if "." in source.name else ""
    if source.path is None or source.path.is_file():
        first = None if source.path is None and suffix in _FOLDERS else _file(source, suffix)
        if first is not None:
            return first
    if source.path is not None and source.path.is_file():
        if suffix in _PICTURES:
            return "picture"
        raise unknown_format(source, suffix, tuple(_BY_SUFFIX))
    return _folder(source, suffix, key)


def _file(source: Source, suffix: str) -> str | None:
    if suffix in _BY_SUFFIX:
        if not source.is_file():
            raise InputError(f"{source.text}: no such file, or not a public one; check the address")
        return _BY_SUFFIX[suffix]
    first = source.read(0, _MAP_AT + 4) if source.path is not None or source.is_file() else None
    if not first:
        return None
    check_unpacked(source, first)
    return _BY_FIRST_BYTES.get(first[:4]) or ("mrc" if first[_MAP_AT:] == b"MAP " else None)


def _folder(source: Source, suffix: str, key: str | None) -> str:
    # A layer need not say what it is; remote ones are told by their dataset alone.
    if source.path is not None and source.parent is not None and (source.parent / PROPERTIES).is_file():
        return "webknossos"
    marks = list(_MARKS.items())
    if suffix == ".n5":
        marks.sort(key=lambda mark: mark[1] != "n5")
    for mark, format_ in marks:
        if (source / mark).is_file():
            return format_
    # A container need not say so at its root when the key leads to an array.
    for mark, format_ in marks if key else ():
        if (source / str(key) / mark).is_file():
            return format_
    if suffix in _FOLDERS:
        return _FOLDERS[suffix]
    if source.scheme not in ("http", "https") and slice_names(source):
        return "folder"
    if source.path is None:
        no_volume = InputError(f"{source.text}: no volume of a known format there; check the address")
        raise inside_file(source, tuple(_BY_SUFFIX)) or no_volume
    raise InputError(
        f"{source.text}: is a folder; give one file, or a folder that holds TIFF, PNG or JPEG slices or a "
        "Zarr, N5 or precomputed volume"
    )


def open_lazy(
    source: str | Path, *, key: str | None = None, level: int | None = None, fill_missing: bool = False
) -> LazyVolume:
    """Open a volume of any format without reading its voxels.

    Parameters
    ----------
    source : str or Path
        A TIFF, HDF5, MATLAB v7.3, MRC or NumPy file; a folder of TIFF, PNG or JPEG slices, or a pattern
        such as ``folder/*_det1.tif``; a Zarr, OME-Zarr or N5
        container, or a Neuroglancer precomputed volume; a path, or a http, https, s3 or gs address.
    key : str, optional
        The dataset, array or multiscale group within the source; by default the only one.
    level : int, optional
        The resolution to take where there are several, 0 (by default) the finest.
    fill_missing : bool
        Take chunks that are not there for the value that the metadata state for them. By default
        they are an error, for nothing tells whether they were left out or lost.

    Returns
    -------
    LazyVolume
        To be closed, or used in a ``with`` statement.

    Raises
    ------
    InputError
        If there is no such volume, or it is damaged or unsuitable.
    """
    place = find(source)
    format_ = _detect(place, key)
    reader = _READERS[format_]
    open_source = getattr(importlib.import_module(f"a2ibench.data.formats.{reader.module}"), reader.function)
    options: dict[str, Any] = {"level": level, "fill_missing": fill_missing}
    known = inspect.signature(open_source).parameters
    if level is not None and "level" not in known:
        raise InputError(f"{place.text}: level is {level}, but it has one resolution only; remove it")
    given = {name: value for name, value in options.items() if name in known}
    resources = ExitStack()
    try:
        volume: LazyVolume = open_source(place, key, resources, **given)
    except Exception as error:  # damaged files raise almost anything inside the decoders
        resources.close()
        if isinstance(error, InputError):
            raise
        raise unreadable(place.text, reader.kind, error) from error
    return volume
