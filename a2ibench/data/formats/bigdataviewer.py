"""BigDataViewer's layout of HDF5: time points, setups and levels, whose 16-bit voxels are unsigned."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from a2ibench.data.formats.metadata import VoxelSize, by_name, check_level
from a2ibench.data.formats.source import Source
from a2ibench.data.formats.volume import FileArray
from a2ibench.errors import InputError

_TIME, _SETUP = re.compile(r"t\d{5,}"), re.compile(r"s\d{2,}")
_KEY = re.compile(r"/?(t\d{5,})/(s\d{2,})(?:/(\d+)(?:/cells)?)?/?")


class Cells(NamedTuple):
    """One level of a setup at a time point.

    Parameters
    ----------
    key : str
        Of the dataset.
    setup : str
        Such as s00.
    level : int
        0 is the finest.
    declared : str or None
        The type of the voxels, where the setup states it.
    """

    key: str
    setup: str
    level: int
    declared: str | None


def find_cells(where: str, file: Any, key: str | None, level: int | None) -> Cells | None:
    """Return what to read of a file in this layout; None for other files, and for other datasets of it.

    Raises
    ------
    InputError
        If there is no such level, or several setups or time points and no key.
    """
    setups = [name for name in _named(file, _SETUP) if "resolutions" in file[name]]
    images = [
        f"{time}/{setup}"
        for time in _named(file, _TIME)
        for setup in _named(file[time], _SETUP)
        if f"{setup}/0/cells" in file[time]
    ]
    if not images or not setups:
        return None
    if key is None:
        if len(images) > 1:
            listed = ", ".join(images[:9])
            raise InputError(f"{where}: give key, the time point and setup to read; there are: {listed}")
        key = images[0]
    match = _KEY.fullmatch(key)
    if match is None or f"{match[1]}/{match[2]}" not in images:
        return None
    group = file[f"{match[1]}/{match[2]}"]
    count = sum(f"{name}/cells" in group for name in group if name.isdigit())
    if match[3] is not None and level is not None:
        raise InputError(f"{where}: level is {level}, but {key} is one array; remove it")
    number = int(match[3]) if match[3] is not None else level or 0
    check_level(number, count, where)
    declared = file[match[2]].attrs.get("dataType") if match[2] in file else None
    declared = declared.decode(errors="replace") if isinstance(declared, bytes) else declared
    return Cells(
        f"{match[1]}/{match[2]}/{number}/cells",
        match[2],
        number,
        None if declared is None else str(declared).lower(),
    )


def _named(group: Any, pattern: re.Pattern[str]) -> list[str]:
    return [name for name in group if pattern.fullmatch(name) and hasattr(group[name], "keys")]


def with_dtype(dataset: Any, cells: Cells, where: str) -> FileArray:
    """Return the dataset with the dtype that its bytes mean.

    BigDataViewer has no signed type of 16 bits unless the setup states one: HDF5 in Java had no unsigned one.

    Raises
    ------
    InputError
        If the setup states a type of another size.
    """
    wanted = cells.declared or ("uint16" if dataset.dtype == np.int16 else dataset.dtype.name)
    if wanted == dataset.dtype.name:
        array: FileArray = dataset
        return array
    try:
        dtype = np.dtype(wanted)
    except TypeError:
        dtype = np.dtype(np.void)
    if dtype.kind not in "iu" or dataset.dtype.kind not in "iu" or dtype.itemsize != dataset.dtype.itemsize:
        raise InputError(
            f"{where}: dtype is {dataset.dtype.name}, but its setup states {wanted!r}; correct dataType of "
            f"{cells.setup}"
        )
    return _Reinterpreted(dataset, dtype.newbyteorder(dataset.dtype.byteorder))


class _Reinterpreted:
    def __init__(self, dataset: Any, dtype: np.dtype[Any]) -> None:
        self._dataset, self.dtype = dataset, dtype
        self.shape: tuple[int, ...] = dataset.shape

    def __getitem__(self, block: tuple[slice, ...]) -> NDArray[Any]:
        voxels: NDArray[Any] = self._dataset[block]
        return voxels.view(self.dtype)


def voxel_size(source: Source, file: Any, cells: Cells) -> VoxelSize | None:
    """Return a level's voxel size in nm by the XML file of the same name; None where it does not tell."""
    parent, stem = source.parent, source.name.rpartition(".")[0]
    content = None if parent is None else (parent / f"{stem}.xml").read()
    if content is None:
        return None
    try:
        factors = [float(factor) for factor in file[f"{cells.setup}/resolutions"][cells.level]]
        stated = _stated_size(content.decode(), int(cells.setup[1:]))
        sizes = [float(size) * factor for size, factor in zip(stated["size"], factors, strict=True)]
        return by_name(("x", "y", "z"), sizes, [stated["unit"]] * 3)
    except (IndexError, KeyError, TypeError, ValueError, SyntaxError):  # of XML, too
        return None


def _stated_size(text: str, number: int) -> dict[str, Any]:
    import tifffile

    setups: Any = tifffile.xml2dict(text)["SpimData"]["SequenceDescription"]["ViewSetups"]["ViewSetup"]
    each = setups if isinstance(setups, list) else [setups]
    size = {int(one["id"]): one["voxelSize"] for one in each}[number]
    return {"unit": size["unit"], "size": str(size["size"]).split()}
