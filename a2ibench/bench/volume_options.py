"""The options of volumes that leave the bench and of those that come in."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.bench.input import input_dataset, local_stack
from a2ibench.bench.options import Option
from a2ibench.bench.shared_options import CATALOGUE, KEY, LEVEL, VOXEL_SIZE
from a2ibench.bench.specs import find_datasets
from a2ibench.contracts import DatasetSpec, Volume
from a2ibench.data.spacing import VoxelSize
from a2ibench.errors import InputError, OptionError
from a2ibench.registry.validation import check_name

NAME = "volume"
"""What a volume is called that is only scored."""


def _dataset(
    given: str | Path | DatasetSpec, catalogue: Path | None, voxel_size: VoxelSize | None, ratio: float | None
) -> DatasetSpec:
    if isinstance(given, DatasetSpec):
        return given
    if ratio is not None:
        return _stack(Path(given), voxel_size, ratio)
    if voxel_size is not None:
        raise OptionError("{voxel_size}: is about a stack; give {ratio}, too")
    if isinstance(given, Path):
        raise OptionError("{given} is a path; give {ratio}, too, or the name of a dataset", given=given)
    (spec,) = find_datasets([given], catalogue)
    return spec


def _stack(place: Path, voxel_size: VoxelSize | None, ratio: float) -> DatasetSpec:
    spec = input_dataset(local_stack(place), voxel_size, ratio, None, None, None, None)
    if spec is None:
        raise InputError(f"got {place}; give the path of a stack")
    return spec


def _ratio(ratio: float | None) -> float | None:
    if ratio is not None and not 1 < ratio < math.inf:
        raise InputError(f"ratio: got {ratio}; give a ratio above 1, such as 3")
    return ratio


def checked_name(name: str) -> str:
    """Return the name of a row, checked as those of methods are.

    Raises
    ------
    InputError
        If it cannot be one.
    """
    try:
        check_name(name)
    except ValueError as error:
        raise InputError(f"name: {name!r}: {error}") from None
    return name


def _seconds(seconds: float | None) -> float | None:
    if seconds is not None and not 0 <= seconds < math.inf:
        raise InputError(f"seconds: got {seconds}; give a number of seconds")
    return seconds


@dataclass(frozen=True, repr=False, eq=False)
class SimulateOptions:
    """What is made of a dataset; see `a2ibench.simulate`."""

    dataset: str | Path | DatasetSpec = Option(
        "Name of a dataset, or with {ratio} the path of an isotropic stack.",
        doc="Name of a dataset, its spec, or with `ratio` the path of an isotropic stack.",
        check=_dataset,
        needs=("catalogue", "voxel_size", "ratio"),
    ).default()
    _: KW_ONLY
    catalogue: str | Path | None = CATALOGUE.default()
    ratio: float | None = Option(
        "Take DATASET for the path of an isotropic stack, and degrade it at this ratio.",
        "RATIO",
        float,
        doc="Take `dataset` for the path of an isotropic stack, and degrade it at this ratio.",
        check=_ratio,
    ).default()
    voxel_size: str | VoxelSize | None = VOXEL_SIZE.default(
        help="Of a stack: nanometres, or with units as in 8nm,8nm,8nm; by default as its metadata say.",
        doc="Of a stack: (z, y, x) in nm, or with units; by default as its metadata say.",
    )


@dataclass(frozen=True, repr=False, eq=False)
class ScoreOptions:
    """What is scored, and where it is entered; see `a2ibench.score`."""

    volume: str | Path | NDArray[Any] | Volume = Option(
        "The finished volume.",
        doc="The finished volume: its file or folder, an array of grey levels (z, y, x), or a Volume.",
    ).default()
    dataset: str | DatasetSpec = Option(
        "Name of the dataset that it is a reconstruction of.",
        doc="Name of the dataset that it is a reconstruction of, or its spec.",
    ).default()
    _: KW_ONLY
    name: str | None = Option(
        "What the row is called.",
        "NAME",
        check=lambda name: None if name is None else checked_name(name),
    ).default()
    into: str | Path | None = Option(
        "Enter it as a row of this run.",
        "RUN",
        Path,
        doc="Folder of a run to enter it into, as a row.",
        check=lambda place: None if place is None else Path(place),
    ).default()
    software: str | None = Option("What made it, for the record and under the tables.", "TEXT").default()
    software_version: str | None = Option("Version of that software.", "TEXT").default()
    seconds: float | None = Option(
        "How long that took, as you measured it.", "SECONDS", float, check=_seconds
    ).default()
    catalogue: str | Path | None = CATALOGUE.default(
        help="A datasets.toml instead of the one that ships, or of the definitions that {into} has.",
    )
    key: str | None = KEY.default(help="Dataset or array within VOLUME, where it holds several.")
    level: int | None = LEVEL.default(help="Resolution of VOLUME, where it has several; 0, the finest.")
    allow_shift: bool = Option(
        "Score it also where it lies off the dataset's grid, which the record then tells.", type=bool
    ).default(False)


def as_array(volume: Any) -> NDArray[Any]:
    """Return an array of a volume's voxels.

    Raises
    ------
    InputError
        If it is not 3D or holds no real numbers.
    """
    data = np.asarray(volume)
    if data.ndim != 3 or data.dtype.kind not in "iuf":
        raise InputError(
            f"volume: got an array of shape {data.shape} and {data.dtype}; give (z, y, x) grey levels"
        )
    return data
