"""Neuroglancer's precomputed volumes, also those whose chunks lie compressed beside their names."""

from __future__ import annotations

import itertools
import json
import math
import os
import threading
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from a2ibench.data.formats.metadata import check_level, check_sizes
from a2ibench.data.formats.missing import check_any
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.tensorstores import TensorArray
from a2ibench.data.formats.volume import LazyVolume, check_chunk
from a2ibench.errors import InputError, OptionError


def open_precomputed(
    source: Source,
    key: str | None,
    resources: ExitStack,
    *,
    level: int | None = None,
    fill_missing: bool = False,
) -> LazyVolume:
    """Open one scale of a volume, by its number or by its key.

    Raises
    ------
    InputError
        If there is no such scale, it has several channels, or it is damaged.
    """
    info = source.read_json("info") or {}
    scales = info.get("scales")
    try:
        keys = [scale["key"] for scale in scales or ()]
        number = _scale_number(source, keys, key, level)
        scale = scales[number] if scales else {}
        check_sizes(scale["size"], source.text)
        x, y, z = (float(size) for size in scale["resolution"])
        for chunk in scale["chunk_sizes"]:
            check_chunk(chunk, np.dtype(np.float32), source.text)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{source.text}/info: damaged: its scales are malformed; get it again") from None
    if fill_missing:
        check_any(source / str(keys[number]))
    array: TensorArray | _PackedArray | _PerhapsPackedArray
    if _are_packed(source, scale):
        array = _PackedArray(source, info, number, fill_missing)
    elif source.path is None and "sharding" not in scale:
        array = _PerhapsPackedArray(source, info, number, fill_missing)
    else:
        array = TensorArray(source, _spec(number), fill_missing=fill_missing)
    return LazyVolume(
        array,
        ("x", "y", "z", "c"),
        source=source.text,
        kind="precomputed",
        chunks=array.chunks,
        voxel_size=(z, y, x),
        key=str(keys[number]),
        level=number,
        resources=resources,
    )


def _scale_number(source: Source, keys: list[Any], key: str | None, level: int | None) -> int:
    if not keys:
        raise InputError(f"{source.text}/info: describes no scale; give a precomputed image volume")
    if key is not None and key not in keys:
        raise InputError(f"{source.text}: key {key!r} does not exist; there are: {', '.join(map(str, keys))}")
    number = level if level is not None else keys.index(key) if key is not None else 0
    check_level(number, len(keys), source.text)
    return number


def _spec(number: int) -> dict[str, Any]:
    return {"driver": "neuroglancer_precomputed", "scale_index": number}


# What cloud-volume appends to the names of chunks in a local folder that it compresses.
_PACKED, _PACKED_OTHERWISE = ".gz", (".br", ".zstd", ".xz", ".bz2")
_LOOKED_AT = 100


def _are_packed(source: Source, scale: dict[str, Any]) -> bool:
    """Return whether chunks lie there gzipped, under names of their own.

    Raises
    ------
    InputError
        If they are compressed in another way.
    """
    if "sharding" in scale:
        return False
    folder = source / str(scale["key"])
    if folder.path is None or not folder.path.is_dir():
        return False
    with os.scandir(folder.path) as entries:
        suffixes = {Path(entry.name).suffix for entry in itertools.islice(entries, _LOOKED_AT)}
    if other := suffixes.intersection(_PACKED_OTHERWISE):
        raise InputError(
            f"{folder.text}: its chunks are compressed as *{min(other)} files; store them again as they are, "
            "or gzipped"
        )
    return _PACKED in suffixes


def _chunk_names(scale: dict[str, Any], block: Sequence[slice]) -> Iterator[str]:
    """Yield the names of the chunks that a block (x, y, z) touches."""
    offset = scale.get("voxel_offset") or [0, 0, 0]
    sides, ends = scale["chunk_sizes"][0], scale["size"]
    along = [
        [
            f"{start + first}-{start + min(first + side, end)}"
            for first in range(part.start // side * side, part.stop, side)
        ]
        for part, start, side, end in zip(block, offset, sides, ends, strict=True)
    ]
    yield from ("_".join(ranges) for ranges in itertools.product(*along))


class _PerhapsPackedArray:
    """A remote scale, which is asked for gzipped chunks as soon as one is missing."""

    def __init__(self, source: Source, info: dict[str, Any], number: int, fill_missing: bool) -> None:
        self._given = source, info, number, fill_missing
        plain = TensorArray(source, _spec(number), fill_missing=False)
        self._filling = TensorArray(source, _spec(number), fill_missing=True) if fill_missing else None
        self._array: TensorArray | _PackedArray = plain
        self.shape, self.dtype, self.chunks = plain.shape, plain.dtype, plain.chunks

    def __getitem__(self, block: tuple[slice, ...]) -> Any:
        try:
            return self._array[block]
        except OptionError:
            if isinstance(self._array, _PackedArray):
                raise
            packed = _PackedArray(*self._given)
            if packed.holds(block):
                self._array = packed
            elif self._filling is None:
                raise
            else:
                return self._filling[block]
        return self._array[block]


class _PackedArray:
    """A scale whose chunks are gzipped: tensorstore reads them from memory, those of one block at a time."""

    def __init__(self, source: Source, info: dict[str, Any], number: int, fill_missing: bool) -> None:
        import tensorstore

        self._scale = info["scales"][number]
        self._folder = source / str(self._scale["key"])
        context = tensorstore.Context({"data_copy_concurrency": {"limit": 1}})
        memory = {"driver": "memory", "path": "volume/"}
        self._memory: Any = tensorstore.KvStore.open(memory, context=context).result()
        self._memory.write("info", json.dumps(info).encode()).result()
        spec = _spec(number) | {"kvstore": memory}
        self._array = TensorArray(source, spec, fill_missing=fill_missing, context=context)
        self.shape, self.dtype, self.chunks = self._array.shape, self._array.dtype, self._array.chunks
        # Encodings add to voxels a little at most.
        self._largest = 2 * math.prod(self.chunks) * self.dtype.itemsize + 2**20
        self._lock = threading.Lock()

    def __getitem__(self, block: tuple[slice, ...]) -> Any:
        names = list(_chunk_names(self._scale, block[:3]))
        with self._lock:
            try:
                for name in names:
                    content = self._chunk(name)
                    if content is not None:
                        self._memory.write(f"{self._scale['key']}/{name}", content).result()
                return self._array[block]
            finally:
                for name in names:
                    self._memory.write(f"{self._scale['key']}/{name}", None).result()

    def holds(self, block: tuple[slice, ...]) -> bool:
        """Return whether any chunk of a block is there, gzipped."""
        names = _chunk_names(self._scale, block[:3])
        return any((self._folder / f"{name}{_PACKED}").is_file() for name in names)

    def _chunk(self, name: str) -> bytes | None:
        place = self._folder / f"{name}{_PACKED}"
        content = place.read(0, self._largest)
        if content is None:
            return (self._folder / name).read(0, self._largest)
        unpacking = zlib.decompressobj(wbits=31)
        try:
            unpacked = unpacking.decompress(content, self._largest)
        except zlib.error:
            unpacked = b""
        if not unpacking.eof:
            raise InputError(f"{place.text}: is cut short or damaged; get the volume again")
        return unpacked
