"""Folders of slices, one TIFF image each."""

from __future__ import annotations

import re
from contextlib import ExitStack
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats.source import Source
from a2ibench.data.formats.tiff import PagedArray, check_segments, only_series, opened, without_log_lines
from a2ibench.data.formats.volume import LazyVolume, check_dtype, unreachable, unreadable
from a2ibench.errors import InputError

KIND = "TIFF"
SUFFIXES = (".tif", ".tiff")


def open_source(source: Source, key: str | None, resources: ExitStack) -> LazyVolume:
    """Open a folder of slices as a stack, in the order of the numbers in their names.

    Raises
    ------
    InputError
        If a slice differs from the first, is damaged, or is no grey-scale image; names it.
    """
    if key is not None:
        raise InputError(f"{source.text}: key is {key!r}, but a folder of slices is one volume; remove it")
    array = SliceFolder(source, slices(source))
    return LazyVolume(
        array,
        ("z", "y", "x"),
        source=source.text,
        kind=KIND,
        chunks=(1, *array.chunks),
        resources=resources,
    )


def slices(source: Source) -> list[str]:
    """Return the names of the TIFF files in a folder, 9 before 10.

    Raises
    ------
    InputError
        If the folder cannot be listed.
    """
    try:
        found = source.filesystem.ls(source.place, detail=False)
    except FileNotFoundError:
        return []
    except Exception as error:
        raise unreachable(source.text, error) from error
    names = [str(name).replace("\\", "/").rstrip("/").rpartition("/")[2] for name in found]
    return sorted((name for name in names if is_slice(name)), key=_natural)


def is_slice(name: str) -> bool:
    """Return whether a file looks like a slice; those that start with a dot are copies that macOS leaves."""
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _natural(name: str) -> tuple[list[tuple[int, str]], str]:
    parts = re.split(r"(\d+)", name.lower())
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts], name


class SliceFolder:
    """Images of one shape and dtype, each opened when it is read.

    Parameters
    ----------
    source : Source
        The folder.
    names : list of str
        The files, first slice first.

    Raises
    ------
    InputError
        If there is none, or the first is no grey-scale image.
    """

    def __init__(self, source: Source, names: list[str]) -> None:
        if not names:
            raise InputError(f"{source.text}: holds no slices; give a folder of .tif files")
        self._source, self._names = source, names
        plane = self._described(names[0])
        self._plane, self.dtype, self.chunks = plane
        self.shape = (len(names), *self._plane)

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        numbers, *region = block
        sizes = [part.stop - part.start for part in region]
        out = np.empty((numbers.stop - numbers.start, *sizes), self.dtype)
        for row, number in enumerate(range(numbers.start, numbers.stop)):
            name = self._names[number]
            with ExitStack() as resources, without_log_lines():
                array = self._image(name, resources)
                if array.shape != self._plane or array.dtype != self.dtype:
                    raise InputError(
                        f"{(self._source / name).text}: {array.shape} {array.dtype.name}, but "
                        f"{self._names[0]} is {self._plane} {self.dtype.name}; give slices alike"
                    )
                out[row] = self._read(name, array, tuple(region))
        return out

    def _described(self, name: str) -> tuple[tuple[int, ...], np.dtype[Any], tuple[int, ...]]:
        with ExitStack() as resources, without_log_lines():
            array = self._image(name, resources)
            return array.shape, array.dtype, array.chunks

    def _image(self, name: str, resources: ExitStack) -> PagedArray:
        file = self._source / name
        try:
            series = only_series(file.text, opened(file, resources))
            check_dtype(series.dtype, file.text)
            check_segments(file.text, series)
            array = PagedArray(series, file.text)
        except InputError:
            raise
        except Exception as error:  # damaged files raise almost anything inside the decoders
            raise unreadable(file.text, KIND, error) from error
        if len(array.shape) != 2:
            raise InputError(f"{file.text}: shape {array.shape}; give slices of one grey-scale image each")
        return array

    def _read(self, name: str, array: PagedArray, region: tuple[slice, ...]) -> NDArray[Any]:
        try:
            return array[region]
        except InputError:
            raise
        except Exception as error:  # as above
            raise unreadable((self._source / name).text, KIND, error) from error
