"""TOML files that people write: whatever is wrong with one is one line that names it."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

from a2ibench.errors import InputError


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Read a TOML file.

    Parameters
    ----------
    path : Path
        The file.
    what : str
        What it is, with its article, for messages: ``"a run file"``.

    Raises
    ------
    InputError
        If the file is missing, may not be read or is not TOML.
    """
    text = ""
    try:
        # Windows editors put a byte order mark in front, which TOML does not know.
        text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text, parse_float=_finite)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give the path of {what}") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give the path of {what}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except RecursionError:
        raise InputError(f"{path}: not valid TOML: nested too deeply") from None
    except ValueError as error:
        problem = str(error).replace("at end of document", f"at the end, line {text.count(chr(10)) + 1}")
        raise InputError(f"{path}: not valid TOML: {' '.join(problem.split())}") from None


def _finite(token: str) -> float:
    value = float(token)
    # What is written as infinity is meant; what has become it is not.
    if math.isinf(value) and "inf" not in token:
        raise ValueError(f"{token[:40]} is too large for a number")
    return value
