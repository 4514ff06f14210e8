"""Digests that outlive the process: one small file in the cache folder, which may be lost at any time."""

from __future__ import annotations

import contextlib
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from a2ibench.documents import read_json
from a2ibench.volumes.cache import cache_folder, replacing

NAME: Final = "checksums.json"
_AT_MOST: Final = 4096


class Remembered:
    """Digests by what they are of, each with the state that the file had.

    A file that is damaged, edited or from another release counts as empty. Of processes that write at the
    same time one wins; what the others knew is read from the volumes again.

    Parameters
    ----------
    path : Path
        The file; need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, Any] = _read(path)

    def find(self, what: str, path: str, state: str) -> str | None:
        """Return a digest; None where none is known of this state."""
        known = self._entries.get(f"{what} {path}")
        return known[1] if known is not None and known[0] == state else None

    def keep(self, what: str, path: str, state: str, digest: str) -> None:
        """Note a digest. The oldest of more than 4096 is dropped; a cache that cannot be written is none."""
        key = f"{what} {path}"
        # Read again, for what other processes have added meanwhile.
        entries = _read(self._path)
        entries.pop(key, None)
        entries[key] = [state, digest]
        self._entries = dict(list(entries.items())[-_AT_MOST:])
        with contextlib.suppress(OSError, ValueError), replacing(self._path) as temporary:
            content = {"digest": _digest(self._entries), "entries": self._entries}
            temporary.write_text(json.dumps(content), encoding="utf-8")


def remembered() -> Remembered:
    """Return what the cache folder remembers."""
    return _remembered(cache_folder() / NAME)


@cache
def _remembered(path: Path) -> Remembered:
    return Remembered(path)


def _read(path: Path) -> dict[str, Any]:
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        content = read_json(path)
        entries = content["entries"]
        # A flipped bit would otherwise accuse a volume of having changed.
        if content["digest"] == _digest(entries) and all(map(_is_entry, entries.values())):
            return dict(entries)
    return {}


def _digest(entries: Any) -> str:
    return hashlib.sha256(json.dumps(entries).encode()).hexdigest()


def _is_entry(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) for one in value)
