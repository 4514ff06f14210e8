"""Creates volumes block by block: restartable, and under their name only when complete."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from a2ibench.contracts import decimal_spacing
from a2ibench.data.writing.journal import Journal
from a2ibench.data.writing.layout import ZYX, Layout, Target
from a2ibench.data.writing.partial import Leftover, Partial
from a2ibench.data.writing.room import check_room, check_space
from a2ibench.data.writing.targets import (
    Explain,
    check_ome_version,
    checked_shape,
    frame_of,
    is_sound,
    is_zarr,
    listed,
    other_settings,
    settings_of,
    suffix_of,
    target_class,
)
from a2ibench.data.writing.writer import LATE, Writer
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
    pieces: Collection[ZYX] = (),
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
    pieces : collection of tuple of int
        Where pieces begin that other processes noted for certain, whether or not their notes are listed; see
        `a2ibench.data.writing.shared.join`.

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
    make, shape = target_class(path, ome_version), checked_shape(path, shape, kind)
    z, y, x = (decimal_spacing(float(size)) for size in voxel_size)
    layout = Layout(shape, kind, (z, y, x), json.dumps(identity, sort_keys=True), rows, dict(history or {}))
    with disk_errors(path):
        partial = Partial(path, overwrite=overwrite)
        keep = partial.interrupted
        try:
            target: Target = make(partial.data, layout)
            settings = settings_of(layout, target, identity)
            if partial.published and not partial.differences(settings):
                return Writer(layout, target, partial, None, overwrite=overwrite)
            _check_free(path, overwrite)
            _clear_unless_same(partial, settings, overwrite=overwrite, explain=explain or listed)
            journal = _laid_out(partial, target, layout, settings, pieces)
            if partial.data.is_file():
                check_space(partial.data, path)
            return Writer(layout, target, partial, journal, overwrite=overwrite)
        except BaseException:
            if keep and partial.interrupted:
                partial.release()
            else:
                # What failed first is told.
                with suppress(OSError):
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
    layout = Layout(checked_shape(path, shape, kind), kind, (z, y, x), "", rows)
    with disk_errors(path):
        leftover = Leftover(path)
        target: Target = target_class(path, ome_version)(leftover.data, layout)
        differing = leftover.differences(settings_of(layout, target, identity))
        if leftover.published and not differing:
            return
        _check_free(path, overwrite)
        if not leftover.interrupted:
            check_creatable(path, shape, dtype, overwrite=overwrite)
        elif differing and not overwrite:
            raise other_settings(path, differing, explain or listed)
        elif not differing and leftover.data.is_file():
            check_space(leftover.data, path)


def check_creatable(path: Path, shape: ZYX, dtype: DTypeLike, *, overwrite: bool = False) -> None:
    """Accept an output that `create` could begin now; writes nothing.

    Raises
    ------
    InputError
        As `create` does, and if the disk has too little room for voxels that are not compressed.
    """
    kind = np.dtype(dtype).newbyteorder("=")
    target_class(path, None)
    shape = checked_shape(path, shape, kind)
    _check_free(path, overwrite)
    if not os.access(path.absolute().parent, os.W_OK):
        raise InputError(f"{path}: its folder may not be written to; write elsewhere")
    if not is_zarr(path):
        # MRC has no bytes without sign.
        wide = np.dtype(np.uint16) if path.name.lower().endswith(".mrc") and kind == np.uint8 else kind
        check_room(path, math.prod(shape) * wide.itemsize, shutil.disk_usage(path.absolute().parent).free)


def _check_free(path: Path, overwrite: bool) -> None:
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise OptionError("{path}: exists already; choose another name, or add {overwrite:True}", path=path)
    zarr = is_zarr(path)
    if path.is_dir() != zarr:
        raise InputError(f"{path}: is a {'folder' if path.is_dir() else 'file'}; choose another name")
    if zarr and not any((path / name).is_file() for name in ("zarr.json", ".zgroup", ".zarray")):
        raise InputError(f"{path}: is a folder without Zarr, which is not replaced; choose another name")


def _clear_unless_same(
    partial: Partial, settings: Mapping[str, Any], *, overwrite: bool, explain: Explain
) -> None:
    """Remove work in a hidden folder that was begun with other settings, if it may be overwritten."""
    if partial.interrupted:
        differing = partial.differences(settings)
        if not differing:
            return
        if not overwrite:
            raise other_settings(partial.output, differing, explain)
    elif partial.damaged:
        _say(partial, "state.json is damaged; all of it begins anew")
    partial.clear()


def _laid_out(
    partial: Partial, target: Target, layout: Layout, settings: Mapping[str, Any], pieces: Iterable[ZYX]
) -> Journal:
    """Open the output for writing, laid out now unless it is and sound; return the blocks that are done.

    Every block that an earlier process listed is read back and compared with its checksum.
    """
    possible = layout.begins(target.block)
    frame = partial.frame
    if frame is None or partial.data.is_symlink() or frame_of(target) != frame:
        if partial.interrupted:
            _say(partial, "the unfinished output is damaged; its blocks are written anew")
        partial.clear_data()
        target.prepare()
        partial.begin(settings, target.frame())
        target.open()
        return partial.journal(possible)[0]
    target.open()
    journal, taken = partial.journal(possible, pieces)
    target.await_shown(taken, LATE)
    sound = {start for start, notes in journal.notes.items() if is_sound(target, start, notes)}
    lost = journal.damaged + len(journal.notes) - len(sound)
    if lost:
        _say(partial, f"{lost} of the blocks listed as done are damaged; they are written anew")
        journal.keep(sound)
    target.tidy(sound)
    return journal


def _say(partial: Partial, what: str) -> None:
    _logger.warning("%s: %s", printable(str(partial.folder)), what)
