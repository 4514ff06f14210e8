"""The dataset of a run that is given as a file, without a catalogue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2ibench.contracts import DatasetSpec, Simulation, equal_laterally, is_isotropic
from a2ibench.data.bounds import Bounds
from a2ibench.data.spacing import VoxelSize, check_stored
from a2ibench.errors import InputError, OptionError

if TYPE_CHECKING:
    from a2ibench.data.formats import LazyVolume

_LONGEST = 60


def input_dataset(
    stack: Path | None,
    voxel_size: VoxelSize | None,
    simulate: float | None,
    key: str | None,
    level: int | None,
    crop: Bounds | None,
    intensity: Sequence[float] | None,
) -> DatasetSpec | None:
    """Return the dataset that a stack is, named after its file; None where no stack is given.

    Parameters
    ----------
    stack : Path, optional
        A local file or folder.
    voxel_size : tuple of float, optional
        (z, y, x) in nm; by default what the file tells.
    simulate : float, optional
        The ratio of the input that is made of an isotropic stack.
    key, level, crop, intensity
        As in a catalogue; ends of a crop may be None.

    Raises
    ------
    InputError
        If there is no such stack, or another option does not fit it.
    """
    told: dict[str, Any] = {"voxel_size": voxel_size, "simulate": simulate, "key": key, "level": level}
    told |= {"crop": crop, "intensity": intensity}
    if stack is None:
        for name, value in told.items():
            if value is not None:
                raise OptionError(f"{{{name}}}: is about a stack; give it with {{input}}")
        return None
    from a2ibench.data.formats import open_lazy

    with open_lazy(stack, key=key, level=level) as volume:
        spacing = _voxel_size(volume, voxel_size)
        _check_simulation(spacing, simulate, volume.source)
        bounds = None if crop is None else _whole_bounds(volume, crop)
    return DatasetSpec(
        name=dataset_name(stack),
        title=stack.name,
        path=stack,
        voxel_size=spacing,
        key=key,
        level=level,
        crop=bounds,
        intensity=None if intensity is None else (float(intensity[0]), float(intensity[1])),
        simulate=None if simulate is None else Simulation(simulate),
    )


def local_stack(place: str | Path | None) -> Path | None:
    """Return the absolute path of a stack.

    Raises
    ------
    InputError
        If it is an address, or nothing is there.
    """
    if place is None:
        return None
    if not isinstance(place, str | Path):
        raise InputError(f"input: got {type(place).__name__}; save it to a file and give its path")
    if "://" in str(place):
        raise InputError(
            f"input: got {place}; give a local file or folder, or a catalogue whose entry has the url"
        )
    path = Path(place).expanduser().absolute()
    if not path.exists():
        raise InputError(f"input: got {place}; there is no such file or folder")
    return path


def dataset_name(stack: Path) -> str:
    """Return the name of a dataset, which folders of jobs begin with: the file's, without its suffix."""
    stem = stack.name.partition(".")[0] or stack.name
    name = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:_LONGEST]
    return name or "input"


def with_input(given: DatasetSpec | None, others: Sequence[DatasetSpec]) -> tuple[DatasetSpec, ...]:
    """Return the stack that is given, if any, and other datasets.

    Raises
    ------
    InputError
        If one of them has the name of the stack.
    """
    if given is None:
        return tuple(others)
    if any(spec.name == given.name for spec in others):
        raise OptionError(
            "{input}: a dataset is called {name}, too; give the file another name, or leave that dataset out",
            name=given.name,
        )
    return given, *others


def _voxel_size(volume: LazyVolume, given: VoxelSize | None) -> VoxelSize:
    if given is not None:
        return equal_laterally(given, volume.source)
    if volume.voxel_size is None:
        raise OptionError(
            "{stack}: tells no voxel size; give {voxel_size:(Z, Y, X)} in nm", stack=volume.source
        )
    check_stored(volume.voxel_size, volume.source)
    return equal_laterally(volume.voxel_size, volume.source)


def _check_simulation(voxel_size: VoxelSize, simulate: float | None, name: str) -> None:
    shown = ", ".join(f"{value:g}" for value in voxel_size)
    if simulate is None and is_isotropic(voxel_size):
        raise OptionError(
            "{stack}: voxel size {shown} nm is isotropic, so there is nothing to reconstruct; give "
            "{simulate:3} to make an anisotropic input of it, at that ratio",
            stack=name,
            shown=shown,
        )
    if simulate is not None and not is_isotropic(voxel_size):
        raise OptionError(
            "{simulate}: {stack} is anisotropic, {shown} nm, and only isotropic stacks have a reference; "
            "leave {simulate} out",
            stack=name,
            shown=shown,
        )
    if voxel_size[0] < voxel_size[1] and not is_isotropic(voxel_size):
        raise InputError(
            f"{name}: voxel size {shown} nm is coarser laterally than axially; is the order z,y,x?"
        )


def _whole_bounds(volume: LazyVolume, crop: Bounds) -> Any:
    return tuple(
        (start or 0, size if stop is None else stop)
        for (start, stop), size in zip(crop, volume.shape, strict=True)
    )
