"""Datasets in HDF5 files, such as BigDataViewer's levels, and arrays that MATLAB saved with ``-v7.3``."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from a2ibench.data.formats import bigdataviewer
from a2ibench.data.formats.axes import agreed, assumed_axes, stated_axes
from a2ibench.data.formats.metadata import check_sizes, is_volume
from a2ibench.data.formats.missing import Filled, missing_chunks, nothing_there
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import FileArray, LazyVolume, check_chunk, check_dtype
from a2ibench.errors import InputError


def open_hdf5(
    source: Source,
    key: str | None,
    resources: ExitStack,
    *,
    level: int | None = None,
    fill_missing: bool = False,
) -> LazyVolume:
    """Open one 3D dataset; its axes are z, y, x unless its labels or axis tags state others.

    The voxel size is the attribute ``element_size_um`` or ``resolution`` (of CREMI, in nm), (z, y, x). Of
    BigDataViewer's files the levels are known, and the voxel size in the XML file beside it.

    Raises
    ------
    InputError
        If the file is damaged, or the dataset is missing, ambiguous, not 3D or incomplete.
    """
    file = _opened(source, resources)
    cells = bigdataviewer.find_cells(source.text, file, key, level)
    if cells is not None:
        key = cells.key
    elif level is not None:
        raise InputError(f"{source.text}: level is {level}, but it has one resolution only; remove it")
    key = _only_key(source.text, file) if key is None else _checked_key(source.text, file, key)
    dataset = file[key]
    where = f"{source.text}: {dataset.name}"
    check_dtype(dataset.dtype, where)
    _check_whole(source.text, dataset, fill_missing)
    names = _names(dataset, where)
    if "MATLAB_class" in dataset.attrs:
        # MATLAB's first axis, rows, varies fastest.
        names = (*names[:-3], "z", "x", "y")
    array: FileArray = dataset
    spacings = _voxel_size(dataset)
    if cells is not None:
        array = bigdataviewer.with_dtype(dataset, cells, where)
        spacings = bigdataviewer.voxel_size(source, file, cells) or spacings
    return LazyVolume(
        array,
        names,
        source=source.text,
        kind="HDF5",
        chunks=dataset.chunks or (1,) * (dataset.ndim - 2) + dataset.shape[-2:],
        voxel_size=spacings,
        key=key,
        level=None if cells is None else cells.level,
        resources=resources,
    )


def _opened(source: Source, resources: ExitStack) -> Any:
    """Return the file as h5py opens it; closed with the resources."""
    import h5py

    place = source.path or resources.enter_context(source.open())
    return resources.enter_context(h5py.File(place, "r"))


def _check_whole(where: str, dataset: Any, fill_missing: bool) -> None:
    """Accept datasets whose voxels are all there, in chunks that fit into memory."""
    check_sizes(dataset.shape, f"{where}: {dataset.name}")
    if dataset.is_virtual or dataset.external:
        raise InputError(
            f"{where}: {dataset.name}: its voxels lie in other files; give a file that holds them itself"
        )
    _check_filters(where, dataset)
    if dataset.chunks is not None:
        check_chunk(dataset.chunks, dataset.dtype, f"{where}: {dataset.name}")
        parts = (math.ceil(size / chunk) for size, chunk in zip(dataset.shape, dataset.chunks, strict=True))
        wanted, there = math.prod(parts), dataset.id.get_num_chunks()
    else:
        wanted, there = 1, int(dataset.id.get_storage_size() > 0)
    if there == wanted:
        return
    place, missing = f"{where}: {dataset.name}", f"{wanted - there} of {wanted} chunks are missing"
    if not fill_missing:
        raise missing_chunks(place, missing, "file")
    if there == 0:
        raise nothing_there(place)
    Filled(place, dataset.shape).read(0, there=True, said=missing)


def _check_filters(where: str, dataset: Any) -> None:
    import h5py

    properties = dataset.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        code, _, _, name = properties.get_filter(number)
        if not h5py.h5z.filter_avail(code):
            given = name.decode(errors="replace") or "unnamed"
            raise InputError(
                f"{where}: {dataset.name}: compression filter {code} ({given!r}) is not installed; set "
                "HDF5_PLUGIN_PATH to where it is, or store the dataset again with gzip"
            )


Shapes = Mapping[str, tuple[int, ...]]


def _volumes(file: Any) -> tuple[Shapes, Shapes]:
    """Return the shapes of the datasets that are volumes, and of others with as many axes."""
    import h5py

    volumes: dict[str, tuple[int, ...]] = {}
    others: dict[str, tuple[int, ...]] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.shape is not None and node.ndim >= 3:
            (volumes if _is_volume(node) else others)[name] = node.shape

    file.visititems(visit)
    return volumes, others


def _is_volume(dataset: Any) -> bool:
    return dataset.ndim == 3 or is_volume(assumed_axes(dataset.shape), dataset.shape)


def _listed(shapes: Shapes) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items()) or "none"


def _only_key(where: str, file: Any) -> str:
    """Return the name of the only 3D dataset."""
    volumes, others = _volumes(file)
    if not volumes and len(others) == 1:
        # What is wrong with its axes is told when it is opened.
        return next(iter(others))
    if len(volumes) != 1:
        rest = f"; of more axes: {_listed(others)}" if others and not volumes else ""
        raise InputError(f"{where}: give key, the 3D dataset to read; there are: {_listed(volumes)}{rest}")
    return next(iter(volumes))


def _checked_key(where: str, file: Any, key: str) -> str:
    """Return a name that leads to a dataset of at least 3 axes."""
    import h5py

    node = file.get(key)
    if not isinstance(node, h5py.Dataset) or node.shape is None or node.ndim < 3:
        problem = "does not exist" if node is None else "is not a 3D dataset"
        raise InputError(f"{where}: key {key!r} {problem}; 3D datasets: {_listed(_volumes(file)[0])}")
    return key


def _names(dataset: Any, where: str) -> tuple[str, ...]:
    labels = stated_axes([dimension.label for dimension in dataset.dims], dataset.ndim)
    return agreed((labels, _tagged(dataset)), where) or assumed_axes(dataset.shape)


def _tagged(dataset: Any) -> tuple[str, ...] | None:
    # Axis tags are ilastik's and vigra's.
    tags = dataset.attrs.get("axistags")
    if not isinstance(tags, str | bytes):
        return None
    try:
        return stated_axes([axis["key"] for axis in json.loads(tags)["axes"]], dataset.ndim)
    except (KeyError, TypeError, ValueError, RecursionError):
        return None


def _voxel_size(dataset: Any) -> tuple[float, ...] | None:
    import numpy as np

    for name, nanometres in (("element_size_um", 1000.0), ("resolution", 1.0)):
        try:
            spacings = np.asarray(dataset.attrs[name], dtype=float) * nanometres
            if spacings.shape == (3,):
                return tuple(spacings.tolist())
        except (KeyError, TypeError, ValueError, OSError):
            continue
    return None


def open_matlab(
    source: Source, key: str | None, resources: ExitStack, *, fill_missing: bool = False
) -> LazyVolume:
    """Open one 3D array; MATLAB's rows, columns and layers are y, x and z.

    Raises
    ------
    InputError
        If the file is of an older version, damaged, or holds no such array.
    """
    content = source.read(0, 128) or b""
    if content.startswith(b"MATLAB 5.0"):
        raise InputError(f"{source.text}: is a MATLAB 5 file; save it again with save(..., '-v7.3')")
    return open_hdf5(source, key, resources, fill_missing=fill_missing)
