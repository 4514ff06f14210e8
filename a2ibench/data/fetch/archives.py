"""Takes one file or folder out of a zip or tar archive that a stranger made.

By hand, since tarfile's data filter, zipfile and pooch's processors unpack links and mend names where an
honest archive has neither, and none of them bounds how much is decompressed.
"""

from __future__ import annotations

import bz2
import difflib
import gzip
import lzma
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from a2ibench.errors import InputError
from a2ibench.files import remove

# What the standard library raises where an archive is damaged, encrypted or of an unknown compression.
_DAMAGED: Final = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    struct.error,
    NotImplementedError,
    RuntimeError,
    UnicodeError,
    OverflowError,
)
_BOMB: Final = "unpacks to far more than its size; it is damaged, or made to fill the disk"
_CHUNK: Final = 2**20
_TAR_MARK_AT: Final = 257
_COMPRESSED: Final[dict[bytes, Callable[..., Any]]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\0": lzma.open,
}


@dataclass(frozen=True)
class Limits:
    """What an archive may unpack to.

    Parameters
    ----------
    entries : int
        Files and folders in it.
    ratio : int
        Bytes for each byte of the archive; grey-scale images compress to a tenth, not to a hundredth.
    spare : int
        Bytes that are allowed beyond that, for small archives of blank images.
    """

    entries: int = 100_000
    ratio: int = 100
    spare: int = 2**25


def extract(archive: Path, member: str, output: Path, limits: Limits | None = None) -> None:
    """Write one member of an archive to `output`: a file, or a folder with all that is in it.

    Parameters
    ----------
    archive : Path
        A zip file, or a tar file, also compressed with gzip, bzip2 or xz.
    member : str
        Its path in the archive, with ``/``.
    output : Path
        What is there is removed first. Only when nothing went wrong it is whole.
    limits : Limits, optional
        What the archive may unpack to.

    Raises
    ------
    InputError
        If the archive is damaged, has no such member, or holds what no honest one does: names that lead
        outside, links or devices within the member, or far more bytes than it has itself.
    """
    limits = limits or Limits()
    with suppress(FileNotFoundError):
        remove(output)
    budget = min(archive.stat().st_size * limits.ratio + limits.spare, shutil.disk_usage(output.parent).free)
    seen: dict[str, None] = {}
    wanted = member.strip("/").split("/")
    found, left = False, budget
    try:
        for count, entry in enumerate(_entries(archive, budget)):
            if count == limits.entries:
                raise InputError(f"holds more than {limits.entries} entries")
            parts = _parts(entry.name)
            seen |= dict.fromkeys("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
            if parts[: len(wanted)] == wanted:
                left -= _write(entry, output.joinpath(*parts[len(wanted) :]), left)
                found = True
    except (*_DAMAGED, OSError) as error:
        # What the system says has a number; what decompressing says has none.
        if getattr(error, "errno", None) is not None:
            raise
        raise InputError(f"is a damaged or encrypted archive ({' '.join(str(error).split())})") from error
    if not found:
        raise InputError(_absent(member, list(seen)))
    if output.is_dir() and not any(path.is_file() for path in output.rglob("*")):
        raise InputError(f"{member!r} holds no file")


class _Entry(NamedTuple):
    """One entry of an archive: its kind is "file", "folder" or "other", its size what is declared."""

    name: str
    kind: str
    size: int
    open: Callable[[], IO[bytes] | None]


def _entries(archive: Path, most: int) -> Iterator[_Entry]:
    """Yield the entries in their order; of a compressed tar file at most `most` bytes are decompressed."""
    with archive.open("rb") as file:
        head = file.read(_TAR_MARK_AT + 5)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        with zipfile.ZipFile(archive) as zipped:
            for info in zipped.infolist():
                yield _Entry(info.filename, _zip_kind(info), info.file_size, partial(zipped.open, info))
        return
    opener = next((opener for mark, opener in _COMPRESSED.items() if head.startswith(mark)), None)
    if opener is None and head[_TAR_MARK_AT:] != b"ustar":
        raise InputError("is no zip or tar archive")
    raw = archive.open("rb") if opener is None else opener(archive, "rb")
    bounded: Any = _Bounded(raw, most)
    with closing(raw), tarfile.open(fileobj=bounded, mode="r|") as tar:
        for member in tar:
            # Sparse files are holes mostly, of any size.
            plain = member.isreg() and not member.issparse()
            kind = "folder" if member.isdir() else "file" if plain else "other"
            yield _Entry(member.name, kind, member.size, partial(tar.extractfile, member))
        bounded.check_end()


def _zip_kind(info: zipfile.ZipInfo) -> str:
    # Archives made on Windows state no kind.
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "other"
    return "folder" if info.is_dir() else "file"


class _Bounded:
    """What decompressing a tar file gives, up to a limit."""

    def __init__(self, raw: IO[bytes], most: int) -> None:
        self._raw, self._left, self._last = raw, most, b""

    def read(self, size: int) -> bytes:
        # Checked before it is read: headers may state any length.
        data = self._raw.read(min(size, self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise InputError(_BOMB)
        self._last = (self._last + data)[-tarfile.BLOCKSIZE :]
        return data

    def check_end(self) -> None:
        """Read to the end, where an archive that is whole has a block of zeros; tarfile does not look."""
        while self.read(_CHUNK):
            pass
        if self._last != tarfile.NUL * tarfile.BLOCKSIZE:
            raise tarfile.ReadError("unexpected end of data")


def _parts(name: str) -> list[str]:
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or re.search(r"[\\\x00-\x1f]|^[A-Za-z]:", name):
        raise InputError(f"holds the name {name!r}, which leads outside of it")
    return parts


def _write(entry: _Entry, path: Path, budget: int) -> int:
    """Write one entry; return its bytes."""
    if entry.kind == "folder":
        path.mkdir(parents=True, exist_ok=True)
        return 0
    if entry.kind != "file":
        raise InputError(f"{entry.name!r} is a link or a device, which is not unpacked")
    if entry.size > budget:
        raise InputError(_BOMB)
    path.parent.mkdir(parents=True, exist_ok=True)
    source = entry.open()
    if source is None:
        raise InputError(f"{entry.name!r} cannot be read")
    try:
        with source, path.open("xb") as target:
            # The size that an archive declares need not be true.
            while chunk := source.read(_CHUNK):
                if target.tell() + len(chunk) > budget:
                    raise InputError(_BOMB)
                target.write(chunk)
            return target.tell()
    except (FileExistsError, IsADirectoryError):
        raise InputError(f"holds {entry.name!r} twice") from None


def _absent(member: str, names: list[str]) -> str:
    near = difflib.get_close_matches(member, names[:2000], 1)
    top = [repr(name) for name in names if "/" not in name]
    hint = f"did you mean {near[0]!r}?" if near else f"it holds {', '.join(top[:5]) or 'nothing'}"
    return f"has no member {member!r}; {hint}"
