"""Report files that are either complete or as they were."""

from __future__ import annotations

import os
import zlib
from pathlib import Path


def replace_file(path: Path, content: str | bytes) -> Path:
    """Write a file in one piece, in a folder that is made if need be.

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    OSError
        If the file cannot be written; an older file then stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not longer than the name itself can be: file systems end names at 255 bytes.
    temporary = path.with_name(f".{zlib.crc32(os.fsencode(path.name)):08x}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path
