"""Data that survive a loss of power, and what is said when the disk does not take them."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from a2ibench.errors import InputError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


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


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all that it holds."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def write_whole(path: Path, content: bytes) -> None:
    """Write a small file that is there whole or not at all, durably."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_bytes(content)
    flush(temporary)
    temporary.replace(path)
    flush(path.parent)


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """Turn what the system says about the disk into one clear line about `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: {_told(path, error)}") from error


def _told(path: Path, error: OSError) -> str:
    if error.errno in _FULL:
        return "the disk is full; free some space and give the same command again, which goes on"
    if error.errno == errno.EFBIG:
        return "larger than a file may be on this disk or for this user; write elsewhere, or raise the limit"
    if error.errno in _REFUSED:
        return f"{path.absolute().parent} may not be written to; change its permissions, or write elsewhere"
    return f"could not be written ({error.strerror or error}); check the disk"
