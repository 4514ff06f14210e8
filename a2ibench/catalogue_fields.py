"""Readers of TOML values: each checks one value and says in a line what it is and what to give."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from a2ibench.contracts.specs import BUCKETS, CHUNKED_FORMATS

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
    if isinstance(value, bool):
        return str(value).lower()
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


def prose(value: Any) -> str:
    """Read a text for people, on one line."""
    return " ".join(literal(value).split())


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


def whole(low: int) -> Reader:
    """Return a reader of whole numbers of at least `low`."""

    def read(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < low:
            raise ValueError(f"is {show(value)}; give a whole number of at least {low}")
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


def _scalar(value: Any) -> Any:
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"is {show(value)}; give a number, a text, true or false")


def link(value: Any) -> str:
    """Read a http or https link, or that of a chunked volume: s3, gs, or a format in front of a link."""
    given = literal(value)
    first, _, rest = given.partition("://")
    schemes = ("http", "https", *BUCKETS)
    try:
        parts = urlsplit(rest if first.lower() in CHUNKED_FORMATS else given)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in schemes or not parts.netloc or re.search(r"\s", given):
        raise ValueError(f"is {show(value)}; give a http, https, s3 or gs link, or instructions instead")
    return given


def inner_path(value: Any) -> str:
    """Read the path of a file or folder within an archive."""
    given = literal(value)
    parts = given.rstrip("/").split("/")
    if any(part in ("", ".", "..") for part in parts) or re.search(r"[\\\x00-\x1f]|^[A-Za-z]:", given):
        raise ValueError(f"is {show(value)}; give the path within the archive, such as 'data/stack.tif'")
    return "/".join(parts)


def sha256(value: Any) -> str:
    """Read a checksum, in lower case."""
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise ValueError(f"is {show(value)}; give 64 hexadecimal digits")
    return value.lower()
