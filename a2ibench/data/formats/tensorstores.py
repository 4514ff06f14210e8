"""Arrays that tensorstore reads, and N5 containers among them."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any

import numpy as np

from a2ibench.data.formats.axes import agreed, assumed_axes
from a2ibench.data.formats.magnifications import magnification_of
from a2ibench.data.formats.metadata import (
    Attributes,
    VoxelSize,
    axis_names,
    check_sizes,
    levels,
    voxel_size,
)
from a2ibench.data.formats.missing import Filled, check_any, missing_chunks
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume, check_chunk, unreachable
from a2ibench.errors import InputError

# Few attempts, so that a server that is gone is an error soon.
_CONTEXT = {
    "http_request_retries": {"max_retries": 3},
    "s3_request_retries": {"max_retries": 3},
    "data_copy_concurrency": {"limit": 1},
}


class TensorArray:
    """An array that tensorstore reads by blocks, counted from 0 along each axis.

    Parameters
    ----------
    source : Source
        Where it is, as messages name it.
    spec : dict
        Tensorstore's description of it; without a ``kvstore`` it is at `source`.
    fill_missing : bool
        Take chunks that are not there for the value that the metadata state.
    context : tensorstore.Context, optional
        By default one with few attempts at servers.
    """

    def __init__(
        self, source: Source, spec: dict[str, Any], *, fill_missing: bool, context: Any = None
    ) -> None:
        import tensorstore

        self._source = source
        described = {"kvstore": _place(source), **spec}
        context = context or tensorstore.Context(_CONTEXT)
        given: dict[str, Any] = {"read": True, "open": True, "context": context}
        try:
            opened: Any = tensorstore.open({**described, "fill_missing_data_reads": False}, **given).result()
            filling: Any = None
            if fill_missing:
                filling = tensorstore.open({**described, "fill_missing_data_reads": True}, **given).result()
        except (ValueError, NotImplementedError) as error:
            raise _refusal(source, error) from error
        from_0 = tensorstore.d[:].translate_to[0]
        self._array, self._filling = opened[from_0], None if filling is None else filling[from_0]
        self.shape = tuple(int(size) for size in opened.shape)
        self.dtype: np.dtype[Any] = np.dtype(opened.dtype.numpy_dtype)
        self.chunks = tuple(int(size) for size in opened.chunk_layout.read_chunk.shape)
        self._filled = Filled(source.text, self.shape)

    def __getitem__(self, block: tuple[slice, ...]) -> Any:
        try:
            data = self._array[block].read().result()
        except ValueError as error:
            if self._filling is None or not _is_missing(error):
                raise _refusal(self._source, error) from error
        else:
            self._filled.read(data.size, there=True)
            return data
        try:
            data = self._filling[block].read().result()
        except ValueError as error:
            raise _refusal(self._source, error) from error
        self._filled.read(data.size, there=bool(data.any()), said="chunks are missing")
        return data


def _is_missing(error: Exception) -> bool:
    text = str(error)
    return "missing" in text.lower() or "NOT_FOUND" in text


def _place(source: Source) -> dict[str, Any]:
    if source.path is not None:
        return {"driver": "file", "path": f"{source.path.resolve().as_posix()}/"}
    if source.scheme == "s3":
        bucket, _, inside = source.text.partition("://")[2].partition("/")
        place = {"driver": "s3", "bucket": bucket, "path": f"{inside.rstrip('/')}/"}
        return place | {"aws_credentials": {"type": "anonymous"}}
    # Public buckets of Google are plain web servers too.
    base = source.text
    if source.scheme == "gs":
        base = f"https://storage.googleapis.com/{source.text.partition('://')[2]}"
    return {"driver": "http", "base_url": f"{base.rstrip('/')}/"}


def _refusal(source: Source, error: Exception) -> InputError:
    text = str(error)
    if source.scheme and (found := re.search(r"HTTP code (\d+)|CURL error [^\[]*|UNAVAILABLE", text)):
        reason = f"its server answered {found[1]}" if found[1] else found[0].strip()
        if found[1] != "404":
            return unreachable(source.text, OSError(reason))
    if "compression" in text or "encoding" in text or "not registered" in text:
        return InputError(f"{source.text}: unknown or damaged compression; store it again with gzip")
    if _is_missing(error):
        return missing_chunks(source.text, "a chunk is missing")
    return InputError(f"{source.text}: damaged: its metadata or chunks cannot be read; get the volume again")


_ATTRIBUTES = "attributes.json"
# How far below a container arrays are looked for, and how far above an array its image.
_DEPTH, _OUTER = 5, 3


def open_n5(
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
    return _open_n5(source, path, group, described or {}, number, fill_missing, resources)


def _open_n5(
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
    check_sizes(sizes if isinstance(sizes, list) else (), place.text)
    block = described.get("blockSize")
    if isinstance(block, list) and all(isinstance(size, int) and size > 0 for size in block):
        check_chunk(block, np.dtype(np.float64), place.text)
    array = TensorArray(place, {"driver": "n5"}, fill_missing=fill_missing)
    if fill_missing:
        check_any(place)
    stated = agreed(axis_names(described, len(array.shape), reverse=True), place.text)
    names = stated or assumed_axes(array.shape[::-1])[::-1]
    size = voxel_size(_inherited(group, described, level), names, reverse=True)
    if size is None:
        size = _size_by_image(place)
    if size is None and place.path is not None and (found := magnification_of(place)) is not None:
        size = found.voxel_size
    return LazyVolume(
        array,
        names,
        source=source.text,
        kind="N5",
        chunks=array.chunks,
        voxel_size=size,
        key=path or None,
        level=level,
        resources=resources,
    )


def _inherited(group: Attributes, described: Attributes, level: int | None) -> Attributes:
    """Return the attributes of an array with those of its group that hold for it, too."""
    found = {"units": group["units"]} if "units" in group else {}
    if "pixelResolution" in described or "pixelResolution" not in group:
        return found | dict(described)
    # It is that of the finest level; what the others are of it stands beside it or at the array.
    factors = group.get("scales", group.get("downsamplingFactors"))
    if isinstance(factors, list) and level is not None and level < len(factors):
        found["downsamplingFactors"] = factors[level]
    found |= dict(described)
    if level in (None, 0) or "downsamplingFactors" in found:
        found["pixelResolution"] = group["pixelResolution"]
    return found


def _size_by_image(place: Source) -> VoxelSize | None:
    """Return the voxel size that multiscales in a group above state for an array."""
    inner, parent = place.name, place.parent
    for _ in range(_OUTER):
        if parent is None or (attributes := _described(parent)) is None:
            return None
        for level in levels(attributes, parent.text):
            if level.path.strip("/") == inner:
                return level.voxel_size
        inner, parent = f"{parent.name}/{inner}", parent.parent
    return None


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
