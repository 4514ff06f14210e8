"""Volumes: catalogue, downloads, formats, writers, phantom. Import modules where needed: most are heavy."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(cache: Path | None = None) -> Path:
    """Return `cache`, else the folder of ``A2IBENCH_CACHE``, else the user's cache folder for a2ibench."""
    import platformdirs

    given = cache or os.environ.get("A2IBENCH_CACHE") or platformdirs.user_cache_dir("a2ibench")
    return Path(given).expanduser()
