"""Where a reconstruction is read from and written to, and that the one is not the other."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from a2ibench.data.formats import LazyVolume
from a2ibench.data.formats.slices import parts_of
from a2ibench.data.formats.source import find
from a2ibench.data.writing.partial import hidden
from a2ibench.errors import InputError


class State(NamedTuple):
    """What tells that a file was changed or replaced: its size, times in ns, device and inode."""

    size: int
    modified: int
    changed: int
    device: int
    inode: int

    def alike(self, other: State) -> bool:
        """Return whether at most the time of the last change differs."""
        return self._replace(changed=0) == other._replace(changed=0)


class Places(NamedTuple):
    """All that is written for an output; no method that changes the working folder changes them."""

    output: Path
    figure: Path
    history: Path
    checkpoint: Path | None
    partial: Path
    uncertainty: Path | None = None
    uncertainty_partial: Path | None = None

    @property
    def scratch(self) -> Path:
        """What an interrupted call left beside its unfinished output; see `a2ibench.data.writing.Writer`."""
        return self.partial / "scratch"


def places(target: Path, checkpoint: Path | bool, uncertainty: Path | None = None) -> Places:
    """Return what is written: `checkpoint` tells where to, True beside the output, False nowhere."""
    output = target.absolute()
    beside = output.with_name(f"{output.name}.checkpoint")
    kept = (beside if checkpoint else None) if isinstance(checkpoint, bool) else checkpoint.absolute()
    figure, history = (output.with_name(f"{output.name}.{suffix}") for suffix in ("png", "json"))
    unsure = None if uncertainty is None else uncertainty.absolute()
    growing = None if unsure is None else hidden(unsure)
    return Places(output, figure, history, kept, hidden(output), unsure, growing)


def located(source: str | Path) -> str | Path:
    """Return a source that means the same from every working folder."""
    path = find(source).path
    return source if path is None else path.absolute()


def files_of(volume: LazyVolume) -> list[Path]:
    """Return the local files and folders that a volume is read from; none for remote ones."""
    path = find(volume.source).path
    if path is None:
        return []
    others = set(parts_of(path))
    if others and not path.exists():
        return sorted(others)
    # Names of further files within a file; what cannot be told was refused when it was opened.
    with suppress(Exception):
        if path.is_file() and volume.key is not None:
            others = {_file_of_dataset(path, volume.key)}
    return [path, *sorted(other for other in others if other != path)]


def _file_of_dataset(path: Path, key: str) -> Path:
    import h5py

    with h5py.File(path, "r") as file:
        return Path(file[key].file.filename)


def states(paths: Iterable[Path]) -> dict[Path, State]:
    """Return size, times of change, device and inode of files, and of all files within folders."""
    found = {}
    for path in paths:
        for file in _walked(path):
            with suppress(OSError):
                state = file.stat()
                found[file] = State(
                    state.st_size,
                    state.st_mtime_ns,
                    state.st_ctime_ns,
                    state.st_dev,
                    state.st_ino,
                )
    return found


def check_apart(read: Iterable[Path], written: Places) -> None:
    """Accept outputs that neither are, nor hold, nor lie within what is read, nor each other.

    Parameters
    ----------
    read : iterable of Path
        Files and folders, by any spelling.
    written : Places
        What is written.

    Raises
    ------
    InputError
        If writing would touch what is read; says what and where.
    """
    wanted = [(name, path) for name, path in zip(_NAMES, written, strict=True) if path is not None]
    for given in read:
        for name, path in wanted:
            meeting = _meeting(given, path)
            if meeting is not None:
                raise InputError(f"{path}: as {name} it {meeting} {given}, which is read; write elsewhere")
    for place, (name, path) in enumerate(wanted):
        for other_name, other in wanted[:place]:
            if _within(_ends(path), _ends(other)) or _within(_ends(other), _ends(path)):
                raise InputError(f"{path}: is {name} and {other_name}; give one of them another name")


_UNFINISHED = "folder of unfinished work"
_NAMES = ("output", "figure", "history", "checkpoint", _UNFINISHED, "uncertainty", _UNFINISHED)


def _meeting(given: Path, written: Path) -> str | None:
    """Return how a place that is written meets one that is read."""
    read, places = _ends(given), _ends(written)
    if read & places or _same(given, written):
        return "is"
    if _within(places, read) or any(_same(given, folder) for end in places for folder in end.parents):
        return "lies within"
    if _within(read, places):
        return "holds"
    if written.exists() and given.is_dir():
        return _touched(given, written)
    return None


def _touched(given: Path, written: Path) -> str | None:
    """Return how a place meets the files within a folder that is read, wherever links lead to."""
    target, key = written.resolve(), _identity(written)
    for file in _walked(given):
        if not written.is_dir() and _identity(file) == key:
            return "is a file of"
        if file.is_symlink() and _within({file.resolve()}, {target}):
            return "holds a file of"
    return None


def _ends(path: Path) -> set[Path]:
    """Return where a name lies, and where it leads to."""
    return {path.absolute().parent.resolve() / path.name, path.resolve()}


def _within(inner: set[Path], outer: set[Path]) -> bool:
    return any(one == two or two in one.parents for one in inner for two in outer)


def _same(one: Path, two: Path) -> bool:
    try:
        return one.samefile(two)
    except OSError:
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _walked(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    seen: set[tuple[int, int] | None] = set()
    for inner, folders, files in os.walk(path, followlinks=True):
        # A link to a folder above would lead round and round.
        if (key := _identity(Path(inner))) in seen:
            folders.clear()
            continue
        seen.add(key)
        for name in sorted(files):
            yield Path(inner, name)
