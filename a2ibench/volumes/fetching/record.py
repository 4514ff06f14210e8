"""Where a download is kept, and the record beside it of what it was."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from a2ibench.contracts import DatasetSpec
from a2ibench.documents import read_json
from a2ibench.errors import InputError
from a2ibench.volumes.cache import cache_folder, replacing
from a2ibench.volumes.fetching.checksums import content_sha256, crop_sha256

_SHA256 = re.compile("[0-9a-f]{64}")


class Kept:
    """The place of one download in the cache.

    Parameters
    ----------
    spec : DatasetSpec
        With a `url`.
    cache : Path, optional
        As for `fetch`.
    """

    def __init__(self, spec: DatasetSpec, cache: Path | None = None) -> None:
        self._spec = spec
        self.path = cache_folder(cache) / "downloads" / file_name(spec)
        self.record = self.path.with_name(f"{self.path.name}.json")

    @property
    def lock(self) -> Path:
        """File that one process at a time holds while it downloads."""
        return self.path.with_name(f"{self.path.name}.lock")

    @property
    def work(self) -> Path:
        """Folder of what is not complete."""
        return self.path.with_name(f".{self.path.name}.part")

    def recorded(self) -> str | None:
        """Return the checksum of the first download, None where there is none."""
        return _checksum(self._read(), "sha256")

    def holds(self) -> bool:
        """Return whether what is wanted is there, unharmed."""
        return (expected := self.expected()) is not None and self.checksum(self.path) == expected

    def accepts(self) -> bool:
        """Return whether something is there whose checksum nobody has ever told or recorded."""
        return self.path.exists() and self._spec.sha256 is None and self.recorded() is None

    def expected(self) -> str | None:
        """Return the checksum that what is kept must have, None where nobody knows it yet."""
        told = self._spec.sha256
        if self._spec.member is not None:
            # A told checksum is the archive's, which is not kept.
            same = told is None or _checksum(self._read(), "archive_sha256") == told
            return self.recorded() if same else None
        return told or self.recorded()

    def checksum(self, path: Path) -> str | None:
        """Return the checksum of a download; None where it is missing or damaged."""
        with contextlib.suppress(OSError, InputError):
            return crop_sha256(path) if self._spec.chunked else content_sha256(path)
        return None

    def write_record(self, archive_sha256: str | None = None) -> None:
        """Record what is kept now."""
        spec = self._spec
        content: dict[str, Any] = {"url": spec.url}
        if spec.member is not None:
            content |= {"member": spec.member, "archive_sha256": archive_sha256 or spec.sha256}
        if spec.chunked:
            content |= {"key": spec.key, "level": spec.level, "crop": spec.crop}
        content |= {"sha256": self.checksum(self.path), "bytes": _size(self.path)}
        with replacing(self.record) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def _read(self) -> Mapping[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            found = read_json(self.record)
            return found if isinstance(found, dict) else {}
        return {}


def file_name(spec: DatasetSpec) -> str:
    """Return the name of a download in the cache."""
    url = str(spec.url)
    identity, last, suffix = url, unquote(urlsplit(url).path).rstrip("/").rpartition("/")[2], ""
    if spec.chunked:
        identity, suffix = json.dumps([url, spec.key, spec.level, spec.crop]), ".h5"
    elif spec.member is not None:
        identity, last = json.dumps([url, spec.member]), spec.member.rstrip("/").rpartition("/")[2]
    # Names alone do not tell files apart: two public volumes are both called grayscale_maps.h5.
    name = re.sub(r"[^A-Za-z0-9._-]", "_", last)[-80:]
    return f"{hashlib.sha256(identity.encode()).hexdigest()[:12]}-{name}{suffix}"


def _checksum(record: Mapping[str, Any], field: str) -> str | None:
    found = record.get(field)
    return found if isinstance(found, str) and _SHA256.fullmatch(found) else None


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size
