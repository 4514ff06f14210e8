"""What plugins and catalogues register, by name, before anything is imported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

API_VERSION = 1
REPORTER_API_VERSION = 2
BUCKETS = ("s3", "gs")
"""Schemes of links to volumes that lie in a public bucket."""
EVALUATIONS = ("in-plane", "reduced-resolution")
"""How a method can be scored without a reference."""
CHUNKED_FORMATS = ("precomputed", "n5", "zarr")
"""Formats of chunked volumes that stand in front of a link, as in Neuroglancer."""


@dataclass(frozen=True)
class _Spec:
    name: str
    target: str
    summary: str
    citation: str = ""
    api_version: int = API_VERSION


class MethodSpec(_Spec):
    """Names a method.

    Parameters
    ----------
    name : str
        What users call it: lower-case letters, digits, ``.``, ``_`` and ``-``.
    target : str
        ``"package.module:Class"``, so that listing it imports nothing heavy.
    summary : str
        What it is, in one line without a full stop.
    citation : str
        What to cite where it is used.
    api_version : int
        The contract that it keeps, `API_VERSION`.
    """


class DegradationSpec(_Spec):
    """Names a degradation, with the fields of a `MethodSpec`; `target` is the class of a `Degradation`."""


@dataclass(frozen=True)
class MetricSpec(_Spec):
    """Names a metric; `target` is the class of a `Metric`.

    Parameters
    ----------
    heading : str
        Of its column in tables; by default its name.
    unit : str
        Stands behind the heading.
    decimals : int or None
        How many tables show; by default four digits in all.
    allowed_drop : float or None
        How much worse a score may become before ``a2ibench compare`` calls it a regression, where the user
        states no limit; by default there is none.
    on_request : bool
        Whether runs score by it only where it, or ``all``, is asked for: one that takes long, or needs what
        few have.
    ranked : bool
        Whether tables rank methods by it; not where a better score need not be a better reconstruction.
    limit : float or None
        The worst score of a reconstruction that passes; tables note those that do not.
    in_tables : bool
        Whether tables for people show it; ``table.csv`` has every metric.
    """

    heading: str = ""
    unit: str = ""
    decimals: int | None = None
    allowed_drop: float | None = None
    on_request: bool = False
    ranked: bool = True
    limit: float | None = None
    in_tables: bool = True


@dataclass(frozen=True)
class ReporterSpec(_Spec):
    """Names a reporter; `target` is a function ``(run: Run) -> list[Path]`` that writes files.

    Version 1 of this contract, ``(run_folder: Path) -> list[Path]``, is no longer called.
    """

    api_version: int = REPORTER_API_VERSION


@dataclass(frozen=True)
class Simulation:
    """How to make the anisotropic input from an isotropic volume.

    Parameters
    ----------
    ratio : float
        Axial over lateral spacing of the input, at least 1.
    degradation : str
        Name of a registered degradation.
    options : mapping
        Of the degradation, by name.
    """

    ratio: float
    degradation: str = "slab-average"
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DatasetSpec:
    """One volume of a catalogue. Exactly one of `path`, `url`, `phantom` and `instructions` says where it is.

    A `url` of the schemes http and https is a file, or with `member` an archive. One that begins with s3://,
    gs://, or like Neuroglancer's with precomputed://, n5:// or zarr:// in front of a link, is a chunked
    volume, of which only `crop` is downloaded.

    Parameters
    ----------
    name, title, licence, citation : str
        For people.
    voxel_size : tuple of float
        As stored, nanometres, (z, y, x).
    path : Path or None
        A local file, or a folder of slices or chunks.
    url : str or None
        What to download.
    sha256 : str or None
        Checksum of the file, local or downloaded; of the archive where there is a `member`; of the voxels
        of `crop`, in C order (z, y, x) and little-endian, where `url` is a chunked volume; of the list of
        files where `path` is a folder.
    phantom : mapping or None
        Options of a function that generates the volume; by default that of the phantom. Another is named by
        the option ``target``, ``"package.module:function"``, so a plugin that registers a dataset brings its
        generator with it. It is called with `voxel_size` (nm) and the other options by their names, and
        returns uint8 (z, y, x). What it returns is kept in the cache; when the same options give another
        volume, ``GENERATOR_VERSION`` of its module rises (1 if there is none). If it takes ``size``, the
        volume has so many voxels along each side.
    instructions : str
        How to get the file by hand, where no public link exists.
    key : str or None
        Dataset within an HDF5 file, or array within a Zarr or N5 container.
    bin : int
        Mean-bin by this factor along every axis when opened.
    crop : tuple of (start, stop) or None
        Sub-volume in stored voxels, (z, y, x); the volume's first voxel is 0, whatever offset it states.
    intensity : tuple of float or None
        Values that map to 0 and 1; None for the dtype's range, or a float volume's min and max.
    simulate : Simulation or None
        Set where the stored volume is isotropic and serves as the reference.
    member : str or None
        File, or folder of slices, within the archive that `url` leads to.
    level : int or None
        Resolution of a multiscale volume, 0 (the default) the finest.
    fill_missing : bool
        Take chunks that are not there for the value that the metadata state; by default they are an error.
    evaluate : tuple of str or None
        How methods are scored without a reference, some of `EVALUATIONS`; by default ``"in-plane"`` where the
        volume has no reference, and nothing where it has one.
    labels : Path or bool
        Whether it is known what the voxels belong to: a file of whole numbers for the voxels as stored, 0
        being none of them, or True for those of the generator or, with `labels_key`, of the volume's own
        file. Those of a generator are returned by the function beside it whose name ends in ``_labels``,
        which is called with the same options.
    labels_key : str or None
        As `key`, of the labels.
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
    member: str | None = None
    level: int | None = None
    fill_missing: bool = False
    evaluate: tuple[str, ...] | None = None
    labels: Path | bool = False
    labels_key: str | None = None

    @property
    def chunked(self) -> bool:
        """Whether `url` is a remote volume of which only `crop` is downloaded."""
        return self.url is not None and self.url.partition("://")[0].lower() in (*BUCKETS, *CHUNKED_FORMATS)

    @property
    def local(self) -> bool:
        """Whether the volume needs no download."""
        return self.path is not None or self.generated

    @property
    def evaluations(self) -> tuple[str, ...]:
        """How methods are scored without a reference."""
        if self.evaluate is not None:
            return self.evaluate
        return EVALUATIONS[:1] if self.simulate is None else ()

    @property
    def generated(self) -> bool:
        """Whether a function makes the volume."""
        return self.phantom is not None
