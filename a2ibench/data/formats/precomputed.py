"""Neuroglancer's precomputed volumes."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np

from a2ibench.data.formats import axes
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.tensorstores import TensorArray
from a2ibench.data.formats.volume import LazyVolume, check_chunk
from a2ibench.errors import InputError

KIND = "precomputed"


def open_source(
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
        number = _number(source, keys, key, level)
        scale = scales[number] if scales else {}
        axes.check_sizes(scale["size"], source.text)
        x, y, z = (float(size) for size in scale["resolution"])
        for chunk in scale["chunk_sizes"]:
            check_chunk(chunk, np.dtype(np.float32), source.text)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{source.text}/info: damaged: its scales are malformed; get it again") from None
    spec: dict[str, Any] = {"driver": "neuroglancer_precomputed", "scale_index": number}
    array = TensorArray(source, spec, fill_missing=fill_missing)
    return LazyVolume(
        array,
        ("x", "y", "z", "c"),
        source=source.text,
        kind=KIND,
        chunks=array.chunks,
        voxel_size=(z, y, x),
        key=str(keys[number]),
        level=number,
        resources=resources,
    )


def _number(source: Source, keys: list[Any], key: str | None, level: int | None) -> int:
    if not keys:
        raise InputError(f"{source.text}/info: describes no scale; give a precomputed image volume")
    if key is not None and key not in keys:
        raise InputError(f"{source.text}: key {key!r} does not exist; there are: {', '.join(map(str, keys))}")
    count = len(keys)
    number = level if level is not None else keys.index(key) if key is not None else 0
    if not 0 <= number < count:
        raise InputError(f"{source.text}: level is {number}, but there are {count}; give 0 to {count - 1}")
    return number
