"""Takes one file or folder out of an archive that a stranger made."""

from __future__ import annotations

import difflib
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from a2ibench.errors import InputError
from a2ibench.volumes.fetching.entries import BOMB, DAMAGED, Entry, entries

_CHUNK = 2**20


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
    while chunk := source.read(_CHUNK):
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
