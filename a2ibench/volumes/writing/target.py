"""What a writable format consists of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from a2ibench.volumes.writing.journal import Notes
from a2ibench.volumes.writing.layout import Triple, Voxels


class Target(Protocol):
    """A file or folder that is being written, under a name of its own.

    Every member raises OSError when the disk does not take the data.
    """

    block: Triple
    """Voxels (z, y, x) of a block: no two blocks share a file, a chunk or anything else that is
    written as one."""

    def prepare(self) -> None:
        """Create it with all its metadata and no voxel."""

    def open(self) -> None:
        """Get ready to write blocks to what `prepare` created, maybe in an earlier process."""

    def write(self, start: Triple, array: Voxels) -> Notes:
        """Write one block; return what `finish` wants to know of it."""

    def flush(self) -> None:
        """Wait until everything written so far is on the disk."""

    def finish(self, notes: Mapping[Triple, Notes]) -> None:
        """Complete it from what is known of every block, and flush it; may be called again after a crash."""

    def close(self) -> None:
        """Let go of open files."""
