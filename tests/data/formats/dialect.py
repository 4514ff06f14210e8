"""What a dialect of a format is for the list of them: a way to make it, and what has to come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

VoxelSize = tuple[float, float, float]

VOXELS = np.random.default_rng(15).integers(1, 255, (6, 16, 24)).astype(np.uint8)
DEEP = np.random.default_rng(16).integers(1, 4095, (6, 16, 24)).astype(np.uint16)
FLOATS = np.random.default_rng(17).normal(size=(6, 16, 24)).astype(np.float32)
HALF = VOXELS[:, ::2, ::2]
NM: VoxelSize = (40.0, 5.0, 4.0)
GREY = {"photometric": "minisblack"}


@dataclass(frozen=True)
class Dialect:
    """One kind of file or folder, and what is right when it is opened.

    Attributes
    ----------
    format, name : str
        What the table calls it.
    make : callable
        Writes it into a folder, with a library of the field where one does; returns the path to open.
    voxels : ndarray
        What has to be read, (z, y, x).
    size : tuple of float, optional
        The voxel size that the file states, nm; None where it states none.
    refused : str
        The line of the refusal instead, with paths from the folder on; empty where it is read.
    warned : str
        The line of the warning that it is read with.
    options : mapping
        Of `a2ibench.data.formats.open_lazy`.
    needs : str
        A module that opening it takes.
    """

    format: str
    name: str
    make: Callable[[Path], Path]
    voxels: np.ndarray = field(default_factory=lambda: VOXELS, repr=False)
    size: VoxelSize | None = None
    refused: str = ""
    warned: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: str = "numpy"

    @property
    def outcome(self) -> str:
        """What the table says of it."""
        if self.refused:
            return f"refused: `{self.refused}`"
        return f"read, with the warning `{self.warned}`" if self.warned else "read"

    @property
    def stated(self) -> str:
        """Where the voxel size comes from, as the table says it."""
        if self.refused:
            return "-"
        return "to be given" if self.size is None else "from the file"


@dataclass(frozen=True)
class Output:
    """One kind of output, and what opens it.

    Attributes
    ----------
    suffix, name, holds, opened_by : str
        What the table says: the end of the name, the dialect, what is in the file, and the programs.
    dtypes : tuple of str
        What is written.
    read : callable
        Opens it with those programs; yields voxels and the voxel size in nm of each.
    ome_version : str, optional
        Of `a2ibench.data.writing.create`.
    """

    suffix: str
    name: str
    holds: str
    opened_by: str
    dtypes: tuple[str, ...]
    read: Callable[[Path], list[tuple[np.ndarray, VoxelSize]]] = field(repr=False)
    ome_version: str | None = None


def made(write: Callable[[Path], object], name: str) -> Callable[[Path], Path]:
    """Return what hands a path of that name to a writer, and returns the path."""

    def make(folder: Path) -> Path:
        write(folder / name)
        return folder / name

    return make
