"""The list of blocks that are safely on the disk."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from a2ibench.data.writing.layout import ZYX, Notes
from a2ibench.documents import parse_json
from a2ibench.files import write_bytes


class Journal:
    """A file of one line for each block: where it begins, what is noted of it, and the line's checksum.

    Parameters
    ----------
    path : Path
        The file; what it lists already is taken over.
    possible : callable
        Whether a block can begin at a voxel (z, y, x).

    Attributes
    ----------
    damaged : int
        Lines that were found and are none of ours; they are removed.
    """

    def __init__(self, path: Path, possible: Callable[[ZYX], bool]) -> None:
        self._path = path
        self.notes: dict[ZYX, Notes] = {}
        self.damaged = 0
        content = path.read_bytes() if path.is_file() else b""
        whole = content.rfind(b"\n") + 1
        for line in content[:whole].split(b"\n")[:-1]:
            found = _parsed(line)
            if found is None or not possible(found[0]):
                self.damaged += 1
            else:
                self.notes[found[0]] = found[1]
        if self.damaged:
            self.keep(self.notes.keys())
        elif whole < len(content):
            # The write of the last line was cut short; the next must not continue it.
            os.truncate(path, whole)

    def add(self, blocks: Mapping[ZYX, Notes]) -> None:
        """Record blocks, durably; each with its ``crc32`` and what the format wants to know in the end."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            _append(descriptor, _lines(blocks))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.notes.update(blocks)

    def keep(self, starts: Collection[ZYX]) -> None:
        """Take all other blocks off the list, durably."""
        self.notes = {start: notes for start, notes in self.notes.items() if start in starts}
        write_bytes(self._path, _lines(self.notes))


def _lines(blocks: Mapping[ZYX, Notes]) -> bytes:
    texts = (json.dumps([*start, notes]) for start, notes in blocks.items())
    return "".join(f"{text} {_checksum(text)}\n" for text in texts).encode()


def _parsed(line: bytes) -> tuple[ZYX, Notes] | None:
    text, _, checksum = line.decode("ascii", "replace").rpartition(" ")
    if checksum != _checksum(text):
        return None
    try:
        z, y, x, notes = parse_json(text)
    except (ValueError, TypeError):
        return None
    if not isinstance(notes, dict) or not all(type(at) is int for at in (z, y, x)):
        return None
    return (z, y, x), notes


def _checksum(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _append(descriptor: int, content: bytes) -> None:
    length = os.fstat(descriptor).st_size
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        # A line cut short by a full disk would run into the next one.
        os.truncate(descriptor, length)
        raise
