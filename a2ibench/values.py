"""Readers of the values that TOML and JSON hold, and the one line that says what is wrong with one."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from a2ibench.errors import one_line

Reader = Callable[[Any], Any]
"""Returns the value to use, or raises ValueError with what the value is and what to give."""


def within(field: str, read: Reader, value: Any) -> Any:
    """Read `value`, and put the field's name in front of what is wrong with it."""
    try:
        return read(value)
    except ValueError as error:
        problem = str(error)
        # What is wrong inside a list or a table begins with its own index or key.
        raise ValueError(field + (problem if problem[0] in "[." else f" {problem}")) from None


def show(value: Any) -> str:
    """Return a value as a short piece of one line."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if value is None or isinstance(value, bool):
        return "missing" if value is None else str(value).lower()
    try:
        shown = ascii(value)
    except ValueError:
        return "a huge number"
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def literal(value: Any) -> str:
    """Read a text as it stands."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError(f"is {show(value)}; give a text")
    return value


def text(value: Any) -> str:
    """Read any text, also an empty one."""
    if not isinstance(value, str):
        raise ValueError(f"is {show(value)}; give a text")
    return value


def boolean(value: Any) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"is {show(value)}; give true or false")
    return value


def one_of(known: Collection[str]) -> Reader:
    """Return a reader of texts that are among `known`."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in known:
            raise ValueError(f"is {show(value)}; give one of {', '.join(known)}")
        return value

    return read


def prose(value: Any) -> str:
    """Read a text for people, on one line."""
    return " ".join(literal(value).split())


def names(value: Any) -> str | list[str]:
    """Read a list of names, or a single text such as "all"."""
    if isinstance(value, list):
        return [within(f"[{index}]", literal, item) for index, item in enumerate(value)]
    if isinstance(value, str):
        return literal(value)
    raise ValueError(f'is {show(value)}; give a list of names, or "all"')


def path(value: Any) -> Path:
    """Read a path, with ~ for the home folder."""
    try:
        return Path(literal(value)).expanduser()
    except RuntimeError:
        raise ValueError(f"is {show(value)}, but there is no such home folder; write it out") from None


def number(wanted: str, allowed: Callable[[float], bool] = math.isfinite) -> Reader:
    """Return a reader of numbers that are `allowed`; `wanted` says which."""

    def read(value: Any) -> float:
        try:
            if isinstance(value, int | float) and not isinstance(value, bool) and allowed(float(value)):
                return float(value)
        except OverflowError:
            pass
        raise ValueError(f"is {show(value)}; give {wanted}")

    return read


def whole(low: int | None = None) -> Reader:
    """Return a reader of whole numbers, of at least `low` where it is given."""

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or (low is not None and value < low):
            least = "" if low is None else f" of at least {low}"
            raise ValueError(f"is {show(value)}; give a whole number{least}")
        return value

    return read


def several(read: Reader, count: int, unit: str, hint: str) -> Reader:
    """Return a reader of lists of `count` values, each read by `read`."""

    def read_all(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise ValueError(f"is {show(value)}; give {count} {unit} {hint}")
        if len(value) != count:
            raise ValueError(f"has {len(value)} {unit}; give {count} {hint}")
        return tuple(within(f"[{index}]", read, item) for index, item in enumerate(value))

    return read_all


def rising(read: Reader, hint: str) -> Reader:
    """Return a reader of pairs whose first number is below the second."""
    pair = several(read, 2, "numbers", f"as {hint}")

    def read_pair(value: Any) -> tuple[Any, ...]:
        first, second = pair(value)
        if not first < second:
            raise ValueError(f"is ({show(first)}, {show(second)}); give {hint}")
        return first, second

    return read_pair


def table(readers: Mapping[str, Reader], example: str) -> Reader:
    """Return a reader of tables; keys without a reader of their own take any scalar."""

    def read(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"is {show(value)}; give a table such as {example}")
        return {
            key: within(f".{key if key.isprintable() else ascii(key)}", readers.get(key, _scalar), item)
            for key, item in value.items()
        }

    return read


def fields(readers: Mapping[str, Reader]) -> Reader:
    """Return a reader of objects with some fields; a missing one is read as None, any other left out."""

    def read(value: Any) -> dict[str, Any]:
        given = mapping(value)
        return {name: within(f".{name}", inner, given.get(name)) for name, inner in readers.items()}

    return read


def each(read: Reader) -> Reader:
    """Return a reader of objects of any keys, whose values are all read by `read`."""

    def read_all(value: Any) -> dict[str, Any]:
        items = mapping(value).items()
        return {key: within(f".{one_line(key, 80)}", read, item) for key, item in items}

    return read_all


def mapping(value: Any) -> Mapping[str, Any]:
    """Read an object of JSON."""
    if not isinstance(value, Mapping):
        raise ValueError(f"is {show(value)}; give an object")
    return value


def or_none(read: Reader) -> Reader:
    """Return what also reads None, as None."""
    return lambda value: None if value is None else read(value)


def or_empty(read: Reader) -> Reader:
    """Return what also reads None, as an empty mapping."""
    return lambda value: {} if value is None else read(value)


def _scalar(value: Any) -> Any:
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"is {show(value)}; give a number, a text, true or false")
