"""The part of a file that is downloaded already, and what tells whether its rest still fits."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

from a2ibench.documents import read_json
from a2ibench.volumes.cache import replacing
from a2ibench.volumes.fetching.version import Version


class Part:
    """A file that grows, and a note of the version of the remote file that it is the beginning of.

    Parameters
    ----------
    path : Path
        Where it grows; the note lies beside it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._note = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        """Bytes that are there."""
        try:
            return self.path.stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def can_go_on(self) -> bool:
        """Whether there are bytes, and a note of what they are the beginning of."""
        return self.size > 0 and self._note.is_file()

    def version(self, url: str) -> Version | None:
        """Return the version of the remote file; None where the part cannot be continued."""
        with contextlib.suppress(OSError, ValueError):
            note = read_json(self._note)
            version = Version.from_note(note.get("version")) if isinstance(note, dict) else None
            if (
                version is not None
                and note.get("url") == url
                and 0 < self.size <= (version.total or self.size)
            ):
                return version
        return None

    def begin(self, url: str, version: Version | None) -> None:
        """Start over with a version of the file; with None it cannot be continued later."""
        self.clear()
        self.path.touch()
        if version is not None:
            with replacing(self._note) as temporary:
                content = json.dumps({"url": url, "version": version.to_note()})
                temporary.write_text(content, encoding="utf-8")

    def clear(self) -> None:
        """Remove what is there."""
        # The note first: bytes without one are never continued.
        self._note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def deliver(self, output: Path) -> None:
        """Give the whole file its next name."""
        self.path.replace(output)
        self._note.unlink(missing_ok=True)
