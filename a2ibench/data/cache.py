"""The folder of downloads and generated volumes."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs
from numpy.typing import NDArray

from a2ibench.contracts import DatasetSpec
from a2ibench.errors import InputError, UnknownNameError
from a2ibench.files import atomic_write


def cache_folder(cache: Path | None = None) -> Path:
    """Return `cache`, else the folder of ``A2IBENCH_CACHE``, else the user's cache folder for a2ibench."""
    given = cache or os.environ.get("A2IBENCH_CACHE") or platformdirs.user_cache_dir("a2ibench")
    return Path(given).expanduser()


def generated(spec: DatasetSpec, cache: Path | None = None) -> NDArray[Any]:
    """Return the phantom of an entry, (z, y, x) uint8, from the cache or made anew.

    A cache that cannot be read or written only costs time.

    Raises
    ------
    InputError
        If an option has a value that the phantom does not take.
    UnknownNameError
        If an option does not exist.
    """
    path = cached_path(spec, cache)
    with contextlib.suppress(Exception):  # a damaged file raises almost anything
        kept = np.load(path, allow_pickle=False)
        if isinstance(kept, np.ndarray) and kept.ndim == 3 and kept.dtype == np.uint8:
            return kept
    data = _make(spec)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            np.save(file, data, allow_pickle=False)
    return data


def cached_path(spec: DatasetSpec, cache: Path | None = None) -> Path:
    """Return where a phantom is kept; the generator's version and every option are part of the name."""
    from a2ibench.data.phantom import GENERATOR_VERSION

    identity = json.dumps([GENERATOR_VERSION, _options(spec)], sort_keys=True)
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    return cache_folder(cache) / "generated" / f"phantom-v{GENERATOR_VERSION}-{digest}.npy"


def _options(spec: DatasetSpec) -> dict[str, Any]:
    return {"voxel_size": spec.voxel_size[0], **(spec.phantom or {})}


def _make(spec: DatasetSpec) -> NDArray[Any]:
    from a2ibench.data.phantom import phantom

    options, known = _options(spec), inspect.signature(phantom).parameters
    for option in options:
        if option not in known:
            raise UnknownNameError(f"phantom option in [{spec.name}]", option, known)
    try:
        data: NDArray[Any] = phantom(**options)
    except (TypeError, ValueError) as error:
        raise InputError(f"[{spec.name}]: phantom: {error}") from error
    return data
