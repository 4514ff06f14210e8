"""A lock on a job, held by all processes that may write into its folder, until the last of them has ended."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import filelock

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCKS: Final = ".locks"
"""Folder of the locks within that of a run."""
_POLL: Final = 0.1


@contextmanager
def job_lock(place: Path, given_up: Callable[[], bool]) -> Iterator[Sequence[int]]:
    """Hold a lock; wait for it as long as an earlier execution of the same job, or what is left of it, lives.

    Parameters
    ----------
    place : Path
        The lock's file.
    given_up : callable
        Whether to wait no longer.

    Yields
    ------
    sequence of int
        File descriptors to hand on to the job's process, which then holds the lock, too: also where this
        process is killed, nobody else gets it before the job's process is gone.

    Raises
    ------
    TimeoutError
        If waiting was given up.
    OSError
        If the file cannot be written.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    if fcntl is None:
        lock = filelock.FileLock(place)
        _wait(lambda: _acquired(lock), given_up)
        try:
            yield ()
        finally:
            lock.release()
        return
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        _wait(lambda: _locked(descriptor), given_up)
        # Closed, and not unlocked: the job's process may hold it still.
        yield (descriptor,)
    finally:
        os.close(descriptor)


def remove_locks(folder: Path) -> None:
    """Remove the locks that nobody holds, and their folder if none is left."""
    for place in folder.iterdir() if folder.is_dir() else ():
        lock = filelock.FileLock(place)
        if place.suffix != ".lock" or _acquired(lock):
            place.unlink(missing_ok=True)
            lock.release()
    try:
        folder.rmdir()
    except OSError:
        return


def _wait(taken: Callable[[], bool], given_up: Callable[[], bool]) -> None:
    while not taken():
        if given_up():
            raise TimeoutError
        time.sleep(_POLL)


def _acquired(lock: filelock.BaseFileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return False
    return True


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
