"""Files that are there whole or not at all, what makes them survive a loss of power, and JSON to write."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

from a2ibench.errors import InputError

TEMPORARY: Final = re.compile(r"\.[0-9a-f]{16}\.tmp")
"""Names of the files that `atomic_write` fills; a process that was killed may leave one."""

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Yield a new file that takes the name of `path`, durably, when nothing went wrong.

    Whenever the process or the machine stops, `path` holds the old content or the new one, whole.

    Parameters
    ----------
    path : Path
        File in an existing folder.

    Raises
    ------
    OSError
        If the file cannot be written; an older file stays as it was.
    """
    # Of one length whatever the name: file systems end names at 255 bytes.
    temporary = path.with_name(f".{os.urandom(8).hex()}.tmp")
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    flush(path.parent)


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file as `atomic_write` does, and return `path`."""
    with atomic_write(path) as file:
        file.write(content)
    return path


def write_json(path: Path, value: Any, indent: int | None = 2) -> None:
    """Write strict JSON as `atomic_write` does.

    Parameters
    ----------
    path : Path
        The file.
    value : object
        As for `plain`.
    indent : int, optional
        Spaces a level; None for a single line.
    """
    write_bytes(path, (json.dumps(plain(value), indent=indent, allow_nan=False) + "\n").encode())


def plain(value: Any) -> Any:
    """Return `value` made of what JSON has: numpy scalars and arrays, paths and tuples are converted.

    Numbers that are not finite become the texts ``"inf"``, ``"-inf"`` and ``"nan"``.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return str(value)


def flush(path: Path) -> None:
    """Wait until the content of a file, or the names within a folder, are on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows does not let a program wait for names.
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_all(files: Iterable[Path]) -> None:
    """Wait until files and the names that lead to them are on the disk."""
    folders = set()
    for file in files:
        flush(file)
        folders.add(file.parent)
    for folder in folders:
        flush(folder)


def flush_tree(folder: Path) -> None:
    """Wait until the names within a folder and all its folders are on the disk."""
    for inner, _, _ in os.walk(folder):
        flush(Path(inner))


_AGAIN = 0.2


def await_shown(files: Iterable[Path], seconds: float) -> None:
    """Wait until files show that other machines have written, at most so many seconds in all."""
    deadline = time.monotonic() + seconds
    for file in files:
        while not file.exists():
            if time.monotonic() >= deadline:
                return
            time.sleep(_AGAIN)
            # Network file systems ask their server anew when a folder is opened.
            with suppress(OSError):
                next(file.parent.iterdir(), None)


def fresh_folder(folder: Path, keep: Collection[str] = ()) -> None:
    """Make an empty folder, removing what an earlier attempt left in it, but for the names to keep."""
    if folder.is_symlink() or folder.is_file():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in keep:
            remove(path)


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all that it holds."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the system says about the disk into one clear line about `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: {_disk_problem(path, error)}") from error


def _disk_problem(path: Path, error: OSError) -> str:
    if error.errno in _FULL:
        return "the disk is full; free some space and give the same command again, which goes on"
    if error.errno == errno.EFBIG:
        return "larger than a file may be on this disk or for this user; write elsewhere, or raise the limit"
    if error.errno in _REFUSED:
        return f"{path.absolute().parent} may not be written to; change its permissions, or write elsewhere"
    return f"could not be written ({error.strerror or error}); check the disk"
