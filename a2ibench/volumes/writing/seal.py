"""Files of unfinished work that are only used again if they are as they were written."""

from __future__ import annotations

import zlib
from pathlib import Path

from a2ibench.volumes.writing.durable import remove, write_whole

_PIECE = 1 << 22


def seal(path: Path) -> None:
    """Note the checksum of a file or folder in a file beside it."""
    write_whole(_beside(path), _checksum(path).encode())


def is_sealed(path: Path) -> bool:
    """Return whether a file or folder is there and as it was when it was sealed."""
    try:
        return _beside(path).read_text(encoding="ascii") == _checksum(path)
    except (OSError, ValueError):
        return False


def unseal(path: Path) -> bool:
    """Remove a file or folder, and its checksum; return whether there was any."""
    found = [place for place in (_beside(path), path) if place.is_symlink() or place.exists()]
    for place in found:
        remove(place)
    return bool(found)


def sums(path: Path) -> dict[str, int]:
    """Return the checksum of a file, or of each file within a folder by its relative name."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {file.relative_to(path).as_posix(): _crc32(file) for file in files if file.is_file()}


def _checksum(path: Path) -> str:
    if not path.exists():
        raise FileNotFoundError(path)
    kind = "folder" if path.is_dir() else "file"
    return f"{kind} {zlib.crc32(repr(sorted(sums(path).items())).encode()):08x}"


def _crc32(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            checksum = zlib.crc32(piece, checksum)
    return checksum


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.seal")
