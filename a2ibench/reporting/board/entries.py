"""The entries of a board, as board.toml lists them: replaced by later ones, and never deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from a2ibench.documents import read_toml
from a2ibench.errors import InputError, UnknownNameError
from a2ibench.values import one_of, show, text

NAME: Final = "board.toml"
STATUSES: Final[Mapping[str, str]] = {
    "own": "own",
    "reported": "reported",
    "repeated": "repeated by others",
}
"""What a board says of an entry: made by who keeps the board, only reported, or repeated by somebody else."""

_REQUIRED: Final = ("name", "bundle", "submitter", "status")
_KEYS: Final = (*_REQUIRED, "superseded_by")


@dataclass(frozen=True)
class Entry:
    """An entry of a board.

    Parameters
    ----------
    name : str
        Of the entry; no other has it.
    bundle : Path
        The file.
    submitter : str
        Who submitted it.
    status : str
        One of `STATUSES`.
    superseded_by : str or None
        Name of the entry that replaces it.
    """

    name: str
    bundle: Path
    submitter: str
    status: str
    superseded_by: str | None = None


def read_entries(file: Path, bundles: Sequence[Path]) -> list[Entry]:
    """Read the entries of a board, and check that they and the bundles are one to one.

    Parameters
    ----------
    file : Path
        A TOML file with a table ``[[entry]]`` for each; bundles are relative to it.
    bundles : sequence of Path
        What is to be on the board.

    Raises
    ------
    InputError
        If the file cannot be read, an entry is not allowed or has no bundle, or a bundle has no entry.
    """
    document = read_toml(file, "the entries of a board")
    tables = document.pop("entry", [])
    for key in document:
        raise InputError(f"{file}: unknown key {key[:80]!a}; write a table [[entry]] for each bundle")
    if not isinstance(tables, list):
        raise InputError(f"{file}: entry is {show(tables)}; write a table [[entry]] for each bundle")
    entries = [_entry(file, place, table) for place, table in enumerate(tables, start=1)]
    names = Counter(one.name for one in entries)
    for one in entries:
        if names[one.name] > 1:
            raise InputError(
                f"{file}: {one.name!a} is the name of {names[one.name]} entries; give each its own"
            )
        _check_successor(file, one, {other.name: other for other in entries})
    given = {path.resolve() for path in bundles}
    listed = {one.bundle.resolve(): one for one in entries}
    for path in bundles:
        if path.resolve() not in listed:
            raise InputError(f"{file}: has no entry of {path.name}; add one")
    for place, one in listed.items():
        if place not in given:
            raise InputError(
                f"{file}: the bundle of {one.name!a}, {one.bundle.name}, was not given; entries are "
                "superseded, and not deleted"
            )
    if len(listed) < len(entries):
        raise InputError(f"{file}: two entries have one bundle; give each its own")
    return entries


def _entry(file: Path, place: int, table: Any) -> Entry:
    where = f"{file}: entry {place}"
    if not isinstance(table, dict):
        raise InputError(f"{where} is {show(table)}; write a table [[entry]]")
    for key in table:
        if key not in _KEYS:
            raise InputError(f"{where}: {UnknownNameError('key', key, _KEYS)}")
    for key in _REQUIRED:
        if key not in table:
            raise InputError(f"{where}: has no {key}; give it")
    try:
        told = {key: text(value) for key, value in table.items()}
        one_of(tuple(STATUSES))(told["status"])
    except ValueError as error:
        raise InputError(f"{where}: a value {error}; status is one of {', '.join(STATUSES)}") from None
    return Entry(**told | {"bundle": file.parent / told["bundle"]})  # type: ignore[arg-type]


def _check_successor(file: Path, entry: Entry, known: Mapping[str, Entry]) -> None:
    seen, one = [entry.name], entry
    while one.superseded_by is not None:
        if one.superseded_by not in known:
            raise InputError(
                f"{file}: {one.name!a} is superseded by {one.superseded_by!a}, which is no entry"
            )
        one = known[one.superseded_by]
        if one.name in seen:
            raise InputError(f"{file}: {entry.name!a} is superseded by itself, in the end")
        seen.append(one.name)
