"""Strict JSON: what it says is one thing, and whatever is wrong with it is a ValueError of one line."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

MOST_BYTES: Final = 1 << 27
"""Larger files are no documents of ours; reading one would fill the memory."""


def read_json(path: Path) -> Any:
    """Read a file of strict JSON.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        As for `parse_json`, or if the file has more than 128 MiB.
    """
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"larger than {MOST_BYTES >> 20} MiB")
    return parse_json(path.read_bytes())


def parse_json(content: str | bytes) -> Any:
    """Return what strict JSON holds.

    Raises
    ------
    ValueError
        If it is no JSON in UTF-8, nested too deeply, gives a key of an object twice, or holds a number that
        is not finite (NaN, Infinity, 1e999).
    """
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        return json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_without_duplicates
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(token: str) -> None:
    raise ValueError(f"{token} is not JSON")


def _finite(token: str) -> float:
    value = float(token)
    if not math.isfinite(value):
        raise ValueError(f"{token[:40]} is too large for a number")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"key {double[:40]!r} is given twice")
    return found
