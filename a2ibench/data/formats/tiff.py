"""TIFF stacks, plain, ImageJ and OME, in one file or, of OME, in several."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats.metadata import tiff_voxel_size
from a2ibench.data.formats.ome_set import find_set, open_set
from a2ibench.data.formats.photometric import Greys, Notice, tiff_greys
from a2ibench.data.formats.raw import RawArray
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.tiff_images import Image, check_whole, only_image, opened, without_log_lines
from a2ibench.data.formats.tiff_pages import PagedArray
from a2ibench.data.formats.volume import LazyVolume
from a2ibench.errors import InputError

KIND = "TIFF"
_MEANING = {"S": "colour", "C": "several channels", "T": "a time series"}


def open_source(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open the only image of a TIFF file, in the axis order that its metadata state.

    Of an OME-TIFF set any file stands for the whole image.

    Raises
    ------
    InputError
        If the file is damaged or cut short, holds no 3D grey-scale stack, or `key` is given.
    """
    if key is not None:
        raise InputError(f"{source.text}: key is {key!r}, but a TIFF file holds no named datasets; remove it")
    return open_stack(source, Notice(source.text), resources)


def open_stack(source: Source, notice: Notice, resources: ExitStack) -> LazyVolume:
    """Open the only image of a TIFF file, which `notice` is told of.

    Raises
    ------
    InputError
        If the file is damaged or cut short, or holds no 3D grey-scale stack.
    """
    with without_log_lines():
        tiff = opened(source, resources)
        found = find_set(source, tiff, resources)
        if found is not None:
            return open_set(found, source, resources)
        image = only_image(source.text, tiff)
        names = _names(source.text, image)
        check_whole(source.text, image)
        array = _array(source, image, notice, resources)
        return LazyVolume(
            array,
            names,
            source=source.text,
            kind=KIND,
            chunks=array.chunks,
            voxel_size=tiff_voxel_size(tiff),
            resources=resources,
        )


def files_of_set(source: Source) -> list[Source]:
    """Return the files of an image that a TIFF file is one of; none where it holds all there is."""
    with ExitStack() as resources, without_log_lines():
        found = find_set(source, opened(source, resources), resources)
        return [] if found is None else found.files


class _Shown:
    """An array in the grey levels that its values show."""

    def __init__(self, array: RawArray, greys: Greys) -> None:
        self._array, self._greys = array, greys
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, array.chunks

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        return self._greys(self._array[block])


def _array(
    source: Source, image: Image, notice: Notice, resources: ExitStack
) -> PagedArray | RawArray | _Shown:
    if image.offset is None:
        return PagedArray(image.pages, image.shape, source.text, notice)
    keyframe = image.keyframe
    dtype = np.dtype(keyframe.dtype).newbyteorder(keyframe.parent.byteorder)
    array = RawArray(source, int(image.offset), image.shape, dtype, resources)
    greys = tiff_greys(keyframe, source.text, notice)
    return array if greys is None else _Shown(array, greys)


def _names(path: str, image: Image) -> tuple[str, ...]:
    # A channel or time axis of length 1 does no harm.
    kept = "".join(
        letter for letter, size in zip(image.axes, image.shape, strict=True) if size > 1 or letter in "ZYX"
    )
    names = image.axes
    for unnamed in "IQ":
        if "Z" not in names and kept.count(unnamed) == 1:
            at = next(i for i, letter in enumerate(names) if letter == unnamed and image.shape[i] > 1)
            names = f"{names[:at]}Z{names[at + 1 :]}"
            kept = kept.replace(unnamed, "Z")
    if sorted(kept) != ["X", "Y", "Z"]:
        found = [meaning for letter, meaning in _MEANING.items() if letter in kept] or [f"{len(kept)}D"]
        raise InputError(
            f"{path}: holds {' and '.join(found)}: axes {image.axes} of shape {image.shape}; "
            "give one grey-scale stack with axes ZYX"
        )
    return tuple(names.lower())
