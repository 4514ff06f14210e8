"""The list of blocks that are safely on the disk."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from a2ibench.volumes.writing.layout import Triple

Notes = Mapping[str, Any]


class Journal:
    """A file of one line for each block, which only ever grows.

    Parameters
    ----------
    path : Path
        The file; what it lists already is taken over.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.notes: dict[Triple, Notes] = {}
        content = path.read_bytes() if path.exists() else b""
        whole = content.rfind(b"\n") + 1
        for line in content[:whole].splitlines():
            z, y, x, notes = json.loads(line)
            self.notes[z, y, x] = notes
        if whole < len(content):
            # The write of the last line was cut short; the next must not continue it.
            os.truncate(path, whole)

    def add(self, blocks: Mapping[Triple, Notes]) -> None:
        """Record blocks, durably; each with what the format wants to know of it in the end."""
        lines = "".join(f"{json.dumps([*start, notes])}\n" for start, notes in blocks.items())
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            _write_whole(descriptor, lines.encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.notes.update(blocks)


def _write_whole(descriptor: int, content: bytes) -> None:
    length = os.fstat(descriptor).st_size
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        # A line cut short by a full disk would run into the next one.
        os.truncate(descriptor, length)
        raise
