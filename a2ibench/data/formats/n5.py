"""Arrays in N5 containers."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any

import numpy as np

from a2ibench.data.formats import axes
from a2ibench.data.formats.metadata import Attributes, axis_names, voxel_size
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.tensorstores import TensorArray
from a2ibench.data.formats.volume import LazyVolume, check_chunk
from a2ibench.errors import InputError

KIND = "N5"
_ATTRIBUTES = "attributes.json"
_DEPTH = 5


def open_source(
    source: Source,
    key: str | None,
    resources: ExitStack,
    *,
    level: int | None = None,
    fill_missing: bool = False,
) -> LazyVolume:
    """Open an array, or one of the resolutions s0, s1, ... of a group; N5 states axes x first.

    Raises
    ------
    InputError
        If there is no such array, it is ambiguous or damaged.
    """
    path, described = (key or "").strip("/"), _described(source / (key or ""))
    if not _is_array(described) and not _scales(source / path):
        path = _only_image(source, path)
        described = _described(source / path)
    group: Attributes = {}
    number = None
    if not _is_array(described):
        group = described or {}
        found = _scales(source / path)
        number = level or 0
        if number not in found:
            raise InputError(f"{source.text}: level is {level}, but there are {found}; give one of them")
        path = f"{path}/s{number}".strip("/")
        described = _described(source / path)
    elif level is not None:
        raise InputError(f"{source.text}: level is {level}, but {path or 'it'} is one array; remove it")
    else:
        place = source / path
        if place.parent is not None and (match := re.fullmatch(r"s(\d{1,3})", place.name)):
            group, number = _described(place.parent) or {}, int(match[1])
    return _open(source, path, group, described or {}, number, fill_missing, resources)


def _open(
    source: Source,
    path: str,
    group: Attributes,
    described: Attributes,
    level: int | None,
    fill_missing: bool,
    resources: ExitStack,
) -> LazyVolume:
    place = source / path
    sizes = described.get("dimensions")
    axes.check_sizes(sizes if isinstance(sizes, list) else (), place.text)
    block = described.get("blockSize")
    if isinstance(block, list) and all(isinstance(size, int) and size > 0 for size in block):
        check_chunk(block, np.dtype(np.float64), place.text)
    array = TensorArray(place, {"driver": "n5"}, fill_missing=fill_missing)
    names = axis_names(described, len(array.shape)) or axes.assumed(len(array.shape))[::-1]
    inherited = {field: group[field] for field in ("pixelResolution", "units") if field in group}
    return LazyVolume(
        array,
        names,
        source=source.text,
        kind=KIND,
        chunks=array.chunks,
        voxel_size=voxel_size(inherited | dict(described), names, reverse=True),
        key=path or None,
        level=level,
        resources=resources,
    )


def _described(place: Source) -> dict[str, Any] | None:
    return place.read_json(_ATTRIBUTES)


def _is_array(attributes: Attributes | None) -> bool:
    return attributes is not None and "dimensions" in attributes


def _scales(place: Source) -> list[int]:
    found: list[int] = []
    while _is_array(_described(place / f"s{len(found)}")):
        found.append(len(found))
    return found


def _only_image(source: Source, path: str) -> str:
    if path and _described(source / path) is None and not _folders(source / path):
        raise InputError(f"{source.text}: key {path!r} does not exist; give key, the array to read")
    found = _images(source, path, _DEPTH)
    if not found:
        raise InputError(f"{source.text}: no array of 3 axes is found there; check it, or give key")
    if len(found) != 1:
        listed = ", ".join(found[:9])
        raise InputError(f"{source.text}: give key, the array or image to read; there are: {listed}")
    return found[0]


def _images(source: Source, path: str, depth: int) -> list[str]:
    found = []
    for name in _folders(source / path):
        inner = f"{path}/{name}".strip("/")
        described = _described(source / inner)
        if _is_array(described):
            if described is not None and len(described["dimensions"]) >= 3:
                found.append(inner)
        elif _scales(source / inner):
            found.append(inner)
        elif depth > 0:
            found.extend(_images(source, inner, depth - 1))
    return found


def _folders(place: Source) -> list[str]:
    try:
        listed = place.filesystem.ls(place.place, detail=True)
    except Exception:  # what a server that cannot list raises differs
        return []
    names = (str(entry["name"]).rstrip("/") for entry in listed if entry.get("type") == "directory")
    return sorted(re.split(r"[/\\]", name)[-1] for name in names)
