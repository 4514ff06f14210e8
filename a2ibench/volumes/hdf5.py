"""Datasets in HDF5 files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from a2ibench.errors import InputError
from a2ibench.volumes.stored import Stored, VoxelSize, check_dtype, unreadable


def read(path: Path, key: str | None) -> Stored:
    """Read one 3D dataset, and its `element_size_um` attribute where there is one.

    Parameters
    ----------
    path : Path
        The file.
    key : str or None
        The dataset's name; None takes the only 3D dataset.

    Raises
    ------
    InputError
        If the file is damaged, the dataset is missing, ambiguous or not 3D; lists the 3D datasets.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            dataset = file[_only_key(path, file) if key is None else _checked_key(path, file, key)]
            check_dtype(dataset.dtype, f"{path}: {dataset.name}")
            return Stored(dataset[()], _voxel_size(dataset))
    except Exception as error:  # damaged files raise almost anything inside h5py
        raise unreadable(path, "HDF5", error) from error


def shape(path: Path, key: str | None) -> tuple[int, int, int]:
    """Return the voxels along (z, y, x) of the dataset that `read` would read, without reading any.

    Raises
    ------
    InputError
        If the file is damaged, or the dataset is missing, ambiguous or not 3D.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            z, y, x = file[_only_key(path, file) if key is None else _checked_key(path, file, key)].shape
            return int(z), int(y), int(x)
    except Exception as error:  # damaged files raise almost anything inside h5py
        raise unreadable(path, "HDF5", error) from error


def _volumes(file: Any) -> dict[str, tuple[int, ...]]:
    import h5py

    found: dict[str, tuple[int, ...]] = {}

    def visit(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset) and node.ndim == 3:
            found[name] = node.shape

    file.visititems(visit)
    return found


def _listed(file: Any) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in _volumes(file).items()) or "none"


def _only_key(path: Path, file: Any) -> str:
    volumes = list(_volumes(file))
    if len(volumes) != 1:
        raise InputError(f"{path}: give key, the 3D dataset to read; there are: {_listed(file)}")
    return volumes[0]


def _checked_key(path: Path, file: Any, key: str) -> str:
    import h5py

    node = file.get(key)
    if not isinstance(node, h5py.Dataset) or node.ndim != 3:
        problem = "does not exist" if node is None else "is not a 3D dataset"
        raise InputError(f"{path}: key {key!r} {problem}; 3D datasets: {_listed(file)}")
    return key


def _voxel_size(dataset: Any) -> VoxelSize | None:
    import numpy as np

    try:
        z, y, x = np.asarray(dataset.attrs["element_size_um"], dtype=float) * 1000
    except (KeyError, TypeError, ValueError):
        return None
    spacings = (float(z), float(y), float(x))
    return spacings if all(np.isfinite(v) and v > 0 for v in spacings) else None
