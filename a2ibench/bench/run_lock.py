"""That only one process runs in the folder of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import filelock

from a2ibench.errors import OptionError

_LOCK = ".lock"
_MOMENT = 0.2


@contextmanager
def lock_run(run_dir: Path) -> Iterator[None]:
    """Keep other processes from running in a folder for as long as the body takes.

    Raises
    ------
    InputError
        If another process runs in it, or it cannot be written.
    """
    lock = filelock.FileLock(run_dir / _LOCK)
    try:
        # The lock itself does not tell a folder that cannot be written from one that is in use.
        (run_dir / _LOCK).touch()
        # Whoever looks whether a process runs here holds it for a moment.
        lock.acquire(timeout=_MOMENT, poll_interval=_MOMENT / 10)
    except filelock.Timeout:
        raise OptionError(
            "{run}: another process runs in this folder; wait for it, or choose another {out}", run=run_dir
        ) from None
    except OSError as error:
        raise OptionError(
            "{run} cannot be written ({cause}); choose another {out}", run=run_dir, cause=error.strerror
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_locked(run_dir: Path) -> bool:
    """Whether a process runs in a folder."""
    place = run_dir / _LOCK
    if not place.exists():
        return False
    lock = filelock.FileLock(place)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    except OSError:
        # Of a folder that may not be written nobody else knows.
        return False
    lock.release()
    return False
