"""One output that many processes write at once: each its own pieces, no two of which share a block."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from a2ibench.contracts import decimal_spacing
from a2ibench.data.writing.journal import marker_of, read_noted, write_marker
from a2ibench.data.writing.layout import ZYX, Layout, Notes, Target, Voxels, parts, starts
from a2ibench.data.writing.partial import Joined, Leftover
from a2ibench.data.writing.targets import (
    Explain,
    checked_shape,
    frame_of,
    is_sound,
    listed,
    other_settings,
    settings_of,
    target_class,
)
from a2ibench.data.writing.writer import check_box
from a2ibench.errors import InputError, OptionError
from a2ibench.files import await_shown, disk_errors

Note = Callable[[ZYX, Mapping[ZYX, Notes]], None]
"""Told where a piece begins and what is noted of its blocks, once they are safely on the disk."""

UNSHOWN = 3.0
"""Seconds to look again for what may be missing and may be late."""


def check_shared(path: Path, ome_version: str | None = None) -> None:
    """Accept an output of a format that several processes can write at once.

    Raises
    ------
    InputError
        If they cannot; names one.
    """
    if not getattr(target_class(path, ome_version), "shared", False):
        raise InputError(
            f"{path}: many processes cannot write one file; give a name that ends in .ome.zarr, whose blocks "
            "are files of their own"
        )


def not_prepared(path: Path) -> OptionError:
    """Return the refusal to go on with what nobody has begun."""
    if path.exists():
        return OptionError(
            "{path}: is complete already; to make it anew, give {prepare} with {overwrite:True} first",
            path=path,
        )
    return OptionError("{path}: is not prepared; give the same with {prepare} first, once", path=path)


class SharedWriter:
    """One of many processes that write an output; made by `join`.

    Parameters
    ----------
    layout : Layout
        The volume.
    target : Target
        The format, opened.
    joined : Joined
        The hidden folder.
    note : callable, optional
        Told of every piece that is done; by default it is noted in a file of its own.
    """

    published = False

    def __init__(self, layout: Layout, target: Target, joined: Joined, note: Note | None) -> None:
        self._layout, self._target, self._joined = layout, target, joined
        self._note = note or self._mark
        self._possible = layout.begins(target.block)
        self._notes = read_noted(joined.done, self._possible)
        # Of flushing, and of what is noted after it.
        self._lock = threading.Lock()

    @property
    def block(self) -> ZYX:
        """Voxels (z, y, x) of a block."""
        return self._target.block

    @property
    def scratch(self) -> Path:
        """The folder of what was prepared."""
        return self._joined.folder / "scratch"

    def is_done(self, start: ZYX, shape: ZYX) -> bool:
        """Return whether all blocks of a piece are done, and stored as they were noted."""
        blocks = list(starts(shape, self.block, start))
        noted = self._notes | read_noted(marker_of(self._joined.pieces, start), self._possible)
        if not all(block in noted for block in blocks):
            return False
        return all(is_sound(self._target, block, noted[block]) for block in blocks)

    def write(self, start: ZYX, array: Voxels) -> None:
        """Write a piece: one or more blocks, which are flushed to the disk and then noted.

        Raises
        ------
        InputError
            If the box or the dtype do not fit, the disk does not take the data, or the output was completed
            or discarded meanwhile.
        """
        output = self._joined.output
        check_box(output, self._layout, self.block, start, array)
        if not self._joined.pieces.is_dir():
            raise InputError(f"{output}: was finished or discarded meanwhile; nothing more is written")
        with disk_errors(output):
            notes = {at: self._target.write(at, voxels) for at, voxels in parts(start, array, self.block)}
            with self._lock:
                self._target.flush()
                self._note(start, notes)

    def withdraw(self, start: ZYX) -> None:
        """Take a piece for not written."""
        marker_of(self._joined.pieces, start).unlink(missing_ok=True)

    def __enter__(self) -> SharedWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._target.close()
        self._joined.release()

    def _mark(self, start: ZYX, blocks: Mapping[ZYX, Notes]) -> None:
        write_marker(self._joined.pieces, start, blocks)


def join(
    path: Path,
    shape: ZYX,
    dtype: DTypeLike,
    voxel_size: tuple[float, float, float],
    *,
    identity: Mapping[str, Any],
    rows: bool = True,
    ome_version: str | None = None,
    explain: Explain | None = None,
    note: Note | None = None,
) -> SharedWriter:
    """Join the processes that write an output which `a2ibench.data.writing.create` has begun.

    Parameters
    ----------
    path, shape, dtype, voxel_size, rows, ome_version, explain
        As for `create`.
    identity : mapping
        As for `create`; what it leaves out is not compared.
    note : callable, optional
        Told of every piece that is done, by a process that holds the output alone and asks others for pieces;
        by default each is noted in a file of its own, which `create` finds.

    Returns
    -------
    SharedWriter
        A context manager.

    Raises
    ------
    InputError
        If nobody has begun it, it has another identity or is damaged, or one process writes it alone.
    """
    check_shared(path, ome_version)
    kind = np.dtype(dtype).newbyteorder("=")
    z, y, x = (decimal_spacing(float(size)) for size in voxel_size)
    layout = Layout(checked_shape(path, shape, kind), kind, (z, y, x), "", rows)
    with disk_errors(path):
        joined = Joined(path, alone=note is not None)
        try:
            if joined.frame is None or not joined.data.is_dir():
                raise not_prepared(path)
            target: Target = target_class(path, ome_version)(joined.data, layout)
            settings = settings_of(layout, target, identity)
            differing = {
                name: pair for name, pair in joined.differences(settings).items() if name in settings
            }
            if differing:
                raise other_settings(path, differing, explain or listed)
            if frame_of(target) != joined.frame:
                raise OptionError(
                    "{path}: its unfinished work is damaged; give the same with {prepare}", path=path
                )
            target.open()
            return SharedWriter(layout, target, joined, note)
        except BaseException:
            joined.release()
            raise


def unwritten(path: Path, pieces: Iterable[tuple[ZYX, ZYX]]) -> list[ZYX]:
    """Return where pieces begin that nobody has noted as done; changes nothing.

    Parameters
    ----------
    path : Path
        The output; unfinished work of it is there.
    pieces : iterable of pairs of tuple of int
        Where each piece begins, and its shape.

    Raises
    ------
    InputError
        If there is no unfinished work.
    """
    leftover = Leftover(path)
    if leftover.settings is None:
        raise not_prepared(path)
    z, y, x = leftover.settings["block"]
    blocks = {start: list(starts(shape, (z, y, x), start)) for start, shape in pieces}

    def missing(among: Collection[ZYX]) -> list[ZYX]:
        def noted(start: ZYX) -> bool:
            own = read_noted(marker_of(leftover.pieces, start), lambda block: True)
            return all(block in done or block in own for block in blocks[start])

        return [start for start in among if not noted(start)]

    with disk_errors(path):
        done = read_noted(leftover.done, lambda block: True)
        if found := missing(blocks):
            await_shown((marker_of(leftover.pieces, start) for start in found), UNSHOWN)
            found = missing(found)
        return found
