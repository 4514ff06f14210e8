"""The hidden folder in which an output grows, and the list of its blocks that are safely on the disk."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import filelock

from a2ibench.data.writing.layout import ZYX, Notes
from a2ibench.documents import parse_json, read_json
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
    settings : dict or None
        Of that work; None where there is none, or nothing tells what it was to become.
    frame : int or None
        The checksum of all but the voxels.
    """

    def __init__(self, output: Path) -> None:
        self.output, self.folder = output, hidden(output)
        self.data = self.folder / output.name
        self._state, self._published = self.folder / "state.json", self.folder / "published"
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
        self._done, self._replaced = self.folder / "done", self.folder / "replaced"
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

    def journal(self, possible: Callable[[ZYX], bool]) -> Journal:
        """Return the list of blocks written; `possible` tells whether a block can begin at a voxel."""
        if self._done.is_symlink() or (self._done.exists() and not self._done.is_file()):
            remove(self._done)
        return Journal(self._done, possible)

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
        for path in (self._done, self._published, self.data):
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
        self.clear()
        (self.folder / "lock").unlink(missing_ok=True)
        self.folder.rmdir()
        self.release()

    def release(self) -> None:
        """Let other processes write this output."""
        self._lock.release()


def _which(path: Path) -> list[int]:
    # Stays the same when it is given another name.
    state = path.lstat()
    return [state.st_dev, state.st_ino]


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    # Tuples compare unequal to the lists that JSON gives back.
    plain: dict[str, Any] = json.loads(json.dumps(settings, sort_keys=True))
    return plain


class Journal:
    """A file of one line for each block: where it begins, what is noted of it, and the line's checksum.

    Parameters
    ----------
    path : Path
        The file; what it lists already is taken over.
    possible : callable
        Whether a block can begin at a voxel (z, y, x).

    Attributes
    ----------
    damaged : int
        Lines that were found and are none of ours; they are removed.
    """

    def __init__(self, path: Path, possible: Callable[[ZYX], bool]) -> None:
        self._path = path
        self.notes: dict[ZYX, Notes] = {}
        self.damaged = 0
        content = path.read_bytes() if path.is_file() else b""
        whole = content.rfind(b"\n") + 1
        for line in content[:whole].split(b"\n")[:-1]:
            found = _parsed(line)
            if found is None or not possible(found[0]):
                self.damaged += 1
            else:
                self.notes[found[0]] = found[1]
        if self.damaged:
            self.keep(self.notes.keys())
        elif whole < len(content):
            # The write of the last line was cut short; the next must not continue it.
            os.truncate(path, whole)

    def add(self, blocks: Mapping[ZYX, Notes]) -> None:
        """Record blocks, durably; each with its ``crc32`` and what the format wants to know in the end."""
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            _append(descriptor, _lines(blocks))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self.notes.update(blocks)

    def keep(self, starts: Collection[ZYX]) -> None:
        """Take all other blocks off the list, durably."""
        self.notes = {start: notes for start, notes in self.notes.items() if start in starts}
        write_bytes(self._path, _lines(self.notes))


def _lines(blocks: Mapping[ZYX, Notes]) -> bytes:
    texts = (json.dumps([*start, notes]) for start, notes in blocks.items())
    return "".join(f"{text} {_crc32_text(text)}\n" for text in texts).encode()


def _parsed(line: bytes) -> tuple[ZYX, Notes] | None:
    text, _, checksum = line.decode("ascii", "replace").rpartition(" ")
    if checksum != _crc32_text(text):
        return None
    try:
        z, y, x, notes = parse_json(text)
    except (ValueError, TypeError):
        return None
    if not isinstance(notes, dict) or not all(type(at) is int for at in (z, y, x)):
        return None
    return (z, y, x), notes


def _crc32_text(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"


def _append(descriptor: int, content: bytes) -> None:
    length = os.fstat(descriptor).st_size
    try:
        left = memoryview(content)
        while left:
            left = left[os.write(descriptor, left) :]
    except OSError:
        # A line cut short by a full disk would run into the next one.
        os.truncate(descriptor, length)
        raise
