"""Opens the volumes of files and of catalogue entries."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from a2ibench.contracts import DatasetSpec, Volume
from a2ibench.errors import InputError
from a2ibench.volumes import prepare
from a2ibench.volumes.fetch import fetch
from a2ibench.volumes.generated import generated
from a2ibench.volumes.stored import Stored, VoxelSize, native

# Each module has read(path, key) -> Stored, and shape(path, key).
_TIFF, _HDF5 = "a2ibench.volumes.tiff", "a2ibench.volumes.hdf5"
_BY_SUFFIX = {".tif": _TIFF, ".tiff": _TIFF, ".h5": _HDF5, ".hdf5": _HDF5, ".hdf": _HDF5}
# For downloads whose link does not end in a file name.
_BY_FIRST_BYTES = {b"\x89HDF": _HDF5, b"II*\0": _TIFF, b"MM\0*": _TIFF, b"II+\0": _TIFF, b"MM\0+": _TIFF}


def open_volume(
    path: str | Path,
    *,
    voxel_size: VoxelSize | None = None,
    key: str | None = None,
    intensity: tuple[float, float] | None = None,
    name: str | None = None,
) -> Volume:
    """Open a TIFF or HDF5 file.

    Parameters
    ----------
    path : str or Path
        The file.
    voxel_size : tuple of float, optional
        Nanometres, (z, y, x); by default what the file's metadata say.
    key : str, optional
        Dataset within an HDF5 file; by default the only 3D one.
    intensity : tuple of float, optional
        Values that map to 0 and 1; by default an integer dtype's range, or a float volume's min and max.
    name : str, optional
        Shown in messages; by default the file's name without suffix.

    Returns
    -------
    Volume
        In memory, C-contiguous, of native byte order; floats as float32.

    Raises
    ------
    InputError
        If the file cannot be read or holds no usable volume, or nobody tells the voxel size.
    """
    path = Path(path)
    stored = read_file(path, key)
    spacing = voxel_size or stored.voxel_size
    if spacing is None:
        raise InputError(
            f"{path}: tells no voxel size; give --voxel-size Z,Y,X in nm, or voxel_size in the catalogue"
        )
    return _volume(stored.data, spacing, intensity, name or path.stem)


def open_dataset(spec: DatasetSpec, *, cache: Path | None = None) -> Volume:
    """Open a dataset, cropped and binned as it states; download or generate it first where that is needed.

    Parameters
    ----------
    spec : DatasetSpec
        The catalogue's entry.
    cache : Path, optional
        Folder of downloads; by default ``A2IBENCH_CACHE``, or the user's cache folder.

    Returns
    -------
    Volume
        In memory, C-contiguous, of native byte order; floats as float32.

    Raises
    ------
    InputError
        If the file is missing, differs from its checksum, or holds no usable volume.
    DownloadError
        If it cannot be downloaded.
    """
    if spec.phantom is not None:
        data = generated(spec, cache)
    else:
        data = read_file(fetch(spec, cache=cache), spec.key).data
    if spec.crop is not None:
        data = prepare.crop(data, spec.crop, spec.name)
    return _volume(data, spec.voxel_size, spec.intensity, spec.name, spec.bin)


def read_file(path: Path, key: str | None = None) -> Stored:
    """Return what a file holds, read by the module for its suffix.

    Raises
    ------
    InputError
        If there is no such file, or its format is not known or not readable.
    """
    stored: Stored = _format(path).read(path, key)
    return stored


def file_shape(path: Path, key: str | None = None) -> tuple[int, int, int]:
    """Return the voxels along (z, y, x) of a file's volume, without reading them.

    Raises
    ------
    InputError
        If there is no such file, its format is not known, or it holds no volume.
    """
    shape: tuple[int, int, int] = _format(path).shape(path, key)
    return shape


def _format(path: Path) -> Any:
    if not path.is_file():
        problem = "is a folder; give one file" if path.is_dir() else "no such file; check the path"
        raise InputError(f"{path}: {problem}")
    module = _BY_SUFFIX.get(path.suffix.lower()) or _BY_FIRST_BYTES.get(_first_bytes(path))
    if module is None:
        raise InputError(f"{path}: unknown format; give a file that ends in {', '.join(_BY_SUFFIX)}")
    return importlib.import_module(module)


def _first_bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _volume(
    data: NDArray[Any],
    voxel_size: VoxelSize,
    intensity: tuple[float, float] | None,
    name: str,
    factor: int = 1,
) -> Volume:
    data = native(data)
    prepare.check_finite(data, name)
    data = prepare.mean_bin(data, factor, name)
    z, y, x = _numbers(voxel_size, 3, f"{name}: voxel_size", "(z, y, x) in nm")
    spacing = (z * factor, y * factor, x * factor)
    if intensity is not None:
        lo, hi = _numbers(intensity, 2, f"{name}: intensity", "(low, high)")
        intensity = (lo, hi)
    return Volume(data, spacing, prepare.intensity_range(data, intensity, name), name)


def _numbers(values: Iterable[float], count: int, what: str, meaning: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != count:
        raise InputError(f"{what} is {values!r}; give {count} numbers {meaning}")
    return numbers
