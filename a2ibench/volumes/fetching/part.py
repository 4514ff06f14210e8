"""The part of a file that is downloaded already, and what tells whether its rest still fits."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from pathlib import Path

from a2ibench.volumes.cache import replacing


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

    def version(self, url: str) -> str | None:
        """Return what names the version of the remote file; None where the part cannot be continued."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            note = json.loads(self._note.read_text(encoding="utf-8"))
            version = note.get("version")
            if note.get("url") == url and isinstance(version, str) and self.size:
                return version
        return None

    def begin(self, url: str, version: str | None) -> None:
        """Start over with a version of the file; with None it cannot be continued later."""
        self.clear()
        self.path.touch()
        if version is not None:
            with replacing(self._note) as temporary:
                temporary.write_text(json.dumps({"url": url, "version": version}), encoding="utf-8")

    def clear(self) -> None:
        """Remove what is there."""
        # The note first: bytes without one are never continued.
        self._note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def deliver(self, output: Path) -> None:
        """Give the whole file its next name."""
        self.path.replace(output)
        self._note.unlink(missing_ok=True)


def version_of(headers: Mapping[str, str]) -> str | None:
    """Return the strong ETag or the date of a response, by which a server can be asked for the rest."""
    etag = headers.get("ETag", "")
    if etag.startswith('"'):
        return etag
    return headers.get("Last-Modified")
