"""Volumes of every format, written by the libraries of the field."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

SHAPE = (7, 21, 34)


def volume(dtype: str = "u1", shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    """Return voxels without zeros, so that no writer leaves a chunk out."""
    random = np.random.default_rng(0)
    if np.dtype(dtype).kind == "f":
        return random.normal(size=shape).astype(dtype) + 9
    return random.integers(1, np.iinfo(dtype).max, shape).astype(dtype)


def write_tiff(path: Path, data: np.ndarray) -> Path:
    import tifffile

    tifffile.imwrite(path / "a.tif", data, photometric="minisblack", compression="zlib")
    return path / "a.tif"


def write_folder(path: Path, data: np.ndarray) -> Path:
    import tifffile

    folder = path / "slices"
    folder.mkdir()
    for number, plane in enumerate(data):
        tifffile.imwrite(folder / f"slice{number + 7}.tif", plane, photometric="minisblack")
    return folder


def write_hdf5(path: Path, data: np.ndarray) -> Path:
    import h5py

    with h5py.File(path / "a.h5", "w") as file:
        file.create_dataset("volumes/raw", data=data, chunks=(2, 8, 8), compression="gzip")
    return path / "a.h5"


def write_mat(path: Path, data: np.ndarray) -> Path:
    """Write as MATLAB's -v7.3 does: a user block, and the array of y, x, z column by column."""
    import h5py

    with h5py.File(path / "a.mat", "w", userblock_size=512) as file:
        dataset = file.create_dataset("stack", data=data.transpose(0, 2, 1))
        dataset.attrs["MATLAB_class"] = np.bytes_("uint8")
    with (path / "a.mat").open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path / "a.mat"


def write_mrc(path: Path, data: np.ndarray) -> Path:
    import mrcfile

    with mrcfile.new(path / "a.mrc") as file:
        file.set_data(data.astype("u2") if data.dtype == np.uint8 else data)
    return path / "a.mrc"


def write_npy(path: Path, data: np.ndarray) -> Path:
    np.save(path / "a.npy", data)
    return path / "a.npy"


def write_zarr(path: Path, data: np.ndarray, version: int) -> Path:
    import zarr

    folder = path / f"v{version}.zarr"
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    group.create_array("raw", data=data, chunks=(2, 8, 8))
    return folder


def write_n5(path: Path, data: np.ndarray) -> Path:
    import tensorstore

    spec = {
        "driver": "n5",
        "kvstore": {"driver": "file", "path": f"{path}/a.n5/raw"},
        "metadata": {
            "dimensions": data.shape[::-1],
            "blockSize": (8, 8, 2),
            "dataType": data.dtype.name,
            "compression": {"type": "gzip"},
        },
    }
    tensorstore.open(spec, create=True).result().write(data.T).result()
    (path / "a.n5" / "attributes.json").write_text(json.dumps({"n5": "2.0.0"}))
    return path / "a.n5"


def write_precomputed(path: Path, data: np.ndarray) -> Path:
    import tensorstore

    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": f"{path}/precomputed/"},
        "multiscale_metadata": {"data_type": data.dtype.name, "num_channels": 1, "type": "image"},
        "scale_metadata": {
            "size": data.shape[::-1],
            "encoding": "raw",
            "chunk_size": (8, 8, 2),
            "resolution": (4, 5, 40),
            "voxel_offset": (10, 20, 30),
        },
    }
    tensorstore.open(spec, create=True).result().write(data.T[..., np.newaxis]).result()
    return path / "precomputed"


WRITERS: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "tiff": write_tiff,
    "folder": write_folder,
    "hdf5": write_hdf5,
    "mat": write_mat,
    "mrc": write_mrc,
    "npy": write_npy,
    "zarr2": functools.partial(write_zarr, version=2),
    "zarr3": functools.partial(write_zarr, version=3),
    "n5": write_n5,
    "precomputed": write_precomputed,
}
