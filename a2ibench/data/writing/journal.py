"""The list of the blocks of an output that are safely on the disk, of one process or of many."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path

from a2ibench.data.writing.layout import ZYX, Notes
from a2ibench.documents import parse_json
from a2ibench.files import remove, write_bytes


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
        self._path, self._possible = path, possible
        content = path.read_bytes() if path.is_file() else b""
        whole = content.rfind(b"\n") + 1
        self.notes, self.damaged = _read(content[:whole], possible)
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

    def take_in(self, folder: Path, starts: Iterable[ZYX] = ()) -> set[ZYX]:
        """Add what many processes noted of their pieces, and remove their files; return the blocks.

        Parameters
        ----------
        folder : Path
            Of the files that `write_marker` wrote.
        starts : iterable of tuple of int
            Where pieces begin whose files are looked for by name, too: some file systems list files late.
        """
        files = {entry for entry in folder.iterdir() if entry.is_file()} if folder.is_dir() else set()
        files |= {marker for start in starts if (marker := marker_of(folder, start)).is_file()}
        taken: dict[ZYX, Notes] = {}
        for file in files:
            # What a process was writing when it was killed is none yet.
            if not file.name.startswith("."):
                found, damaged = _read(file.read_bytes(), self._possible)
                self.damaged += damaged
                taken |= found
        if taken:
            self.add(taken)
        for file in files:
            remove(file)
        return set(taken)

    def keep(self, starts: Collection[ZYX]) -> None:
        """Take all other blocks off the list, durably."""
        self.notes = {start: notes for start, notes in self.notes.items() if start in starts}
        write_bytes(self._path, _lines(self.notes))


def marker_of(folder: Path, start: ZYX) -> Path:
    """Return the file that tells of the piece that begins at a voxel (z, y, x)."""
    return folder / "-".join(map(str, start))


def write_marker(folder: Path, start: ZYX, blocks: Mapping[ZYX, Notes]) -> None:
    """Note the blocks of a piece, durably, in a file of its own: many processes may, without a lock."""
    write_bytes(marker_of(folder, start), _lines(blocks))


def read_noted(file: Path, possible: Callable[[ZYX], bool]) -> dict[ZYX, Notes]:
    """Return the blocks that a journal or a marker lists; none where there is no such file."""
    try:
        return _read(file.read_bytes(), possible)[0]
    except FileNotFoundError:
        return {}


def _read(content: bytes, possible: Callable[[ZYX], bool]) -> tuple[dict[ZYX, Notes], int]:
    """Return the blocks that lines tell of, and how many lines are damaged."""
    notes: dict[ZYX, Notes] = {}
    damaged = 0
    for line in content.removesuffix(b"\n").split(b"\n") if content else ():
        found = _parsed(line)
        if found is None or not possible(found[0]):
            damaged += 1
        else:
            notes[found[0]] = found[1]
    return notes, damaged


def _lines(blocks: Mapping[ZYX, Notes]) -> bytes:
    texts = (json.dumps([*start, notes]) for start, notes in blocks.items())
    return "".join(f"{text} {_crc32_text(text)}\n" for text in texts).encode()


def _parsed(line: bytes) -> tuple[ZYX, Notes] | None:
    text, _, checksum = line.decode("ascii", "replace").rpartition(" ")
    if checksum != _crc32_text(text):
        return None
    try:
        z, y, x, notes = parse_json(text)
    except (ValueError, TypeError):
        return None
    if not isinstance(notes, dict) or not all(type(at) is int for at in (z, y, x)):
        return None
    return (z, y, x), notes


def _crc32_text(text: str) -> str:
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
