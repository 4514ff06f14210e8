"""A file that is downloaded in part, and which version of the remote file it is the beginning of."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from a2ibench.documents import read_json
from a2ibench.files import write_json

_SETTLED: Final = 60.0
"""Seconds after which a file that changes again gets another date for certain."""


@dataclass(frozen=True)
class Version:
    """What a server said of a file when its download began.

    Parameters
    ----------
    condition : str
        The strong ETag or, where there is none, the date by which the server is asked for the rest.
    etag, modified : str or None
        Its headers ``ETag``, also a weak one, and ``Last-Modified``.
    total : int or None
        Bytes of the whole file.
    """

    condition: str
    etag: str | None
    modified: str | None
    total: int | None

    @classmethod
    def of(cls, headers: Mapping[str, str], total: int | None) -> Version | None:
        """Return the version of a response; None where a later one could not be told from it.

        A date tells only files apart that did not change within its second, so it must have been a minute
        old when the server sent it, and the number of bytes must be known as well.
        """
        etag, modified = headers.get("ETag"), headers.get("Last-Modified")
        if etag and etag.startswith('"'):
            return cls(etag, etag, modified, total)
        if modified and total is not None and _settled(modified, headers.get("Date", "")):
            return cls(modified, etag, modified, total)
        return None

    @classmethod
    def from_note(cls, note: Any) -> Version | None:
        """Return the version that a note holds; None where it holds anything else."""
        if not isinstance(note, dict) or note.keys() != {"condition", "etag", "modified", "total"}:
            return None
        texts = (note["etag"], note["modified"])
        usable = all(text is None or isinstance(text, str) for text in texts)
        if not usable or note["condition"] not in [text for text in texts if text]:
            return None
        total = note["total"]
        if total is not None and (not isinstance(total, int) or isinstance(total, bool) or total < 1):
            return None
        return cls(**note)

    def to_note(self) -> dict[str, Any]:
        """Return what `from_note` takes."""
        return asdict(self)

    def is_of(self, headers: Mapping[str, str], total: int | None) -> bool:
        """Return whether a response, of a file of `total` bytes, is of this version: it must say so."""
        known = {"ETag": self.etag, "Last-Modified": self.modified}
        told = {name: headers[name] for name in known if name in headers}
        if not told or any(known[name] != value for name, value in told.items()):
            return False
        if self.total is not None and total is not None:
            return self.total == total
        # A date alone is not enough.
        return self.condition == self.etag and "ETag" in told


def _settled(modified: str, date: str) -> bool:
    try:
        sent: datetime = parsedate_to_datetime(date)
        return (sent - parsedate_to_datetime(modified)).total_seconds() >= _SETTLED
    except (TypeError, ValueError, OverflowError):
        return False


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
            write_json(self._note, {"url": url, "version": version.to_note()}, indent=None)

    def clear(self) -> None:
        """Remove what is there."""
        # The note first: bytes without one are never continued.
        self._note.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)

    def deliver(self, output: Path) -> None:
        """Give the whole file its next name."""
        self.path.replace(output)
        self._note.unlink(missing_ok=True)
