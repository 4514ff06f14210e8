"""The folder of downloads and generated volumes, and files that appear in it whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs


def cache_folder(cache: Path | None = None) -> Path:
    """Return `cache`, else the folder of ``A2IBENCH_CACHE``, else the user's cache folder for a2ibench."""
    given = cache or os.environ.get("A2IBENCH_CACHE") or platformdirs.user_cache_dir("a2ibench")
    return Path(given).expanduser()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary file beside `path` to write; it takes the place of `path` when nothing went wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
