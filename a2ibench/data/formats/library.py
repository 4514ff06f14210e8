"""DigitalMicrograph's files, DM3 and DM4, by RosettaSciIO, a library that an extra installs."""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats.metadata import VoxelSize, by_name
from a2ibench.data.formats.photometric import Notice
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume, check_dtype
from a2ibench.errors import InputError

_MODULES = {".dm3": "digitalmicrograph", ".dm4": "digitalmicrograph"}
SUFFIXES = tuple(_MODULES)
# What is read at once. Blocks of the library are read whole, so they are not much larger than slices.
_CHUNK = "16MiB"
# Diffraction, spectra, tilts and times.
_NO_LENGTH = re.compile(r"1/.*|.*(\^-1|/.*)|.*-1|k?eV|m?rad|deg|°|m?s|min|h|Hz", re.IGNORECASE)


class Image(NamedTuple):
    """One image of a file.

    Parameters
    ----------
    data : dask.array.Array
        Its voxels, which stay in the file.
    names : tuple of str
        What each axis is.
    voxel_size : tuple of float or None
        Nanometres, (z, y, x).
    """

    data: Any
    names: tuple[str, ...]
    voxel_size: VoxelSize | None


class _LibraryArray:
    def __init__(self, data: Any) -> None:
        self._data = data
        self.shape: tuple[int, ...] = tuple(int(size) for size in data.shape)
        self.chunks: tuple[int, ...] = tuple(int(size) for size in data.chunksize)
        self.dtype: np.dtype[Any] = data.dtype

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        return np.asarray(self._data[block].compute(scheduler="synchronous"))


def open_library(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open the only image stack of a file, or that of a number.

    Raises
    ------
    InputError
        If the library is not installed, or the file is damaged or remote, or holds no stack or several.
    """
    images = _images(source)
    stacks = {str(number): image for number, image in enumerate(images) if image.data.ndim >= 3}
    listed = ", ".join(f"{number} {image.data.shape}" for number, image in stacks.items())
    if not stacks:
        shapes = ", ".join(str(image.data.shape) for image in images) or "none"
        raise InputError(
            f"{source.text}: holds no stack but images of shape {shapes}; give a stack, or the folder of all "
            "slices"
        )
    if key is not None and key not in stacks:
        raise InputError(f"{source.text}: key {key!r} does not exist; stacks: {listed}")
    if key is None and len(stacks) > 1:
        raise InputError(f"{source.text}: give key, the number of the stack to read; there are: {listed}")
    image = next(iter(stacks.values())) if key is None else stacks[key]
    return LazyVolume(
        _LibraryArray(image.data),
        image.names,
        source=source.text,
        kind=_kind(source),
        chunks=image.data.chunksize,
        voxel_size=image.voxel_size,
        key=key,
        resources=resources,
    )


def open_slice(source: Source, page: int | None, notice: Notice, resources: ExitStack) -> _LibraryArray:
    """Open the only image (y, x) of a file.

    Raises
    ------
    InputError
        If the library is not installed, or the file is damaged or remote, or holds anything but one image.
    """
    images = _images(source)
    if len(images) != 1 or images[0].data.ndim != 2:
        shapes = ", ".join(str(image.data.shape) for image in images) or "none"
        raise InputError(f"{source.text}: holds images of shape {shapes}; give slices of one 2D image each")
    check_dtype(images[0].data.dtype, source.text)
    return _LibraryArray(images[0].data)


def _kind(source: Source) -> str:
    return source.name.rpartition(".")[2].upper()


def _images(source: Source) -> list[Image]:
    kind = _kind(source)
    if source.path is None:
        raise InputError(f"{source.text}: {kind} is read from local files only; download it")
    try:
        reader = importlib.import_module(f"rsciio.{_MODULES[f'.{kind.lower()}']}")
    except ImportError:
        raise InputError(
            f"{source.text}: reading {kind} takes rosettasciio; pip install rosettasciio"
        ) from None
    try:
        images = reader.file_reader(str(source.path), lazy=True, chunks=_CHUNK)
    except ValueError as error:
        if "RGB" in str(error):
            raise InputError(f"{source.text}: holds colour; give one grey-scale stack") from None
        raise
    return [_described(source, image["data"], image["axes"]) for image in images]


def _described(source: Source, data: Any, axes: Sequence[dict[str, Any]]) -> Image:
    names = tuple(str(axis["name"] or "?") for axis in axes)
    units = [str(axis["units"]).strip() for axis in axes]
    for name, unit in zip(names, units, strict=True):
        if _NO_LENGTH.fullmatch(unit):
            raise InputError(
                f"{source.text}: its axis {name} is in {unit}, no length; give a stack of images"
            )
    return Image(data, names, by_name(names, [axis["scale"] for axis in axes], units))
