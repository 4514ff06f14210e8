"""What tells whether an interrupted reconstruction is the one that is asked for now."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.bench.cache_key import code_of
from a2ibench.bench.code_digest import core_digest
from a2ibench.contracts import Context
from a2ibench.data.checksums import content_sha256
from a2ibench.data.formats import LazyVolume
from a2ibench.data.formats.source import find
from a2ibench.data.prepare import Crop
from a2ibench.reconstruction.options import MethodOptions, ReconstructOptions

_SIDE, _BOXES = 32, 8
# Voxels are read slower than bytes, so only of crops this much smaller than the volume.
_SMALL, _VOXELS = 8, 1 << 24
_VERSION_FIELDS = (
    *("size", "ETag", "etag", "mtime", "LastModified", "last_modified"),
    *("updated", "md5Hash", "generation"),
)


def identity(
    content: str, ratio: float, options: ReconstructOptions, method: MethodOptions, ctx: Context
) -> dict[str, Any]:
    """Return all that the voxels of a reconstruction depend on, JSON-able; `content` is the input's."""
    core = core_digest("a2ibench.reconstruction.reconstruct", writers=True)
    return code_of(method.method, core) | {
        "input": content,
        "crop": options.crop,
        "ratio": ratio,
        "intensity": options.intensity,
        "match_slices": options.match_slices,
        "settings": dict(method.settings),
        "files": {
            name: content_sha256(Path(value))
            for name, value in sorted(method.settings.items())
            if isinstance(value, str) and _is_named(value)
        },
        "size": ctx.size,
        "budget": str(ctx.budget),
        "seed": ctx.seed,
        "device": ctx.device,
        "precision": ctx.precision,
        "checkpoint": _digest(method.checkpoint),
    }


def _is_named(value: str) -> bool:
    try:
        # A word such as a choice of planes is no folder, even where one is called so.
        return Path(value).is_file() or (Path(value).name != value and Path(value).is_dir())
    except (OSError, ValueError):
        return False


def content(volume: LazyVolume, crop: Crop, files: list[Path]) -> str:
    """Return a digest that changes whenever what is read of the input does.

    Of local volumes it is that of all bytes of their files; of a small crop that of its voxels. Of remote
    ones it is what the server tells of the file, and a few boxes.
    """
    if files and _is_small(volume, crop):
        return _voxels(crop)
    if not files:
        return fingerprint(crop) + _source_version(volume.source)
    key = files[0] / (volume.key or "")
    if volume.key and files[0].is_dir() and key.is_dir():
        # Of a container with much else in it, the array and the metadata above it.
        above = [folder for folder in key.parents if folder == files[0] or files[0] in folder.parents]
        read = [key, *(file for folder in above for file in sorted(folder.iterdir()) if file.is_file())]
    else:
        read = files
    digest = hashlib.sha256(f"{crop.shape} {crop.dtype.name}".encode())
    for path in read:
        digest.update(content_sha256(path).encode())
    return digest.hexdigest()


def file_sha256(volume: LazyVolume, crop: Crop, files: list[Path]) -> str | None:
    """Return the SHA-256 of an input that is one local file; None where `content` does not read it all."""
    if len(files) != 1 or not files[0].is_file() or _is_small(volume, crop):
        return None
    return content_sha256(files[0])


def _is_small(volume: LazyVolume, crop: Crop) -> bool:
    return math.prod(crop.shape) * _SMALL < math.prod(volume.shape)


def _voxels(crop: Crop) -> str:
    digest = hashlib.sha256(f"{crop.shape} {crop.dtype.name}".encode())
    for box in crop.boxes(_VOXELS):
        digest.update(crop[box].data)
    return digest.hexdigest()


def _source_version(source: str) -> str:
    """Return what a server tells of a file: its size, its time of change, its entity tag."""
    place = find(source)
    try:
        info = place.filesystem.info(place.place)
    except Exception:  # servers that cannot tell of a folder raise almost anything
        return ""
    return hashlib.sha256(repr([str(info.get(name)) for name in _VERSION_FIELDS]).encode()).hexdigest()


def fingerprint(crop: Crop) -> str:
    """Return a digest of a few small boxes of a volume, from its first voxel to its last."""
    digest = hashlib.sha256(f"{crop.shape} {crop.dtype.name}".encode())
    for part in np.linspace(0, 1, _BOXES):
        z, y, x = (
            slice(first, first + _SIDE)
            for size in crop.shape
            for first in [round(float(part) * max(0, size - _SIDE))]
        )
        digest.update(crop[z, y, x].tobytes())
    return digest.hexdigest()


def _digest(folder: Path | None) -> str | None:
    if folder is None:
        return None
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            digest.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes())
    return digest.hexdigest()
