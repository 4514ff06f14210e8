"""Takes one file or folder out of a zip or tar archive that a stranger made."""

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
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from a2ibench.errors import InputError

DAMAGED = (
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
"""What the standard library raises where an archive is damaged, encrypted or of an unknown compression."""

BOMB = "unpacks to far more than its size; it is damaged, or made to fill the disk"

_CHUNK = 2**20
_BLOCK = 512
_TAR_MARK_AT = 257
_COMPRESSED: tuple[tuple[bytes, Callable[..., Any]], ...] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
)


@dataclass(frozen=True)
class Entry:
    """One entry of an archive.

    Parameters
    ----------
    name : str
        As the archive has it.
    kind : str
        ``"file"``, ``"folder"``, or ``"other"`` for links, devices and the like.
    size : int
        Bytes, as declared.
    open : callable
        Opens it for reading, while it is the current one.
    """

    name: str
    kind: str
    size: int
    open: Callable[[], IO[bytes]]


def entries(archive: Path, most_bytes: int) -> Iterator[Entry]:
    """Yield the entries of an archive in its order.

    Parameters
    ----------
    archive : Path
        A zip file, or a tar file, also compressed with gzip, bzip2 or xz.
    most_bytes : int
        What decompressing a tar file may give, headers and unwanted entries included.

    Raises
    ------
    InputError
        If it is neither, or gives more.
    """
    with archive.open("rb") as file:
        head = file.read(_TAR_MARK_AT + 5)
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        yield from _zip(archive)
        return
    compressed = next((opener for mark, opener in _COMPRESSED if head.startswith(mark)), None)
    if compressed is None and head[_TAR_MARK_AT:] != b"ustar":
        raise InputError("is no zip or tar archive")
    raw = archive.open("rb") if compressed is None else compressed(archive, "rb")
    bounded: Any = _Bounded(raw, most_bytes)
    with closing(raw), tarfile.open(fileobj=bounded, mode="r|") as tar:
        for info in tar:
            yield Entry(info.name, _tar_kind(info), info.size, partial(_opened, tar, info))
        bounded.check_end()


def _zip(archive: Path) -> Iterator[Entry]:
    with zipfile.ZipFile(archive) as file:
        for info in file.infolist():
            yield Entry(info.filename, _zip_kind(info), info.file_size, partial(file.open, info))


def _zip_kind(info: zipfile.ZipInfo) -> str:
    # Archives made on Windows state no kind.
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "other"
    return "folder" if info.is_dir() else "file"


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.isdir():
        return "folder"
    # Sparse files are holes mostly, of any size.
    return "file" if info.isreg() and not info.issparse() else "other"


def _opened(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(info)
    if file is None:
        raise InputError(f"{info.name!r} cannot be read")
    return file


class _Bounded:
    """What decompressing a tar file gives, up to a limit."""

    def __init__(self, raw: IO[bytes], most: int) -> None:
        self._raw, self._left, self._last = raw, most, b""

    def read(self, size: int) -> bytes:
        # Said of a length before it is read: headers may state any.
        if size > self._left:
            size = self._left + 1
        data = self._raw.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise InputError(BOMB)
        self._last = (self._last + data)[-_BLOCK:]
        return data

    def check_end(self) -> None:
        """Read to the end, where an archive that is whole has a block of zeros; tarfile does not look."""
        while self.read(_CHUNK):
            pass
        if self._last != bytes(_BLOCK):
            raise tarfile.ReadError("unexpected end of data")


_COPIED = 2**20


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
        A zip file, or a tar file, also compressed.
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
    _remove(output)
    budget = min(archive.stat().st_size * limits.ratio + limits.spare, shutil.disk_usage(output.parent).free)
    seen: dict[str, None] = {}
    wanted = member.strip("/").split("/")
    count, found, left = 0, False, budget
    try:
        for entry in entries(archive, budget):
            count += 1
            if count > limits.entries:
                raise InputError(f"holds more than {limits.entries} entries")
            parts = _parts(entry)
            _note(seen, parts)
            if parts[: len(wanted)] != wanted:
                continue
            left -= _write(entry, output.joinpath(*parts[len(wanted) :]), left)
            found = True
    except (*DAMAGED, OSError) as error:
        # What the system says has a number; what decompressing says has none.
        if getattr(error, "errno", None) is not None:
            raise
        raise InputError(f"is a damaged or encrypted archive ({' '.join(str(error).split())})") from error
    if not found:
        raise InputError(_absent(member, seen))
    if output.is_dir() and not any(path.is_file() for path in output.rglob("*")):
        raise InputError(f"{member!r} holds no file")


def _parts(entry: Entry) -> list[str]:
    name = entry.name
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or re.search(r"[\\\x00-\x1f]|^[A-Za-z]:", name):
        raise InputError(f"holds the name {name!r}, which leads outside of it")
    return parts


def _write(entry: Entry, path: Path, budget: int) -> int:
    """Write one entry; return its bytes."""
    if entry.kind == "folder":
        path.mkdir(parents=True, exist_ok=True)
        return 0
    if entry.kind != "file":
        raise InputError(f"{entry.name!r} is a link or a device, which is not unpacked")
    if entry.size > budget:
        raise InputError(BOMB)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with entry.open() as source, path.open("xb") as target:
            return _copy(source, target, budget)
    except (FileExistsError, IsADirectoryError):
        raise InputError(f"holds {entry.name!r} twice") from None


def _copy(source: IO[bytes], target: IO[bytes], budget: int) -> int:
    # The size that an archive declares need not be true.
    written = 0
    while chunk := source.read(_COPIED):
        written += len(chunk)
        if written > budget:
            raise InputError(BOMB)
        target.write(chunk)
    return written


def _note(seen: dict[str, None], parts: list[str]) -> None:
    for depth in range(1, len(parts) + 1):
        seen["/".join(parts[:depth])] = None


def _absent(member: str, seen: dict[str, None]) -> str:
    near = difflib.get_close_matches(member, list(seen)[:2000], 1)
    top = [name for name in seen if "/" not in name]
    hint = f"did you mean {near[0]!r}?" if near else f"it holds {', '.join(map(repr, top[:5])) or 'nothing'}"
    return f"has no member {member!r}; {hint}"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
