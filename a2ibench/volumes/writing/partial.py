"""The hidden folder in which an output grows, and what tells whether an interrupted one may go on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import filelock

from a2ibench.errors import InputError
from a2ibench.volumes.writing.durable import flush, write_whole
from a2ibench.volumes.writing.journal import Journal


class Partial:
    """The folder ``.NAME.partial`` beside an output, held by one process at a time.

    Parameters
    ----------
    output : Path
        The output.

    Raises
    ------
    InputError
        If another process writes this output.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.folder = output.with_name(f".{output.name}.partial")
        self.data = self.folder / output.name
        self._state, self._replaced = self.folder / "state.json", self.folder / "replaced"
        self._lock = self._locked()
        if self._replaced.exists() and not self.output.exists():
            self._replaced.replace(self.output)

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

    @property
    def interrupted(self) -> bool:
        """Whether there is the work of an earlier process to go on with."""
        # Once the data have their name, the rest of the folder is only to be removed.
        return self._state.is_file() and self.data.exists()

    def check(self, settings: Mapping[str, Any]) -> None:
        """Accept earlier work if it was begun with the same settings.

        Raises
        ------
        InputError
            If any differs; says which, and both values.
        """
        before, now = _read(self._state), _plain(settings)
        differing = [
            f"{name} was {_short(before.get(name))}, is {_short(now.get(name))}"
            for name in sorted(before.keys() | now.keys())
            if before.get(name) != now.get(name)
        ]
        if differing:
            raise InputError(
                f"{self.output}: an interrupted call left an output of other settings "
                f"({'; '.join(differing[:3])}); give the same settings to go on, or --overwrite to discard it"
            )

    def begin(self, settings: Mapping[str, Any]) -> None:
        """Record that the output is laid out and that blocks may come."""
        flush(self.folder)
        flush(self.folder.parent)
        write_whole(self._state, json.dumps(_plain(settings), indent=1).encode())

    @property
    def scratch(self) -> Path:
        """A folder within for what belongs to the output until it is complete; made when first asked for."""
        folder = self.folder / "scratch"
        folder.mkdir(exist_ok=True)
        return folder

    def journal(self) -> Journal:
        """Return the list of blocks written."""
        return Journal(self.folder / "done")

    def clear(self) -> None:
        """Remove everything but the lock."""
        # First, so that nobody goes on with what is half removed.
        self._state.unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.name != "lock":
                _remove(path)

    def publish(self) -> None:
        """Give the output its name; what had it before is removed then.

        A file is replaced in one step. A folder cannot be: it is moved in here first, so for an instant there
        is none; if the process is killed right then, the next one moves it back.
        """
        if self.output.is_dir() and not self.output.is_symlink():
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


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _read(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return state


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    # Tuples compare unequal to the lists that JSON gives back.
    plain: dict[str, Any] = json.loads(json.dumps(settings, sort_keys=True))
    return plain


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
