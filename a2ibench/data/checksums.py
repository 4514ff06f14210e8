"""Checksums of files, folders and voxels, taken again only where a file may have changed.

They outlive the process in one small file in the cache folder, which may be lost at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

from a2ibench.data import cache_folder
from a2ibench.data.formats import open_lazy
from a2ibench.data.formats.slices import parts_of
from a2ibench.documents import read_json
from a2ibench.errors import InputError
from a2ibench.files import write_json

NAME: Final = "checksums.json"
_AT_MOST: Final = 4096


class ChecksumCache:
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
        with contextlib.suppress(OSError, ValueError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_json(self._path, {"digest": _digest(self._entries), "entries": self._entries}, indent=None)


def _checksum_cache() -> ChecksumCache:
    """Return the checksums that the cache folder keeps."""
    return _opened_cache(cache_folder() / NAME)


@cache
def _opened_cache(path: Path) -> ChecksumCache:
    return ChecksumCache(path)


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


_GRANULARITY: Final = 2_000_000_000
"""Nanoseconds within which a file may change twice without its times telling; FAT keeps every second one."""

_WORTH: Final = 1 << 22
"""Bytes from which reading a file takes longer than looking its digest up."""

_MANY: Final = 64
_KNOWN_AT_MOST: Final = 1 << 16

_known: dict[tuple[str, str], tuple[str, str]] = {}


def sha256_of(path: Path) -> str:
    """Return the checksum of a file; read again only where size, times, inode or device differ.

    Raises
    ------
    InputError
        If it is neither a file nor a link to one; nothing is read then.
    OSError
        If it cannot be read.
    """
    return _file_digest(path, "sha256", lambda: _sha256(path))


def _folder_sha256(folder: Path) -> str:
    members = sorted((file.relative_to(folder).as_posix(), file) for file in files_below(folder))
    states = [(name, file.stat()) for name, file in members]
    listed = "".join(f"{name}\0{_text(state)}\0" for name, state in states)
    state = hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()
    settled = all(_settled(one) for _, one in states)
    big = len(states) >= _MANY or sum(one.st_size for _, one in states) >= _WORTH

    def compute() -> str:
        lines = (f"{sha256_of(file)}  {name}\n" for name, file in members)
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    return _once(folder, "folder", state, compute, keep=settled, store=_checksum_cache() if big else None)


def _file_digest(path: Path, what: str, compute: Callable[[], str]) -> str:
    """Return what `compute` tells of a file, asked again only where the file may have changed.

    A file that was changed within the last two seconds is asked every time, since the next change need not
    show.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise InputError(f"{path}: is no regular file; give a file or a folder of files")
    settled = _settled(state)
    store = _checksum_cache() if state.st_size >= _WORTH else None
    # What was written to while it was read is not taken for known.
    keep = settled and (lambda: _text(path.stat()) == _text(state))
    return _once(path, what, _text(state), compute, keep=keep, store=store)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield everything below a folder that is no folder; links to folders are followed, once each."""
    seen: set[tuple[int, int]] = set()
    for place, folders, names in os.walk(folder, followlinks=True, onerror=_raise):
        state = Path(place).stat()
        if (state.st_dev, state.st_ino) in seen:
            folders.clear()
            continue
        seen.add((state.st_dev, state.st_ino))
        folders.sort()
        yield from (Path(place, name) for name in names if Path(place, name).exists())


def _once(
    path: Path,
    what: str,
    state: str,
    compute: Callable[[], str],
    *,
    keep: bool | Callable[[], bool],
    store: ChecksumCache | None,
) -> str:
    # As text, so that two spellings of a path cost a second reading and nothing else.
    key = what, os.path.abspath(path)  # noqa: PTH100 - resolving links costs more than small files do
    if key in _known and _known[key][0] == state:
        return _known[key][1]
    found = store.find(*key, state) if store is not None else None
    if found is None:
        found = compute()
        if not (keep() if callable(keep) else keep):
            return found
        if store is not None:
            store.keep(*key, state, found)
    if len(_known) >= _KNOWN_AT_MOST:
        _known.clear()
    _known[key] = state, found
    return found


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _text(state: os.stat_result) -> str:
    return f"{state.st_size} {state.st_mtime_ns} {state.st_ctime_ns} {state.st_ino} {state.st_dev}"


def _settled(state: os.stat_result) -> bool:
    return time.time_ns() - max(state.st_ctime_ns, state.st_mtime_ns) > _GRANULARITY


def _raise(error: OSError) -> None:
    raise error


CROP_KEY = "volume"
"""The dataset in the HDF5 file of a crop."""

_SLAB = 2**26


def content_sha256(path: Path) -> str:
    """Return the checksum of a file; of a folder, or of files that make up one image, that of their list.

    The list is the one that ``sha256sum`` prints for the files by their sorted names, relative to the
    folder: a line ``CHECKSUM  NAME`` for each. Links to folders are followed, once each. What was read once
    is read again only where a file's size, times, inode or device differ; that holds across processes, too.

    Raises
    ------
    InputError
        If it is, or holds, a pipe, socket or device.
    OSError
        If a file cannot be read.
    """
    if path.is_dir():
        return _folder_sha256(path)
    parts = parts_of(path)
    if not parts:
        return sha256_of(path)
    lines = "".join(f"{sha256_of(file)}  {file.name}\n" for file in parts)
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def crop_sha256(path: Path) -> str:
    """Return the checksum of the voxels that the file of a crop holds: C order (z, y, x), little-endian.

    The bytes of an HDF5 file depend on the version of its library; the voxels do not.

    Raises
    ------
    InputError
        If the file is damaged.
    OSError
        If there is none.
    """
    return _file_digest(path, "voxels", lambda: _voxels(path))


def _voxels(path: Path) -> str:
    digest = hashlib.sha256()
    with open_lazy(path, key=CROP_KEY) as volume:
        nz, ny, nx = volume.shape
        planes = max(1, _SLAB // (ny * nx * volume.dtype.itemsize))
        for z in range(0, nz, planes):
            slab = volume[slice(z, z + planes), slice(0, ny), slice(0, nx)]
            digest.update(slab.astype(volume.dtype.newbyteorder("<"), copy=False).data)
    return digest.hexdigest()
