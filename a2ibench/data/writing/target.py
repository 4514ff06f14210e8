"""What a writable format consists of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from a2ibench.data.writing.journal import Notes
from a2ibench.data.writing.layout import Triple, Voxels


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

    def frame(self) -> int:
        """Return a checksum of all but the voxels: of the metadata, and of the size of a file.

        It is the same from `prepare` until after `finish`. Damaged files may raise anything.
        """

    def write(self, start: Triple, array: Voxels) -> Notes:
        """Write one block; return what `finish` wants to know of it, and as ``crc32`` its `checksum`."""

    def checksum(self, start: Triple) -> int:
        """Return the checksum of a block as it is stored now.

        Raises OSError if it is not all there.
        """

    def tidy(self, kept: Collection[Triple]) -> None:
        """Remove whatever belongs neither to the metadata nor to one of the blocks given."""

    def flush(self) -> None:
        """Wait until everything written so far is on the disk."""

    def finish(self, notes: Mapping[Triple, Notes]) -> None:
        """Complete it from what is known of every block, and flush it; may be called again after a crash."""

    def close(self) -> None:
        """Let go of open files."""
