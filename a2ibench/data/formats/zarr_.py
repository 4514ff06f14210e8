"""Arrays in Zarr containers, versions 2 and 3, and OME-Zarr images, whose missing chunks are noticed."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any

import numpy as np
import zarr
from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import FsspecStore, LocalStore, WrapperStore

from a2ibench.data.formats.axes import agreed, assumed_axes, stated_axes
from a2ibench.data.formats.magnifications import PROPERTIES, factors, magnification_of, same_place
from a2ibench.data.formats.metadata import Level, VoxelSize, axis_names, check_level, levels, voxel_size
from a2ibench.data.formats.missing import Filled, check_any, missing_chunks
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume
from a2ibench.errors import InputError

# How far above an array its image may be.
_OUTER = 3
_ARRAYS = (".zarray", "zarr.json")
# A header of Blosc: versions, flags, and the sizes of the voxels, of a part, and of all that is stored.
_BLOSC_HEADER, _BLOSC_SIZE = 16, slice(12, 16)


class _NoticingStore(WrapperStore[Any]):
    """A store that lists in `missing` the keys it was asked for and does not hold, and counts the others."""

    def __init__(self, store: Any, where: str = "") -> None:
        super().__init__(store)
        self._where = where
        self.missing: list[str] = []
        self.found = 0
        # Chunks of Blosc that are cut short must be an error: its decoder does not notice, and takes whatever
        # lies behind them in memory for voxels.
        self.blosc = False

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return what is stored under a key; None, and a note of it, where nothing is."""
        found: Buffer | None = await super().get(key, prototype, byte_range)
        if found is None:
            self.missing.append(key)
            return None
        if key.endswith((".zgroup", ".zarray")):
            return prototype.buffer.from_bytes(_with_a_number(found.to_bytes()))
        self.found += 1
        if self.blosc:
            stated = int.from_bytes(found[_BLOSC_SIZE].to_bytes(), "little")
            if len(found) < _BLOSC_HEADER or stated != len(found):
                raise InputError(f"{self._where}: chunk {key} is cut short or damaged; get the volume again")
        return found


def _with_a_number(content: bytes) -> bytes:
    """Return metadata of Zarr 2 whose version is a number; WEBKNOSSOS wrote a text for some years."""
    return re.sub(rb'("zarr_format"\s*:\s*)"2"', rb"\g<1>2", content, count=1)


def _opened_store(source: Source, resources: ExitStack) -> _NoticingStore:
    """Return the container as a store that cannot be written; closed with the resources."""
    if source.path is not None:
        store: Any = LocalStore(source.path, read_only=True)
    else:
        # Buckets that may not be listed deny what is not there.
        absent = (FileNotFoundError, IsADirectoryError, NotADirectoryError, KeyError, PermissionError)
        store = FsspecStore.from_url(
            source.text, storage_options=source.options, read_only=True, allowed_exceptions=absent
        )
    resources.callback(store.close)
    return _NoticingStore(store, source.text)


KIND = "Zarr"


def open_source(
    source: Source,
    key: str | None,
    resources: ExitStack,
    *,
    level: int | None = None,
    fill_missing: bool = False,
) -> LazyVolume:
    """Open an array, or a level of a multiscale image, in the axis order that its metadata state.

    Raises
    ------
    InputError
        If there is no such array, it is ambiguous, damaged or compressed in an unknown way.
    """
    store = _opened_store(source, resources)
    node, path = _node(store, source, key or ""), (key or "").strip("/")
    described: Level | None = None
    number = None
    if isinstance(node, zarr.Group):
        node, path = _only_image(source, node, path)
    if isinstance(node, zarr.Group):
        where = (source / path).text
        number, found = level or 0, levels(node.attrs, where)
        check_level(number, len(found), where)
        described = found[number]
        path = _spelt(source, f"{path}/{described.path}".strip("/"))
        node = _node(store, source, path)
        if isinstance(node, zarr.Group):
            raise InputError(f"{source.text}: level {number}, {path!r}, is no array; get the volume again")
    elif level is not None:
        raise InputError(f"{source.text}: level is {level}, but {path or 'it'} is one array; remove it")
    else:
        number, described = _as_level(source / path)
    _check_codecs(source, node)
    store.blosc = _is_blosc(node)
    if fill_missing:
        check_any(source / path)
    names, spacings = _described(source / path, node, described)
    return LazyVolume(
        _ZarrArray(node, store, source, fill_missing),
        names,
        source=source.text,
        kind=KIND,
        chunks=node.chunks,
        voxel_size=spacings,
        key=path or None,
        level=number,
        resources=resources,
    )


class _ZarrArray:
    """A zarr array that takes a chunk that is not there for an error, unless told otherwise."""

    def __init__(self, array: Any, store: _NoticingStore, source: Source, fill_missing: bool) -> None:
        self.shape: tuple[int, ...] = array.shape
        self.dtype: np.dtype[Any] = np.dtype(array.dtype)
        self._array, self._store, self._source = array, store, source
        self._filled = Filled(source.text, self.shape) if fill_missing else None

    def __getitem__(self, block: tuple[slice, ...]) -> Any:
        store = self._store
        store.missing.clear()
        store.found = 0
        data = self._array[block]
        if self._filled is not None:
            count, wanted = len(store.missing), len(store.missing) + store.found
            said = f"{count} of {wanted} chunks that were read are missing" if count else ""
            self._filled.read(data.size, there=store.found > 0, said=said)
        elif store.missing:
            raise missing_chunks(self._source.text, f"chunk {store.missing[0]} is missing")
        return data


def _node(store: _NoticingStore, source: Source, path: str) -> Any:
    try:
        return zarr.open(store, path=path.strip("/"), mode="r")
    except Exception as error:  # damaged metadata raise almost anything
        text = f"{type(error).__name__} {error}".lower()
        if "codec" in text or "compressor" in text:
            raise InputError(
                f"{(source / path).text}: unknown or damaged compression; store it again, for example as zstd"
            ) from error
        if not isinstance(error, FileNotFoundError) and "not found" not in text:
            raise
        if not path:
            raise InputError(f"{source.text}: no Zarr group or array there; check it, or give key") from None
        raise InputError(f"{source.text}: key {path!r} does not exist; give key, the array to read") from None


def _only_image(source: Source, group: Any, path: str) -> tuple[Any, str]:
    if levels(group.attrs, source.text):
        return group, path
    try:
        found = _images(group, path, 4)
    except InputError:
        raise
    except Exception as error:  # servers that cannot list raise almost anything
        raise InputError(f"{source.text}: cannot be listed; give key, the array to read") from error
    if len(found) != 1:
        listed = ", ".join(name for name, _ in found[:9]) or "none"
        raise InputError(f"{source.text}: give key, the array or image to read; there are: {listed}")
    name, node = found[0]
    return node, name


def _images(group: Any, path: str, depth: int) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, node in sorted(group.members()):
        inner = f"{path}/{name}".strip("/")
        if not isinstance(node, zarr.Group):
            if node.ndim >= 3:
                found.append((inner, node))
        elif levels(node.attrs, inner):
            found.append((inner, node))
        elif depth > 0:
            found.extend(_images(node, inner, depth - 1))
    return found


def _as_level(place: Source) -> tuple[int | None, Level | None]:
    # An array may be given that is one level of an image; the image knows its axes and voxel size.
    inner, parent = place.name, place.parent
    for _ in range(_OUTER):
        if parent is None:
            break
        group = parent.read_json("zarr.json")
        attributes = parent.read_json(".zattrs") if group is None else group.get("attributes")
        found = levels(attributes, parent.text) if isinstance(attributes, dict) else []
        for number, level in enumerate(found):
            if same_place(level.path, inner):
                return number, level
        # Outside of the container nothing is asked for.
        inside = group is not None or attributes is not None or parent.read_json(".zgroup") is not None
        if found or not inside:
            break
        inner, parent = f"{parent.name}/{inner}", parent.parent
    return None, None


def _spelt(source: Source, path: str) -> str:
    """Return the path of a level that WEBKNOSSOS wrote, where it is called 1-1-1 and not 1 as stated."""
    folder, _, last = path.rpartition("/")
    other = f"{folder}/{last}-{last}-{last}".strip("/")
    if not last.isdigit() or any((source / path / name).is_file() for name in _ARRAYS):
        return path
    return other if any((source / other / name).is_file() for name in _ARRAYS) else path


Described = tuple[tuple[str, ...], VoxelSize | None]


def _described(place: Source, node: Any, level: Level | None) -> Described:
    """Return axes and voxel size of an array by all that states them."""
    rank, where = len(node.shape), place.text
    stated = [
        stated_axes(list(getattr(node.metadata, "dimension_names", None) or ()), rank),
        *axis_names(node.attrs, rank, reverse=False),
    ]
    size = None
    if level is not None:
        size = level.voxel_size
        if level.names is not None and len(level.names) == rank:
            stated.append(stated_axes(level.names, rank) or level.names)
        elif level.names is not None and not any(stated):
            raise InputError(
                f"{where}: damaged: axes {', '.join(level.names)} are stated for an array of shape "
                f"{tuple(node.shape)}; get the volume again"
            )
        elif rank == 5 and not any(stated):
            # OME-Zarr before 0.3 has these axes and states none.
            stated.append(("t", "c", "z", "y", "x"))
    names = agreed(stated, where)
    size = size or (None if names is None else voxel_size(node.attrs, names, reverse=False))
    # Of remote arrays no more is asked for than what tells their axes.
    if (names is None and rank == 4) or (size is None and place.path is not None):
        found = magnification_of(place)
        if found is not None:
            return names or found.names(rank), size or found.voxel_size
        if names is None and _looks_like_a_magnification(place, node):
            raise InputError(
                f"{where}: looks like a magnification of WEBKNOSSOS, and nothing states the order of its "
                f"axes; give it together with the {PROPERTIES} of its dataset"
            )
    names = names or assumed_axes(node.shape)
    return names, size or voxel_size(node.attrs, names, reverse=False)


def _looks_like_a_magnification(place: Source, node: Any) -> bool:
    if len(node.shape) != 4 or factors(place.name) is None:
        return False
    # Its arrays are stored with x varying fastest.
    return "-" in place.name or getattr(node.metadata, "order", "C") == "F"


def _check_codecs(source: Source, node: Any) -> None:
    # A filter that unpickles would run what a stranger wrote.
    metadata = node.metadata.to_dict()
    codecs = [metadata.get(field) for field in ("filters", "compressor", "codecs")]
    if re.search(r"pickle", str(codecs), re.IGNORECASE):
        raise InputError(f"{source.text}: its chunks are pickled, which is not safe to read; store numbers")


def _is_blosc(node: Any) -> bool:
    metadata = node.metadata.to_dict()
    last = [*(metadata.get("codecs") or [metadata.get("compressor") or {}])][-1]
    return "blosc" in (last.get("id"), last.get("name"))
