"""Opens the volumes of files and of catalogue entries, and tells how large they are."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import psutil
from numpy.typing import NDArray

from a2ibench.contracts import AxialGrid, DatasetSpec, Volume, equal_laterally, same_spacing
from a2ibench.data import prepare
from a2ibench.data.catalogue import naming_fields
from a2ibench.data.checksums import CROP_KEY
from a2ibench.data.fetch import fetch, local_file
from a2ibench.data.formats import LazyVolume, open_lazy
from a2ibench.data.formats.metadata import VoxelSize
from a2ibench.data.formats.volume import as_labels, native
from a2ibench.data.generators import generated, generated_labels, generated_shape
from a2ibench.data.intensity_range import find_levels
from a2ibench.data.spacing import implausible, voxel_size_of
from a2ibench.data.writing.layout import ZYX
from a2ibench.errors import InputError, printable

_logger = logging.getLogger("a2ibench")


def open_volume(
    path: str | Path,
    *,
    voxel_size: str | VoxelSize | None = None,
    key: str | None = None,
    level: int | None = None,
    intensity: tuple[float, float] | None = None,
    name: str | None = None,
    fill_missing: bool = False,
) -> Volume:
    """Read a whole volume from a file, a folder or an address, of any format that a2ibench reads.

    Parameters
    ----------
    path : str or Path
        The file or folder, or its address.
    voxel_size : tuple of float or str, optional
        (z, y, x) in nm, or with units as in ``"50nm,4.6nm,4.6nm"``; by default what the file's metadata say.
        Lateral spacings that differ by less than 1 % are averaged.
    key : str, optional
        Dataset within an HDF5 file, or array within a Zarr or N5 container; by default the only 3D one.
    level : int, optional
        The resolution to take where there are several, 0 (by default) the finest.
    intensity : tuple of float, optional
        Values that map to 0 and 1; by default the range of an 8-bit dtype, of 16-bit integers that of the
        fewest bits that hold all voxels, and a float volume's minimum and maximum. Contrast and padding are
        found within it, as `reconstruct_file` and benchmarks find them.
    name : str, optional
        Shown in messages; by default the file's name without suffix.
    fill_missing : bool
        Take chunks that are not there for the value that the metadata state for them; by default an error.

    Returns
    -------
    Volume
        In memory, C-contiguous, of native byte order; floats as float32.

    Raises
    ------
    InputError
        If the file cannot be read or holds no usable volume, or nobody tells the voxel size.
    """
    with open_lazy(path, key=key, level=level, fill_missing=fill_missing) as volume:
        spacing = volume.voxel_size if voxel_size is None else _given(voxel_size, name or _name(path))
        if spacing is None:
            raise InputError(
                f"{path}: tells no voxel size; give voxel_size (z, y, x) in nm, here or in the catalogue"
            )
        data = _whole(volume)
    problem = implausible(spacing) if voxel_size is None else None
    if problem is not None:
        _logger.warning("%s: its metadata tell a voxel size that in nm is %s", printable(str(path)), problem)
    return _volume(data, spacing, intensity, name or _name(path))


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
    if spec.generated:
        data = generated(spec, cache)
        if spec.crop is not None:
            data = prepare.cropped(data, spec.crop, spec.name)
    else:
        # Of a chunked volume nothing but the crop was downloaded.
        key, level, crop = (CROP_KEY, None, None) if spec.chunked else (spec.key, spec.level, spec.crop)
        file, fill = fetch(spec, cache=cache), spec.fill_missing and not spec.chunked
        with naming_fields(), open_lazy(file, key=key, level=level, fill_missing=fill) as volume:
            data = _whole(volume) if crop is None else prepare.cropped(volume, crop, spec.name)
    return _volume(data, spec.voxel_size, spec.intensity, spec.name, spec.bin)


def open_labels(spec: DatasetSpec, *, cache: Path | None = None) -> NDArray[Any]:
    """Open the labels of a dataset, cropped as its volume; of every `bin` voxels the middle one counts.

    Parameters
    ----------
    spec, cache
        As for `open_dataset`; the entry has labels.

    Returns
    -------
    ndarray of int, shape (z, y, x)
        Of the shape of the volume that `open_dataset` returns.

    Raises
    ------
    InputError
        If the file is missing, holds no whole numbers, or is of another shape than the volume as stored.
    """
    if spec.generated:
        labels = generated_labels(spec)
        crop = spec.crop
        labels = labels if crop is None else prepare.cropped(labels, crop, f"{spec.name}: labels")
        return prepare.middle_bin(labels, spec.bin)
    file = fetch(spec, cache=cache)
    own, level, crop = (CROP_KEY, None, None) if spec.chunked else (spec.key, spec.level, spec.crop)
    shape = file_shape(file, own, level)
    place = file if isinstance(spec.labels, bool) else spec.labels
    if not place.exists():
        raise InputError(f"[{spec.name}]: labels is {place}, which is no file; correct it in the catalogue")
    with as_labels(), open_lazy(place, key=spec.labels_key) as volume:
        if volume.shape != shape:
            raise InputError(
                f"{spec.name}: labels of shape {volume.shape} in {place}, but the volume has {shape}; "
                "give labels of its shape as stored"
            )
        labels = _whole(volume) if crop is None else prepare.cropped(volume, crop, spec.name)
    return prepare.middle_bin(labels, spec.bin)


def file_shape(
    path: str | Path, key: str | None = None, level: int | None = None, *, fill_missing: bool = False
) -> tuple[int, int, int]:
    """Return the voxels along (z, y, x) of a file's volume, without reading them.

    Raises
    ------
    InputError
        If there is no such file, its format is not known, or it holds no volume.
    """
    with open_lazy(path, key=key, level=level, fill_missing=fill_missing) as volume:
        return volume.shape


def _given(voxel_size: object, name: str) -> VoxelSize:
    try:
        return voxel_size_of(voxel_size)
    except InputError as error:
        raise InputError(f"{name}: voxel_size: {error}") from None


def _whole(volume: LazyVolume) -> NDArray[Any]:
    available = psutil.virtual_memory().available
    if volume.nbytes > available:
        raise InputError(
            f"{volume.source}: its voxels take {volume.nbytes / 2**30:.1f} GiB, but "
            f"{available / 2**30:.1f} GiB of memory are free; give a smaller volume or a coarser level"
        )
    return volume[:, :, :]


def _name(path: str | Path) -> str:
    name = str(path).rstrip("/\\").replace("\\", "/").rpartition("/")[2]
    return Path(name.partition("?")[0]).stem if "://" in str(path) else Path(path).stem


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
    if same_spacing(y, x):
        z, y, x = equal_laterally((z, y, x), name)
    spacing = (z * factor, y * factor, x * factor)
    if intensity is not None:
        lo, hi = _numbers(intensity, 2, f"{name}: intensity", "(low, high)")
        intensity = (lo, hi)
    prepare.check_shows(data, name)
    if intensity is not None:
        # It is checked before anything is found within it.
        Volume(data, spacing, intensity, name)
    found = find_levels(data, name, declared=intensity)
    return Volume(data, spacing, found.intensity, name, found.contrast, found.padding)


def _numbers(values: Iterable[float], count: int, what: str, meaning: str) -> tuple[float, ...]:
    try:
        numbers = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != count:
        raise InputError(f"{what} is {values!r}; give {count} numbers {meaning}")
    return numbers


class DatasetSize(NamedTuple):
    """Voxels along (z, y, x) of a method's input and of its reconstruction."""

    given: ZYX
    reconstructed: ZYX

    @property
    def voxels(self) -> int:
        """Number of reconstructed voxels."""
        return math.prod(self.reconstructed)


def dataset_size(spec: DatasetSpec) -> DatasetSize | None:
    """Return how large a dataset is; None where only a download or reading all of it would tell.

    Parameters
    ----------
    spec : DatasetSpec
        A crop tells its size, and so do the options of most generators; of a file that is there the header
        is read.
    """
    try:
        shape = _raw_shape(spec)
        if shape is None:
            return None
        z, y, x = (size // spec.bin for size in shape)
        ratio = max(2 * spec.voxel_size[0] / sum(spec.voxel_size[1:]), 1.0)
        if spec.simulate is not None:
            ratio = spec.simulate.ratio
            z = math.floor(z / ratio + 1e-9)
        return DatasetSize((z, y, x), (AxialGrid(z, ratio).n_out, y, x))
    except InputError:
        # What is wrong with it is told when it is opened.
        return None


def _raw_shape(spec: DatasetSpec) -> ZYX | None:
    if spec.crop is not None:
        z, y, x = (stop - start for start, stop in spec.crop)
        return z, y, x
    if spec.generated:
        return generated_shape(spec)
    file = local_file(spec)
    return None if file is None else file_shape(file, spec.key, spec.level, fill_missing=spec.fill_missing)
