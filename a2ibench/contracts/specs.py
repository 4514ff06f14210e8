"""What plugins and catalogues register, by name, before anything is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

API_VERSION = 1


@dataclass(frozen=True)
class _Spec:
    name: str
    target: str
    summary: str
    citation: str = ""
    api_version: int = API_VERSION


class MethodSpec(_Spec):
    """Names a method. `target` is ``"package.module:Class"``, so that listing it imports nothing heavy."""


class DegradationSpec(_Spec):
    """Names a degradation; `target` is the class of a `Degradation`."""


class MetricSpec(_Spec):
    """Names a metric; `target` is the class of a `Metric`."""


class ReporterSpec(_Spec):
    """Names a reporter; `target` is a function ``(run_folder: Path) -> list[Path]`` that writes files."""


@dataclass(frozen=True)
class Simulation:
    """How to make the anisotropic input from an isotropic volume."""

    ratio: float
    degradation: str = "slab-average"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetSpec:
    """One volume of a catalogue. Exactly one of `path`, `url`, `phantom` and `instructions` says where it is.

    Parameters
    ----------
    name, title, licence, citation : str
        For people.
    voxel_size : tuple of float
        As stored, nanometres, (z, y, x).
    path : Path or None
        A local file.
    url, sha256 : str or None
        A file to download, and its checksum (which may also guard a local file).
    phantom : mapping or None
        Options of the generated phantom.
    instructions : str
        How to get the file by hand, where no public link exists.
    key : str or None
        Dataset within an HDF5 file.
    bin : int
        Mean-bin by this factor along every axis when opened.
    crop : tuple of (start, stop) or None
        Sub-volume in stored voxels, (z, y, x).
    intensity : tuple of float or None
        Values that map to 0 and 1; None for the dtype's range, or a float volume's min and max.
    simulate : Simulation or None
        Set where the stored volume is isotropic and serves as the reference.
    """

    name: str
    title: str
    voxel_size: tuple[float, float, float]
    path: Path | None = None
    url: str | None = None
    sha256: str | None = None
    phantom: Mapping[str, Any] | None = None
    instructions: str = ""
    key: str | None = None
    bin: int = 1
    crop: tuple[tuple[int, int], tuple[int, int], tuple[int, int]] | None = None
    intensity: tuple[float, float] | None = None
    simulate: Simulation | None = None
    licence: str = ""
    citation: str = ""

    @property
    def local(self) -> bool:
        """Whether the volume needs no download."""
        return self.path is not None or self.phantom is not None
