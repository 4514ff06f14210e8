"""What all outputs that are a single file have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from pathlib import Path

from a2ibench.volumes.writing.durable import flush_all
from a2ibench.volumes.writing.journal import Notes
from a2ibench.volumes.writing.layout import Layout, Triple, Voxels, clipped
from a2ibench.volumes.writing.raw import RawFile


class OneFile(ABC):
    """A file that is laid out once, and whose voxels are then written in their places; see `Target`.

    Parameters
    ----------
    path : Path
        The file.
    layout : Layout
        The volume.
    block : tuple of int
        Voxels (z, y, x) that are written together, where the volume is that large.
    """

    def __init__(self, path: Path, layout: Layout, block: Triple) -> None:
        self.path, self.layout = path, layout
        self.block = clipped(block, layout.shape)
        self._file: RawFile | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Lay out the file, with holes for the voxels."""

    @abstractmethod
    def open(self) -> None:
        """Get ready to write blocks."""

    @abstractmethod
    def write(self, start: Triple, array: Voxels) -> Notes:
        """Write one block."""

    @abstractmethod
    def frame(self) -> int:
        """Return a checksum of all but the voxels."""

    @abstractmethod
    def checksum(self, start: Triple) -> int:
        """Return the checksum of a block as it is stored now."""

    def tidy(self, kept: Collection[Triple]) -> None:  # noqa: B027  (nothing is the rule for single files)
        """Do nothing: what a block left behind is written over."""

    def flush(self) -> None:
        """Wait until everything written so far is on the disk."""
        self._opened().flush()

    def finish(self, notes: Mapping[Triple, Notes]) -> None:
        """Flush the file."""
        flush_all([self.path])

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> RawFile:
        if self._file is None:
            raise ValueError(f"{self.path} is not open")
        return self._file
