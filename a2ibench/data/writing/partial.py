"""The hidden folder in which an output grows: held by one process alone, or by many that write its pieces."""

from __future__ import annotations

import errno
import json
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import filelock

from a2ibench.data.writing.journal import Journal
from a2ibench.data.writing.layout import ZYX
from a2ibench.documents import read_json
from a2ibench.errors import InputError, OptionError
from a2ibench.files import flush, remove, write_bytes

_PIECE = 1 << 22


def write_checksum(path: Path) -> None:
    """Write the checksum of a file or folder into a file beside it."""
    write_bytes(_beside(path), _checksum(path).encode())


def is_intact(path: Path) -> bool:
    """Return whether a file or folder is there and has the checksum beside it."""
    try:
        return _beside(path).read_text(encoding="ascii") == _checksum(path)
    except (OSError, ValueError):
        return False


def remove_with_checksum(path: Path) -> bool:
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


_FRAME = "frame"


def hidden(output: Path) -> Path:
    """Return the folder ``.NAME.partial`` in which an output grows."""
    return output.with_name(f".{output.name}.partial")


class Leftover:
    """What the folder ``.NAME.partial`` tells of the work of an earlier process; changes nothing.

    Parameters
    ----------
    output : Path
        The output.

    Attributes
    ----------
    folder, data : Path
        The folder, and the output that grows in it.
    done, pieces : Path
        The list of blocks that are done, and the folder of those that many processes note of their pieces.
    settings : dict or None
        Of that work; None where there is none, or nothing tells what it was to become.
    frame : int or None
        The checksum of all but the voxels.
    """

    def __init__(self, output: Path) -> None:
        self.output, self.folder = output, hidden(output)
        self.data = self.folder / output.name
        self._state, self._published = self.folder / "state.json", self.folder / "published"
        self.done, self.pieces = self.folder / "done", self.folder / "pieces"
        self.settings, self.frame = self._read()

    def _read(self) -> tuple[dict[str, Any] | None, int | None]:
        try:
            state = read_json(self._state) if self._state.is_file() else None
        except (OSError, ValueError):
            state = None
        if not isinstance(state, dict):
            return None, None
        frame = state.pop(_FRAME, None)
        return state, frame if isinstance(frame, int) else None

    @property
    def interrupted(self) -> bool:
        """Whether there is the work of an earlier process to go on with."""
        return self.settings is not None

    @property
    def damaged(self) -> bool:
        """Whether there is work, but nothing tells what it was to become."""
        return self.settings is None and self._state.exists()

    @property
    def published(self) -> bool:
        """Whether the output has its name already, and the folder stays for what is left beside it."""
        try:
            return not self.data.exists() and bool(
                read_json(self._published) == _which(self.output)  # a name that somebody else took since
            )
        except (OSError, ValueError):
            return False

    def differences(self, settings: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
        """Return what differs between the settings of earlier work and those given: what it was and is."""
        before, now = self.settings or {}, _plain(settings)
        return {
            name: (before.get(name), now.get(name))
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        }


class Partial(Leftover):
    """The folder ``.NAME.partial`` beside an output, held by one process at a time.

    Parameters
    ----------
    output : Path
        The output.
    overwrite : bool
        Whether something else of the folder's name is removed.

    Raises
    ------
    InputError
        If another process writes this output, or something else has the folder's name.
    """

    def __init__(self, output: Path, *, overwrite: bool = False) -> None:
        super().__init__(output)
        self._replaced = self.folder / "replaced"
        self._make_room(overwrite)
        self._lock = self._locked()
        if self._replaced.is_dir() and not os.path.lexists(self.output):
            self._replaced.replace(self.output)
        # Again, now that nobody else changes it.
        self.settings, self.frame = self._read()

    def _make_room(self, overwrite: bool) -> None:
        if self.folder.is_symlink() or (self.folder.exists() and not self.folder.is_dir()):
            if not overwrite:
                raise OptionError(
                    "{folder}: is no folder of unfinished work; move it away, or add {overwrite:True}",
                    folder=self.folder,
                )
            self.folder.unlink()
        lock = self.folder / "lock"
        if lock.is_symlink() or lock.is_dir():
            remove(lock)

    def _locked(self) -> filelock.FileLock:
        for _ in range(3):
            self.folder.mkdir(exist_ok=True)
            lock = filelock.FileLock(self.folder / "lock", timeout=0)
            try:
                lock.acquire()
            except filelock.Timeout:
                break
            except FileNotFoundError:
                continue
            # Another process may have finished, and removed the folder, just before.
            if (self.folder / "lock").exists():
                return lock
            lock.release()
        raise InputError(f"{self.output}: another process is writing it; wait for it, or write elsewhere")

    def begin(self, settings: Mapping[str, Any], frame: int) -> None:
        """Record that the output is laid out and that blocks may come.

        Later work must agree with the settings, and find the same checksum of all but the voxels, the frame.
        """
        flush(self.folder)
        flush(self.folder.parent)
        self.settings, self.frame = _plain(settings), frame
        write_bytes(self._state, json.dumps({**self.settings, _FRAME: frame}, indent=1).encode())

    @property
    def scratch(self) -> Path:
        """A folder within for what belongs to the output until it is complete; made when first asked for."""
        folder = self.folder / "scratch"
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            folder.unlink()
        folder.mkdir(exist_ok=True)
        return folder

    def journal(
        self, possible: Callable[[ZYX], bool], pieces: Iterable[ZYX] = ()
    ) -> tuple[Journal, set[ZYX]]:
        """Return the list of blocks written, and those of them that many processes have noted since.

        Parameters
        ----------
        possible : callable
            Whether a block can begin at a voxel.
        pieces : iterable of tuple of int
            Where pieces begin that were noted for certain, whether their files are listed or not.
        """
        if self.done.is_symlink() or (self.done.exists() and not self.done.is_file()):
            remove(self.done)
        if self.pieces.is_symlink() or (self.pieces.exists() and not self.pieces.is_dir()):
            remove(self.pieces)
        journal = Journal(self.done, possible)
        taken = journal.take_in(self.pieces, pieces)
        self.pieces.mkdir(exist_ok=True)
        return journal, taken

    def clear(self) -> None:
        """Remove everything but the lock."""
        # First, so that nobody goes on with what is half removed.
        if self._state.is_symlink() or self._state.exists():
            remove(self._state)
        self.settings = self.frame = None
        for path in self.folder.iterdir():
            if path.name != "lock":
                remove(path)

    def clear_data(self) -> None:
        """Remove all that was written of the output; what is in `scratch` stays."""
        for path in (self.done, self.pieces, self._published, self.data):
            if path.is_symlink() or path.exists():
                remove(path)

    def publish(self) -> None:
        """Give the output its name; what had it before is removed with the folder.

        A file is replaced in one step. A folder cannot be: it is moved in here first, so for an instant there
        is none; if the process is killed right then, the next one moves it back.
        """
        if self._published.is_dir() and not self._published.is_symlink():
            remove(self._published)
        write_bytes(self._published, json.dumps(_which(self.data)).encode())
        if self.output.is_dir() and not self.output.is_symlink():
            if self._replaced.exists():
                remove(self._replaced)
            self.output.replace(self._replaced)
        self.data.replace(self.output)
        flush(self.output.parent)

    def remove(self) -> None:
        """Remove the folder, and release it."""
        try:
            # Where one of several writes of a library failed, another may still be under way in its thread.
            for wait in (0.01, 0.1, 1.0):
                try:
                    return self._remove()
                except OSError:
                    time.sleep(wait)
            self._remove()
        finally:
            self.release()

    def _remove(self) -> None:
        self.clear()
        (self.folder / "lock").unlink(missing_ok=True)
        self.folder.rmdir()

    def release(self) -> None:
        """Let other processes write this output."""
        self._lock.release()


class Joined(Leftover):
    """The folder ``.NAME.partial`` beside an output, held along with other processes that write its pieces.

    Where the file system knows locks, no process holds it alone meanwhile; nothing else needs them.

    Parameters
    ----------
    output : Path
        The output.
    alone : bool
        Whether the process that asks for the pieces holds the folder, so that nobody else is to.

    Raises
    ------
    InputError
        If a process holds it alone.
    """

    def __init__(self, output: Path, *, alone: bool = False) -> None:
        super().__init__(output)
        self._descriptor = None if alone else self._shared()
        # Again, now that nobody else changes it.
        self.settings, self.frame = self._read()

    def _shared(self) -> int | None:
        try:
            import fcntl

            # A file of this name would itself be a lock where the system knows none, so it is not made.
            descriptor = os.open(self.folder / "lock", os.O_RDONLY)
        except (ImportError, OSError):
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno not in (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK):
                return None
            raise InputError(
                f"{self.output}: another process prepares, finishes or writes it whole; wait for it"
            ) from None
        return descriptor

    def release(self) -> None:
        """Let one process hold it alone, when all have."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None


def _which(path: Path) -> list[int]:
    # Stays the same when it is given another name.
    state = path.lstat()
    return [state.st_dev, state.st_ino]


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    # Tuples compare unequal to the lists that JSON gives back.
    plain: dict[str, Any] = json.loads(json.dumps(settings, sort_keys=True))
    return plain
