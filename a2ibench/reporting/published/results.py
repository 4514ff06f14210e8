"""Reads published.toml: what the literature states, and how it says that it came about."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from a2ibench.documents import read_toml
from a2ibench.errors import InputError, UnknownNameError, printable
from a2ibench.reporting.published.points import PROTOCOL, SCORING, Words, stated
from a2ibench.values import Reader, literal, number, prose, show, within

SHIPPED = Path(__file__).with_name("published.toml")
"""The file that comes with a2ibench."""

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Value:
    """A number of a table.

    Parameters
    ----------
    value : float
        As it is printed.
    spread : float
        Behind the plus-minus sign; NaN where there is none.
    """

    value: float
    spread: float = math.nan


@dataclass(frozen=True)
class PublishedRow:
    """A method of a table.

    Parameters
    ----------
    name : str
        As it is called there.
    method : str
        What the same method is called here; empty where it is not known here.
    trained_on : str, Words or None
        What it learned from, where it is not that of the whole table; None where that is not stated.
    values : mapping of str to Value
        By the name of the score, in lower case: ``"psnr"``, ``"ssim"``.
    """

    name: str
    method: str = ""
    trained_on: str | Words | None = None
    values: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Published:
    """A table of a publication, or the protocol of one of which no number is listed.

    Parameters
    ----------
    name : str
        What readers know it by.
    source : str
        Key of the source in its file; empty where it is not stated.
    citation : str
        What to cite; empty where it is not stated.
    place : str
        Where it stands there, such as ``"Table I"``.
    title : str
        What the data are called there.
    datasets : tuple of str
        Names of datasets that show the same tissue, as patterns of `fnmatch`: ``"epfl-ca1*"``.
    sha256 : str
        Checksum of the file that was used, where it is known; else empty.
    training : str
        What is stated about trainings, for people.
    protocol : mapping
        By the names of `PROTOCOL` and `SCORING`, what is stated: a value, or `Words`.
    scores : mapping of str to mapping
        By score, the same by the names of `SCORING`, where it differs from score to score.
    rows : tuple of PublishedRow
        The methods.
    """

    name: str
    source: str = ""
    citation: str = ""
    place: str = ""
    title: str = ""
    datasets: tuple[str, ...] = ()
    sha256: str = ""
    training: str = ""
    protocol: Mapping[str, Any] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: tuple[PublishedRow, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the scores that any row has, in the order of the rows."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row.values))

    def scoring(self, metric: str) -> Mapping[str, Any]:
        """Return what is stated about how a score was computed, by the names of `SCORING`."""
        shared = {name: value for name, value in self.protocol.items() if name in SCORING}
        return shared | dict(self.scores.get(metric, {}))

    def trained_on(self, row: PublishedRow) -> Any:
        """Return what a method learned from; None where it is not stated."""
        return self.protocol.get("trained_on") if row.trained_on is None else row.trained_on


def load_published(path: Path | None = None) -> tuple[Published, ...]:
    """Return published results, in the file's order.

    Parameters
    ----------
    path : Path, optional
        A TOML file with ``[sources.KEY]`` tables and ``[[results]]``; by default the one that ships.

    Raises
    ------
    InputError
        If the file is missing, is not TOML, or cannot be used; names file, table and field.
    """
    file = SHIPPED if path is None else Path(path)
    document = read_toml(file, "a file of published results")
    try:
        content = _only(_FILE, document)
    except (UnknownNameError, ValueError) as error:
        raise InputError(f"{file}: {str(error).lstrip('.')}") from None
    sources = content.get("sources", {})
    found = []
    for place, entry in enumerate(content.get("results", []), start=1):
        try:
            found.append(_published(entry, sources))
        except (UnknownNameError, ValueError) as error:
            raise InputError(f"{file}: [[results]] {place}: {str(error).lstrip('.')}") from None
    if not found:
        raise InputError(f"{file}: holds no results; add a [[results]] table")
    return tuple(found)


def _published(entry: Any, sources: Mapping[str, Mapping[str, str]]) -> Published:
    fields = _only(_RESULT, entry)
    if "name" not in fields:
        raise ValueError("name is missing; give what readers know it by")
    source = fields.get("source", "")
    if source and source not in sources:
        raise UnknownNameError("source", source, sources)
    return Published(**fields, citation=sources[source]["citation"] if source else "")


def _only(readers: Mapping[str, Reader], value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"is {show(value)}; give a table")
    for name in value:
        if name not in readers:
            raise UnknownNameError("field", printable(name), readers)
    return {name: within(f".{name}", readers[name], item) for name, item in value.items()}


def _named(read: Reader) -> Reader:
    def read_all(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"is {show(value)}; give a table")
        return {name: within(f".{printable(name)}", read, item) for name, item in value.items()}

    return read_all


def _listed(read: Reader) -> Reader:
    def read_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"is {show(value)}; give a list")
        return tuple(within(f"[{place}]", read, item) for place, item in enumerate(value))

    return read_all


def _table_of(readers: Mapping[str, Reader]) -> Reader:
    return lambda value: _only(readers, value)


def _source(value: Any) -> dict[str, str]:
    found = _only({"citation": literal}, value)
    if "citation" not in found:
        raise ValueError(".citation is missing; give what to cite")
    return found


def _row(value: Any) -> PublishedRow:
    fields = _only(_ROW, value)
    if "name" not in fields or not fields.get("values"):
        raise ValueError("name or values is missing; give both, such as values = {psnr = 30.0}")
    return PublishedRow(**fields)


def _value(value: Any) -> Value:
    if not isinstance(value, dict):
        return Value(_NUMBER(value))
    fields = _only({"value": _NUMBER, "spread": _SPREAD}, value)
    if "value" not in fields:
        raise ValueError(".value is missing; give a number")
    return Value(**fields)


def _checksum(value: Any) -> str:
    given = literal(value).lower()
    if len(given) != 64 or set(given) - set("0123456789abcdef"):
        raise ValueError(f"is {show(value)}; give 64 hexadecimal digits")
    return given


_NUMBER = number("a finite number")
_SPREAD = number("a number of at least 0", lambda value: 0 <= value < math.inf)
_SCORING = {name: stated(point) for name, point in SCORING.items()}
_PROTOCOL = {name: stated(point) for name, point in PROTOCOL.items()}
_ROW: Mapping[str, Reader] = {
    "name": prose,
    "method": literal,
    "trained_on": _PROTOCOL["trained_on"],
    "values": _named(_value),
}
_RESULT: Mapping[str, Reader] = {
    "name": prose,
    "source": literal,
    "place": prose,
    "title": prose,
    "datasets": _listed(literal),
    "sha256": _checksum,
    "training": prose,
    "protocol": _table_of(_PROTOCOL | _SCORING),
    "scores": _named(_table_of(_SCORING)),
    "rows": _listed(_row),
}
_FILE: Mapping[str, Reader] = {"sources": _named(_source), "results": _listed(lambda value: value)}
