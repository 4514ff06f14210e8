"""Writes the blocks of one output, and gives it its name when all are there."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Mapping, Set
from pathlib import Path
from types import TracebackType

from a2ibench.data.writing.journal import Journal
from a2ibench.data.writing.layout import ZYX, Layout, Notes, Target, Voxels, parts, starts
from a2ibench.data.writing.partial import Partial
from a2ibench.errors import InputError, OptionError, counted
from a2ibench.files import disk_errors

_FLUSH_EVERY = 1.0  # seconds
LATE = 60.0
"""Seconds after which network file systems show what other machines have written, at the latest."""


class Writer:
    """An output that grows in a hidden folder beside it; made by `create`.

    As a context manager it releases the output in the end: what is written stays, and `create` with the same
    identity goes on with it, unless `finish` or `discard` was called. `write` may be called from several
    threads.

    Parameters
    ----------
    layout : Layout
        The volume.
    target : Target
        The format, opened.
    partial : Partial
        The hidden folder, held.
    journal : Journal or None
        The blocks that are done; None if the output has its name already.
    overwrite : bool
        Whether an output of this name is replaced in the end.
    """

    def __init__(
        self,
        layout: Layout,
        target: Target,
        partial: Partial,
        journal: Journal | None,
        *,
        overwrite: bool,
    ) -> None:
        self._layout, self._target, self._partial, self._overwrite = layout, target, partial, overwrite
        self._journal = journal
        self._fresh: dict[ZYX, Notes] = {}
        self._adopted: set[ZYX] = set()
        self._flushed = time.monotonic()
        # Of the journal, of what is fresh, and of flushing.
        self._lock = threading.Lock()
        self._open, self._failed = True, False

    @property
    def block(self) -> ZYX:
        """Voxels (z, y, x) of a block."""
        return self._target.block

    @property
    def scratch(self) -> Path:
        """A folder for what an interrupted call needs to go on, such as a trained network.

        It lies in the hidden folder, stays as long as that does, and is removed with it: by `finish`, by
        `discard`, and when a call of another identity overwrites the output.

        Raises
        ------
        InputError
            If the output is finished, discarded or released, or the folder cannot be made.
        """
        self._check_open()
        with disk_errors(self._partial.output):
            return self._partial.scratch

    @property
    def done(self) -> Set[ZYX]:
        """Where the blocks begin that are written, by this call and by interrupted ones before."""
        with self._lock:
            if self._journal is None:
                return set(starts(self._layout.shape, self.block))
            return self._journal.notes.keys() | self._fresh.keys()

    @property
    def published(self) -> bool:
        """Whether the output has its name, by this call or by an interrupted one before."""
        return self._journal is None

    def forget(self) -> None:
        """Take all blocks for not written, since what they were made with is lost."""
        self._check_open()
        with self._lock, disk_errors(self._partial.output):
            if self._journal is not None:
                self._fresh = {}
                self._journal.keep(())

    def is_done(self, start: ZYX, shape: ZYX) -> bool:
        """Return whether all blocks that a box consists of are done."""
        return all(self._is_written(at) for at in starts(shape, self.block, start))

    def write(self, start: ZYX, array: Voxels) -> None:
        """Write one or more blocks; those that are done already are left as they are.

        About once a second, all blocks written so far are flushed to the disk and then recorded. So a process
        that is killed, or a loss of power, costs that second and the block under way.

        Parameters
        ----------
        start : tuple of int
            First voxel (z, y, x): multiples of `block`.
        array : ndarray, shape (z, y, x)
            Voxels in the output's dtype; its sides are multiples of `block`, or reach the volume's end.

        Raises
        ------
        InputError
            If the box or the dtype do not fit, or the disk does not take the data.
        """
        self._check(start, array)
        with disk_errors(self._partial.output):
            for at, voxels in parts(start, array, self.block):
                if self._is_written(at):
                    continue
                notes = self._target.write(at, voxels)
                with self._lock:
                    self._fresh[at] = notes
            if time.monotonic() - self._flushed >= _FLUSH_EVERY:
                self._record()

    def adopt(self, blocks: Mapping[ZYX, Notes]) -> None:
        """Take over blocks that another process has written and flushed, see `a2ibench.data.writing.join`."""
        self._check_open()
        with self._lock:
            self._fresh.update(blocks)
            self._adopted.update(blocks)
        if time.monotonic() - self._flushed >= _FLUSH_EVERY:
            with disk_errors(self._partial.output):
                self._record()

    def publish(self) -> None:
        """Complete the output and give it its name; what is in `scratch` stays until `finish`.

        A call of the same identity that follows an interruption between the two finds all blocks done.

        Raises
        ------
        InputError
            If blocks are missing, another file has taken the name, or the disk does not take the data.
        """
        self._check_open()
        if self._journal is None:
            return
        output, sides = self._partial.output, zip(self._layout.shape, self.block, strict=True)
        missing = math.prod(-(-n // by) for n, by in sides) - len(self.done)
        if missing:
            raise InputError(f"{output}: {counted(missing, 'block')} not written; write all before finish")
        with disk_errors(output):
            self._record()
            self._target.await_shown(self._adopted, LATE)
            self._target.finish(self._journal.notes)
            if not self._overwrite and os.path.lexists(output):
                raise OptionError(
                    "{output}: has appeared meanwhile; move it away, or add {overwrite:True}", output=output
                )
            self._target.close()
            self._partial.publish()
        self._journal = None

    def finish(self) -> None:
        """Complete the output, give it its name unless it has it, and remove the hidden folder.

        Raises
        ------
        InputError
            As for `publish`.
        """
        self.publish()
        with disk_errors(self._partial.output):
            self._partial.remove()
        self._open = False

    def discard(self) -> None:
        """Remove everything written; an older output of this name stays."""
        self._check_open()
        self._target.close()
        with disk_errors(self._partial.output):
            self._partial.remove()
        self._open = False

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._open:
            return
        self._open = False
        try:
            if not self._failed:
                with disk_errors(self._partial.output):
                    self._record()
        except InputError:
            if error is None:
                raise
        finally:
            self._target.close()
            self._partial.release()

    def _is_written(self, at: ZYX) -> bool:
        with self._lock:
            return self._journal is None or at in self._journal.notes or at in self._fresh

    def _record(self) -> None:
        """List the fresh blocks as done, once they are safely on the disk."""
        with self._lock:
            if not self._fresh or self._journal is None:
                return
            try:
                self._target.flush()
                self._journal.add(self._fresh)
            except BaseException:
                # A system that has lost data says so only once: a second try would succeed, without them.
                self._failed = True
                raise
            self._fresh = {}
            self._flushed = time.monotonic()

    def _check_open(self) -> None:
        if not self._open:
            raise InputError(f"{self._partial.output}: is finished, discarded or released; create it again")
        if self._failed:
            raise InputError(f"{self._partial.output}: the disk has not taken all blocks; create it again")

    def _check(self, start: ZYX, array: Voxels) -> None:
        self._check_open()
        check_box(self._partial.output, self._layout, self.block, start, array)


def check_box(output: Path, layout: Layout, block: ZYX, start: ZYX, array: Voxels) -> None:
    """Accept voxels that fill whole blocks of a layout.

    Raises
    ------
    InputError
        If the box or the dtype do not fit.
    """
    if array.dtype != layout.dtype:
        raise InputError(f"{output}: got voxels of {array.dtype}; give {layout.dtype}")
    if array.ndim != 3 or not array.size:
        raise InputError(f"{output}: got an array of shape {array.shape}; give (z, y, x) voxels")
    for at, n, by, end in zip(start, array.shape, block, layout.shape, strict=True):
        if at % by or at < 0 or at + n > end or (n % by and at + n < end):
            raise InputError(
                f"{output}: got voxels of shape {array.shape} at {tuple(start)} of a volume of "
                f"{layout.shape}; give whole blocks of {block}"
            )
