"""Commands that stand for methods: what a run file says of one, checked before anything runs."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Formatter
from types import MappingProxyType
from typing import Any, Final

from a2ibench.errors import InputError
from a2ibench.values import Reader, literal, one_of, prose, show, within

FORMATS: Final[Mapping[str, str]] = MappingProxyType(
    {"tif": ".tif", "mrc": ".mrc", "h5": ".h5", "npy": ".npy"}
)
"""Suffixes of the files that a command reads and writes, by name of the format."""

_SIZES = ("voxel_size_z", "voxel_size_y", "voxel_size_x")
PLACEHOLDERS: Final = ("input", "output", "ratio", "n_out", *_SIZES, "seed", "threads")
"""What may stand in braces within a command."""

_NEEDED = ("input", "output")
_OF_A_SHELL = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<", "2>", "2>&1"})


@dataclass(frozen=True)
class Command:
    """A program that reads the anisotropic volume from a file, and writes the isotropic one into another.

    Parameters
    ----------
    command : str
        Program and arguments, split as a shell splits them, with `PLACEHOLDERS` in braces.
    folder : str
        Where it runs, and what relative paths in it are relative to.
    format : str
        One of `FORMATS`.
    version : str
        Of the program, as its user states it.
    citation : str
        What to cite where it is used.
    """

    command: str
    folder: str
    format: str = "tif"
    version: str = ""
    citation: str = ""

    @property
    def words(self) -> list[str]:
        """The program and its arguments, with placeholders as they stand."""
        return _split(self.command)

    @property
    def program(self) -> Path | None:
        """Where the program is; None where it cannot be found, or must not be run."""
        return _find(self.words[0], Path(self.folder))

    def filled(self, values: Mapping[str, str]) -> list[str]:
        """Return the program and its arguments with a value for each placeholder.

        Raises
        ------
        InputError
            If the program is not there any more.
        """
        program = self.program
        if program is None:
            raise InputError(_not_found(self.words[0]))
        return [str(program), *("".join(_filled(word, values)) for word in self.words[1:])]

    def named_files(self) -> dict[str, Path]:
        """Return the files and folders that arguments name, by argument, such as a script of Python's."""
        here, found = Path(self.folder), {}
        for word in self.words[1:]:
            for text in (word, word.partition("=")[2]):
                if text and _is_file(here, text):
                    found[text] = here / text
        return found

    def told(self) -> dict[str, str]:
        """Return what the record says of it, JSON-able: all but where it runs."""
        given = {name: str(value) for name, value in asdict(self).items() if value}
        del given["folder"]
        return given


_KEYS: Final[Mapping[str, Reader]] = {
    "command": literal,
    "format": one_of(FORMATS),
    "version": prose,
    "citation": prose,
}
_FOLDER = "folder"


def read_commands(value: Any) -> dict[str, dict[str, Any]]:
    """Read tables by name, each with ``command`` and, if given, ``format``, ``version`` and ``citation``.

    Raises
    ------
    ValueError
        If the form is another one; names table and key.
    """
    if not isinstance(value, Mapping):
        raise ValueError(f"is {show(value)}; write a table [commands.NAME] for each command")
    return {name: _read(str(name), table) for name, table in value.items()}


def _read(name: str, table: Any) -> dict[str, Any]:
    if not isinstance(table, Mapping):
        raise ValueError(f".{name} is {show(table)}; write [commands.{name}], then command = TEXT")
    for key in table:
        if key not in (*_KEYS, _FOLDER):
            raise ValueError(f".{name}: unknown key {str(key)!r}; give {', '.join(_KEYS)}")
    if "command" not in table:
        raise ValueError(f'.{name} has no command; give command = "mytool {{input}} {{output}}", say')
    return {
        str(key): within(f".{name}.{key}", _KEYS.get(key, literal), value) for key, value in table.items()
    }


def checked_commands(given: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Command]:
    """Return commands by the name of their row.

    Parameters
    ----------
    given : mapping, optional
        By name: ``command`` and, if given, ``format``, ``version``, ``citation`` and ``folder``, by default
        the working folder.

    Raises
    ------
    InputError
        If a command cannot be split, names an unknown placeholder, or its program is not found; names it.
    """
    try:
        tables = read_commands(given or {})
    except ValueError as error:
        raise InputError(f"commands{error}" if str(error)[0] == "." else f"commands: {error}") from None
    found = {}
    for name, table in tables.items():
        command = Command(**{_FOLDER: str(Path.cwd()), **table})
        try:
            _check(command)
        except (InputError, ValueError) as error:
            raise InputError(f"commands: [{name}]: {error}") from None
        found[name] = command
    return found


def _check(command: Command) -> None:
    words = command.words
    for word in words:
        if word in _OF_A_SHELL:
            raise InputError(f"{word} means nothing here, for no shell runs it; put it into a script")
    named = [name for word in words for name in _placeholders(word)]
    for name in named:
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{known}}}" for known in PLACEHOLDERS)
            raise InputError(
                f"unknown placeholder {{{name}}}; known: {known}, and {{{{ and }}}} for braces as such"
            )
    for name in _NEEDED:
        if name not in named:
            raise InputError(f"has no {{{name}}}; put it where the file's path belongs")
    if list(_placeholders(words[0])):
        raise InputError(f"{words[0]}: begins with a placeholder; begin with the program")
    if command.program is None:
        raise InputError(_not_found(words[0]))


def _split(text: str) -> list[str]:
    try:
        # Backslashes are part of paths on Windows.
        words = shlex.split(text, posix=os.name != "nt")
    except ValueError as error:
        raise InputError(
            f"{show(text)}: {str(error).lower()}; close it, or put a backslash before it"
        ) from None
    if not words:
        raise InputError("is empty; give a program and its arguments")
    return words


def _placeholders(word: str) -> Iterator[str]:
    try:
        for _, name, form, conversion in Formatter().parse(word):
            if name is not None:
                yield name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
    except ValueError:
        raise InputError(
            f"{show(word)}: a brace is not closed; write {{{{ and }}}} for braces as such"
        ) from None


def _filled(word: str, values: Mapping[str, str]) -> Iterator[str]:
    for text, name, _, _ in Formatter().parse(word):
        yield text
        if name is not None:
            yield values[name]


def _find(word: str, folder: Path) -> Path | None:
    if not (os.sep in word or (os.altsep and os.altsep in word) or word.startswith("~")):
        found = shutil.which(word)
        return None if found is None else Path(found).absolute()
    try:
        place = folder / Path(word).expanduser()
    except RuntimeError:
        return None
    return place.absolute() if place.is_file() and os.access(place, os.X_OK) else None


def _not_found(word: str) -> str:
    return f"{show(word)}: no such program; install it, or give the path of a file that may be executed"


def _is_file(folder: Path, text: str) -> bool:
    try:
        place = (folder / text).resolve()
        # A folder such as "/" or "." is no file that an argument means.
        return place.exists() and not folder.resolve().is_relative_to(place)
    except (OSError, ValueError, RuntimeError):
        return False
