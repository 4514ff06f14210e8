"""Strict JSON and TOML: what they say is one thing, and whatever is wrong with them is one line."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any, Final

from a2ibench.errors import InputError, one_line

MOST_BYTES: Final = 1 << 25
"""Larger files are no documents of ours; what is read of one may fill 30 times its size in memory."""

_MOST_TOML: Final = 1 << 22
# A longer integer may be no float.
_MOST_DIGITS: Final = 300
# A key of many parts takes time that grows with their square; nobody writes more than a few.
_LONG_KEY: Final = re.compile(
    r"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){32}""", re.ASCII
)


def read_json(path: Path) -> Any:
    """Read a file of strict JSON.

    Raises
    ------
    OSError
        If there is no such file, or it cannot be read.
    ValueError
        As for `parse_json`, or if the file has more than 32 MiB.
    """
    return parse_json(_content(path, MOST_BYTES))


def parse_json(content: str | bytes) -> Any:
    """Return what strict JSON holds.

    Raises
    ------
    ValueError
        If it is no JSON in UTF-8, nested too deeply, gives a key of an object twice, or holds a number that
        no float can (NaN, Infinity, 1e999, an integer of 400 digits).
    """
    try:
        text = content.decode("utf-8") if isinstance(content, bytes) else content
        return json.loads(
            text,
            parse_constant=_refuse,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_without_duplicates,
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except MemoryError:
        raise ValueError("does not fit into memory") from None


def read_toml(path: Path, what: str, kind: type[InputError] = InputError) -> dict[str, Any]:
    """Read a TOML file that people write.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it is, with its article, for messages: ``"a run file"``.
    kind : type
        The exception to raise.

    Raises
    ------
    InputError
        If the file is missing, may not be read, is no TOML, has more than 4 MiB, keys of more than 32
        parts, or a number such as 1e999 that becomes infinite without saying so.
    """
    text = ""
    try:
        # Windows editors put a byte order mark in front, which TOML does not know.
        text = _content(path, _MOST_TOML).decode("utf-8-sig").replace("\r\n", "\n")
        if _LONG_KEY.search(text):
            raise kind(f"{path}: not valid TOML: a key has too many parts")
        return tomllib.loads(text, parse_float=_finite_or_told)
    except InputError:
        raise
    except FileNotFoundError:
        raise kind(f"{path}: no such file; give the path of {what}") from None
    except OSError as error:
        raise kind(f"{path}: {error.strerror}; give the path of {what}") from None
    except UnicodeDecodeError as error:
        raise kind(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except (RecursionError, MemoryError):
        raise kind(f"{path}: not valid TOML: nested too deeply") from None
    except ValueError as error:
        end = f"at the end, line {text.count(chr(10)) + 1}"
        problem = one_line(str(error)).replace("at end of document", end)
        raise kind(f"{path}: not valid TOML: {problem}") from None


def _content(path: Path, most: int) -> bytes:
    # Bounded by what comes, for devices and pipes state no size.
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(f"larger than {most >> 20} MiB")
    return content


def _refuse(token: str) -> None:
    raise ValueError(f"{token} is not JSON")


def _finite(token: str) -> float:
    value = float(token)
    if not math.isfinite(value):
        raise ValueError(f"{token[:40]} is too large for a number")
    return value


def _whole(token: str) -> int:
    if len(token) > _MOST_DIGITS:
        raise ValueError(f"{token[:40]}... is too large for a number")
    return int(token)


def _finite_or_told(token: str) -> float:
    return float(token) if "inf" in token or "nan" in token else _finite(token)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        double, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise ValueError(f"key {double[:40]!a} is given twice")
    return found
