"""Which format a volume has: by its suffix, its first bytes, and what its folder holds."""

from __future__ import annotations

from a2ibench.errors import InputError
from a2ibench.volumes.lazy.folder import slices
from a2ibench.volumes.lazy.source import Source

_BY_SUFFIX = {
    ".tif": "tiff",
    ".tiff": "tiff",
    ".h5": "hdf5",
    ".hdf5": "hdf5",
    ".hdf": "hdf5",
    ".mat": "mat",
    ".mrc": "mrc",
    ".map": "mrc",
    ".rec": "mrc",
    ".st": "mrc",
    ".npy": "npy",
}
# For downloads whose link does not end in a file name.
_BY_FIRST_BYTES = {
    b"\x89HDF": "hdf5",
    b"II*\0": "tiff",
    b"MM\0*": "tiff",
    b"II+\0": "tiff",
    b"MM\0+": "tiff",
    b"\x93NUM": "npy",
    b"MATL": "mat",
}
_MAP_AT = 208
# What marks a folder, the clearest mark first; Zarr and N5 may lie in one folder.
_MARKS = {
    "zarr.json": "zarr_",
    ".zarray": "zarr_",
    ".zgroup": "zarr_",
    ".zattrs": "zarr_",
    ".zmetadata": "zarr_",
    "attributes.json": "n5",
    "info": "precomputed",
}
_FOLDERS = {".zarr": "zarr_", ".n5": "n5"}


def detect(source: Source, key: str | None) -> str:
    """Return the name of the module for a source.

    Raises
    ------
    InputError
        If there is nothing, or its format is not known.
    """
    if source.path is not None and not source.path.exists():
        raise InputError(f"{source.text}: no such file; check the path")
    suffix = f".{source.name.lower().rpartition('.')[2]}" if "." in source.name else ""
    if source.path is None or source.path.is_file():
        first = None if source.path is None and suffix in _FOLDERS else _file(source, suffix)
        if first is not None:
            return first
    if source.path is not None and source.path.is_file():
        raise InputError(f"{source.text}: unknown format; give a file that ends in {', '.join(_BY_SUFFIX)}")
    return _folder(source, suffix, key)


def _file(source: Source, suffix: str) -> str | None:
    if suffix in _BY_SUFFIX:
        if not source.is_file():
            raise InputError(f"{source.text}: no such file, or not a public one; check the address")
        return _BY_SUFFIX[suffix]
    first = source.read(0, _MAP_AT + 4) if source.path is not None or source.is_file() else None
    if not first:
        return None
    return _BY_FIRST_BYTES.get(first[:4]) or ("mrc" if first[_MAP_AT:] == b"MAP " else None)


def _folder(source: Source, suffix: str, key: str | None) -> str:
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
    if source.scheme not in ("http", "https") and slices(source):
        return "folder"
    if source.path is None:
        raise InputError(f"{source.text}: no volume of a known format there; check the address")
    raise InputError(
        f"{source.text}: is a folder; give one file, or a folder that holds TIFF slices or a Zarr, N5 or "
        "precomputed volume"
    )
