"""Finds the format of a volume and opens it."""

from __future__ import annotations

import importlib
import inspect
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from a2ibench.errors import InputError
from a2ibench.volumes.lazy.detect import detect
from a2ibench.volumes.lazy.source import find
from a2ibench.volumes.lazy.volume import LazyVolume
from a2ibench.volumes.stored import unreadable


def open_lazy(
    source: str | Path, *, key: str | None = None, level: int | None = None, fill_missing: bool = False
) -> LazyVolume:
    """Open a volume of any format without reading its voxels.

    Parameters
    ----------
    source : str or Path
        A TIFF, HDF5, MATLAB v7.3, MRC or NumPy file; a folder of TIFF slices, a Zarr, OME-Zarr or N5
        container, or a Neuroglancer precomputed volume; a path, or a http, https, s3 or gs address.
    key : str, optional
        The dataset, array or multiscale group within the source; by default the only one.
    level : int, optional
        The resolution to take where there are several, 0 (by default) the finest.
    fill_missing : bool
        Take chunks that are not there for the value that the metadata state for them. By default
        they are an error, for nothing tells whether they were left out or lost.

    Returns
    -------
    LazyVolume
        To be closed, or used in a ``with`` statement.

    Raises
    ------
    InputError
        If there is no such volume, or it is damaged or unsuitable.
    """
    place = find(source)
    format_ = detect(place, key)
    reader = importlib.import_module(f"a2ibench.volumes.lazy.{format_}")
    options: dict[str, Any] = {"level": level, "fill_missing": fill_missing}
    known = inspect.signature(reader.open_source).parameters
    if level is not None and "level" not in known:
        raise InputError(f"{place.text}: level is {level}, but it has one resolution only; remove it")
    kind = getattr(reader, "KIND", "volume")
    given = {name: value for name, value in options.items() if name in known}
    resources = ExitStack()
    try:
        volume: LazyVolume = reader.open_source(place, key, resources, **given)
    except Exception as error:  # damaged files raise almost anything inside the decoders
        resources.close()
        if isinstance(error, InputError):
            raise
        raise unreadable(place.text, kind, error) from error
    return volume
