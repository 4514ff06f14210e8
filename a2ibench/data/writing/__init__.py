"""Creates volumes block by block: restartable, and under their name only when complete."""

from __future__ import annotations

import importlib
import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from a2ibench.contracts import decimal_spacing
from a2ibench.data.writing.layout import ZYX, Layout, Target
from a2ibench.data.writing.partial import Journal, Leftover, Partial
from a2ibench.data.writing.room import check_possible, check_room, check_space
from a2ibench.data.writing.writer import Writer
from a2ibench.errors import InputError, OptionError, printable
from a2ibench.files import disk_errors

__all__ = [
    "Writer",
    "check_creatable",
    "check_ome_version",
    "check_resumable",
    "create",
    "suffix_of",
]

_logger = logging.getLogger("a2ibench")

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

_DTYPES = ("uint8", "int8", "uint16", "int16", "float32")
_OME_VERSIONS = {"0.5": _ZARR, "0.4": _ZARR_V2}
# Raised when the same blocks would no longer give the same file.
_REVISION = 3


def create(
    path: str | Path,
    shape: ZYX,
    dtype: DTypeLike,
    voxel_size: tuple[float, float, float],
    *,
    identity: Mapping[str, Any],
    overwrite: bool = False,
    rows: bool = True,
    ome_version: str | None = None,
    history: Mapping[str, Any] | None = None,
    explain: Explain | None = None,
) -> Writer:
    """Begin to write a volume, or go on where an interrupted call of the same identity stopped.

    Nothing appears under `path` before `Writer.publish`; until then all is in ``.NAME.partial`` beside it.
    What is there is only taken over as far as it has the checksums that were noted when it was written; the
    rest is written anew, and a line is logged of it. If the output has its name already, and only
    `Writer.finish` was not reached, all blocks are done.

    Parameters
    ----------
    path : str or Path
        The output; its suffix tells the format: .ome.zarr or .zarr (OME-Zarr), .tif or .tiff (TIFF for
        ImageJ; int8, and what would exceed 4 GiB, with OME metadata), .ome.tif or .ome.tiff (OME-TIFF,
        BigTIFF where it would exceed 4 GiB), .h5 or .hdf5 (HDF5), .mrc (MRC2014; uint8 is stored as uint16).
    shape : tuple of int
        Voxels along (z, y, x).
    dtype : dtype
        8- or 16-bit integers, or float32.
    voxel_size : tuple of float
        Nanometres, (z, y, x).
    identity : mapping
        All that determines the voxels; as JSON.
    overwrite : bool
        Replace an output of this name, but only when the new one is complete, and discard an interrupted one
        of another identity. A file is replaced in one step; a Zarr folder cannot be, and is away for the
        instant between two renames (a process killed right then leaves the older one in ``.NAME.partial``,
        and the next call of this name puts it back).
    rows : bool
        Whether blocks of TIFF and MRC are to be whole rows, which are written fastest, or less elongated.
    ome_version : str, optional
        ``"0.5"`` (by default) or ``"0.4"``, of OME-Zarr alone.
    history : mapping, optional
        What the volume is and how it came about; kept in the output's own attributes or header. As JSON, and
        the same whenever the identity is.
    explain : callable, optional
        Returns how an interrupted output differs, as the template of an `OptionError`; is told by name, those
        of `identity` after ``identity.``, what was and what is.

    Returns
    -------
    Writer
        A context manager.

    Raises
    ------
    InputError
        If the format, its version or the dtype is not known, the output exists, another process writes it, an
        interrupted one has another identity, or its folder does not exist, may not be written to or has too
        little room.
    """
    path, kind = Path(path), np.dtype(dtype).newbyteorder("=")
    check_ome_version(path, ome_version)
    target_class, shape = _format(path, ome_version), _checked(path, shape, kind)
    z, y, x = (decimal_spacing(float(size)) for size in voxel_size)
    layout = Layout(shape, kind, (z, y, x), json.dumps(identity, sort_keys=True), rows, dict(history or {}))
    with disk_errors(path):
        partial = Partial(path, overwrite=overwrite)
        keep = partial.interrupted
        try:
            target: Target = target_class(partial.data, layout)
            settings = _settings(layout, target, identity)
            if partial.published and not partial.differences(settings):
                return Writer(layout, target, partial, None, overwrite=overwrite)
            _check_free(path, overwrite)
            _clear_unless_same(partial, settings, overwrite=overwrite, explain=explain or _listed)
            journal = _laid_out(partial, target, layout, settings)
            if partial.data.is_file():
                check_space(partial.data, path)
            return Writer(layout, target, partial, journal, overwrite=overwrite)
        except BaseException:
            if keep and partial.interrupted:
                partial.release()
            else:
                partial.remove()
            raise


def check_resumable(
    path: Path,
    shape: ZYX,
    dtype: DTypeLike,
    voxel_size: tuple[float, float, float],
    *,
    identity: Mapping[str, Any],
    overwrite: bool = False,
    rows: bool = True,
    ome_version: str | None = None,
    explain: Explain | None = None,
) -> None:
    """Accept an interrupted output that `create`, given the same, could go on with now; writes nothing.

    Raises
    ------
    InputError
        As `create` does.
    """
    kind = np.dtype(dtype).newbyteorder("=")
    z, y, x = (decimal_spacing(float(size)) for size in voxel_size)
    layout = Layout(_checked(path, shape, kind), kind, (z, y, x), "", rows)
    with disk_errors(path):
        leftover = Leftover(path)
        target: Target = _format(path, ome_version)(leftover.data, layout)
        differing = leftover.differences(_settings(layout, target, identity))
        if leftover.published and not differing:
            return
        _check_free(path, overwrite)
        if not leftover.interrupted:
            check_creatable(path, shape, dtype, overwrite=overwrite)
        elif differing and not overwrite:
            raise _other_settings(path, differing, explain or _listed)
        elif not differing and leftover.data.is_file():
            check_space(leftover.data, path)


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
    if not _is_zarr(path):
        raise OptionError(
            "{ome_version}: {path} is no OME-Zarr; give an output that ends in .ome.zarr, or leave it out",
            path=path,
        )


def _is_zarr(path: Path) -> bool:
    return path.name.lower().endswith(".zarr")


def check_creatable(path: Path, shape: ZYX, dtype: DTypeLike, *, overwrite: bool = False) -> None:
    """Accept an output that `create` could begin now; writes nothing.

    Raises
    ------
    InputError
        As `create` does, and if the disk has too little room for voxels that are not compressed.
    """
    kind = np.dtype(dtype).newbyteorder("=")
    _format(path, None)
    shape = _checked(path, shape, kind)
    _check_free(path, overwrite)
    if not os.access(path.absolute().parent, os.W_OK):
        raise InputError(f"{path}: its folder may not be written to; write elsewhere")
    if not _is_zarr(path):
        # MRC has no bytes without sign.
        wide = np.dtype(np.uint16) if path.name.lower().endswith(".mrc") and kind == np.uint8 else kind
        check_room(path, math.prod(shape) * wide.itemsize, shutil.disk_usage(path.absolute().parent).free)


def _checked(path: Path, shape: ZYX, kind: np.dtype[Any]) -> ZYX:
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


def _settings(layout: Layout, target: Target, identity: Mapping[str, Any]) -> dict[str, Any]:
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


def _format(path: Path, ome_version: str | None) -> Any:
    name = path.name.lower()
    suffix = suffix_of(name)
    if not suffix or name in _BY_SUFFIX:
        raise InputError(f"{path}: unknown format; give a name that ends in {', '.join(_BY_SUFFIX)}")
    module, target = _OME_VERSIONS[ome_version or "0.5"] if _is_zarr(path) else _BY_SUFFIX[suffix]
    return getattr(importlib.import_module(module), target)


def _check_free(path: Path, overwrite: bool) -> None:
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise OptionError("{path}: exists already; choose another name, or add {overwrite:True}", path=path)
    zarr = _is_zarr(path)
    if path.is_dir() != zarr:
        raise InputError(f"{path}: is a {'folder' if path.is_dir() else 'file'}; choose another name")
    if zarr and not any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray")):
        raise InputError(f"{path}: is a folder without Zarr, which is not replaced; choose another name")


def _listed(differing: Differing) -> str:
    texts = [f"{name} was {_short(was)}, is {_short(now)}" for name, (was, now) in differing.items()]
    return "; ".join(texts[:3]).replace("{", "{{").replace("}", "}}")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _clear_unless_same(
    partial: Partial, settings: Mapping[str, Any], *, overwrite: bool, explain: Explain
) -> None:
    """Remove work in a hidden folder that was begun with other settings, if it may be overwritten."""
    if partial.interrupted:
        differing = partial.differences(settings)
        if not differing:
            return
        if not overwrite:
            raise _other_settings(partial.output, differing, explain)
    elif partial.damaged:
        _say(partial, "state.json is damaged; all of it begins anew")
    partial.clear()


def _other_settings(output: Path, differing: Differing, explain: Explain) -> OptionError:
    return OptionError(
        f"{{output}}: an interrupted call left an output of other settings ({explain(differing)}); "
        "give the same settings to go on, or {overwrite:True} to discard it",
        output=output,
    )


def _laid_out(partial: Partial, target: Target, layout: Layout, settings: Mapping[str, Any]) -> Journal:
    """Open the output for writing, laid out now unless it is and sound; return the blocks that are done.

    Every block that an earlier process listed is read back and compared with its checksum.
    """

    def possible(start: ZYX) -> bool:
        sides = zip(start, target.block, layout.shape, strict=True)
        return all(at % by == 0 and 0 <= at < n for at, by, n in sides)

    frame = partial.frame
    if frame is None or partial.data.is_symlink() or _frame(target) != frame:
        if partial.interrupted:
            _say(partial, "the unfinished output is damaged; its blocks are written anew")
        partial.clear_data()
        target.prepare()
        partial.begin(settings, target.frame())
        target.open()
        return partial.journal(possible)
    target.open()
    journal = partial.journal(possible)
    sound = {start for start, notes in journal.notes.items() if _is_sound(target, start, notes)}
    lost = journal.damaged + len(journal.notes) - len(sound)
    if lost:
        _say(partial, f"{lost} of the blocks listed as done are damaged; they are written anew")
        journal.keep(sound)
    target.tidy(sound)
    return journal


def _frame(target: Target) -> int | None:
    try:
        return target.frame()
    except Exception:  # damaged files raise almost anything inside the libraries
        return None


def _is_sound(target: Target, start: ZYX, notes: Mapping[str, Any]) -> bool:
    try:
        return target.checksum(start) == notes.get("crc32")
    except OSError:
        return False


def _say(partial: Partial, what: str) -> None:
    _logger.warning("%s: %s", printable(str(partial.folder)), what)
