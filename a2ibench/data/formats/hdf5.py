"""Datasets in HDF5 files, and arrays that MATLAB saved with ``-v7.3``."""

from __future__ import annotations

import json
import math
from contextlib import ExitStack
from typing import Any

from a2ibench.data.formats.metadata import assumed_axes, check_sizes, is_volume, named_axes
from a2ibench.data.formats.missing import Filled, missing_chunks, nothing_there
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import LazyVolume, check_chunk, check_dtype
from a2ibench.errors import InputError


def open_hdf5(
    source: Source, key: str | None, resources: ExitStack, *, fill_missing: bool = False
) -> LazyVolume:
    """Open one 3D dataset; its axes are z, y, x unless its labels or axis tags state others.

    The voxel size is the attribute ``element_size_um`` or ``resolution`` (of CREMI, in nm), (z, y, x).

    Raises
    ------
    InputError
        If the file is damaged, or the dataset is missing, ambiguous, not 3D or incomplete.
    """
    file = _opened(source, resources)
    key = _only_key(source.text, file) if key is None else _checked_key(source.text, file, key)
    dataset = file[key]
    check_dtype(dataset.dtype, f"{source.text}: {dataset.name}")
    _check_whole(source.text, dataset, fill_missing)
    names = _names(dataset)
    if "MATLAB_class" in dataset.attrs:
        # MATLAB's first axis, rows, varies fastest.
        names = (*names[:-3], "z", "x", "y")
    return LazyVolume(
        dataset,
        names,
        source=source.text,
        kind="HDF5",
        chunks=dataset.chunks or (1,) * (dataset.ndim - 2) + dataset.shape[-2:],
        voxel_size=_voxel_size(dataset),
        key=key,
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


def _volumes(file: Any) -> dict[str, tuple[int, ...]]:
    import h5py

    found: dict[str, tuple[int, ...]] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and _is_volume(node):
            found[name] = node.shape

    file.visititems(visit)
    return found


def _is_volume(dataset: Any) -> bool:
    if dataset.shape is None or dataset.ndim < 3:
        return False
    return dataset.ndim == 3 or is_volume(_names(dataset), dataset.shape)


def _listed(file: Any) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in _volumes(file).items()) or "none"


def _only_key(where: str, file: Any) -> str:
    """Return the name of the only 3D dataset."""
    volumes = list(_volumes(file))
    if len(volumes) != 1:
        raise InputError(f"{where}: give key, the 3D dataset to read; there are: {_listed(file)}")
    return volumes[0]


def _checked_key(where: str, file: Any, key: str) -> str:
    """Return a name that leads to a dataset of at least 3 axes."""
    import h5py

    node = file.get(key)
    if not isinstance(node, h5py.Dataset) or node.shape is None or node.ndim < 3:
        problem = "does not exist" if node is None else "is not a 3D dataset"
        raise InputError(f"{where}: key {key!r} {problem}; 3D datasets: {_listed(file)}")
    return key


def _names(dataset: Any) -> tuple[str, ...]:
    # Axis tags are ilastik's and vigra's.
    stated = named_axes([dimension.label for dimension in dataset.dims], dataset.ndim)
    if stated is None and isinstance(tags := dataset.attrs.get("axistags"), str | bytes):
        try:
            stated = named_axes([axis["key"] for axis in json.loads(tags)["axes"]], dataset.ndim)
        except (KeyError, TypeError, ValueError, RecursionError):
            stated = None
    return stated or assumed_axes(dataset.ndim)


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
