"""Tells files that hold pickled objects, without opening any of them as such."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Final

SUFFIXES: Final = frozenset({".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill", ".mar"})
"""Suffixes under which programs open files as pickles."""

_PROTOCOLS = tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6))
_NPY = b"\x93NUMPY"


def pickled(path: Path) -> bool:
    """Whether a file is a pickle, or a zip archive or numpy file that holds one."""
    if not path.is_file():
        return False
    if path.suffix.lower() in SUFFIXES:
        return True
    with path.open("rb") as file:
        if _begins_as_pickle(file.read(256)):
            return True
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if Path(name).suffix.lower() in SUFFIXES:
                return True
            with archive.open(name) as member:
                if _begins_as_pickle(member.read(256)):
                    return True
    return False


def _begins_as_pickle(head: bytes) -> bool:
    # An array of objects has a header of text, then a pickle.
    return head.startswith(_PROTOCOLS) or (head.startswith(_NPY) and b"'|O'" in head)
