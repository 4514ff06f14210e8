"""Files that are either complete or absent, and folders that are made anew."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from a2ibench.documents import read_json

__all__ = ["fresh_folder", "plain", "read_json", "write_json"]


def write_json(path: Path, value: Any) -> None:
    """Write strict JSON such that `path` never holds a part of it, whenever the process or machine stops.

    Parameters
    ----------
    path : Path
        File in an existing folder.
    value : object
        As for `plain`.

    Raises
    ------
    OSError
        If the file cannot be written; an older file stays as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    text = json.dumps(plain(value), indent=2, allow_nan=False) + "\n"
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(path.parent)


def plain(value: Any) -> Any:
    """Return `value` made of what JSON has: numpy scalars and arrays, paths and tuples are converted.

    Numbers that are not finite become the texts ``"inf"``, ``"-inf"`` and ``"nan"``.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return str(value)


def fresh_folder(folder: Path) -> None:
    """Make an empty folder, removing what an earlier attempt left in it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _sync_folder(folder: Path) -> None:
    # Without this a power cut may undo the rename. Windows cannot open folders.
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
