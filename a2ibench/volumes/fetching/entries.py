"""Reads zip and tar archives entry by entry, without trusting what they say of themselves."""

from __future__ import annotations

import bz2
import gzip
import lzma
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
