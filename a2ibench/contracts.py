"""What a plugin implements and what it is handed. Imports neither torch nor any other heavy library."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from a2ibench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

API_VERSION = 1
PROTOCOL_VERSION = 1


@dataclass(frozen=True, eq=False)
class Volume:
    """A grey-scale volume with its voxel size and the intensities that map to [0, 1].

    Parameters
    ----------
    data : array-like, shape (z, y, x)
        Voxels of any real dtype; may be lazy (indexable, with ``shape`` and ``dtype``).
    voxel_size : tuple of float
        Spacing in nanometres, (z, y, x).
    intensity : tuple of float
        The values (lo, hi) that map to 0 and 1.
    name : str
        Shown in messages.

    Raises
    ------
    InputError
        If the data are not 3D, or the voxel size or the intensity range make no sense.
    """

    data: Any
    voxel_size: tuple[float, float, float]
    intensity: tuple[float, float]
    name: str = "volume"

    def __post_init__(self) -> None:
        if len(self.data.shape) != 3:
            raise InputError(f"{self.name}: shape is {tuple(self.data.shape)}; give a 3D volume (z, y, x)")
        if min(self.data.shape) < 1:
            raise InputError(f"{self.name}: shape {tuple(self.data.shape)} holds no voxel")
        if len(self.voxel_size) != 3 or not all(math.isfinite(v) and v > 0 for v in self.voxel_size):
            raise InputError(
                f"{self.name}: voxel_size is {self.voxel_size}; give 3 positive numbers (z, y, x) in nm"
            )
        lo, hi = self.intensity
        if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
            raise InputError(
                f"{self.name}: intensity range is ({lo}, {hi}); give two finite numbers, low < high"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along (z, y, x)."""
        z, y, x = self.data.shape
        return int(z), int(y), int(x)

    @property
    def ratio(self) -> float:
        """Axial over lateral spacing.

        Raises
        ------
        InputError
            If the y and x spacings differ, or the ratio is below 1.
        """
        z, y, x = self.voxel_size
        if not math.isclose(y, x, rel_tol=1e-6):
            raise InputError(
                f"{self.name}: lateral spacings differ (y {y} nm, x {x} nm); resample to equal spacings first"
            )
        if z / y < 1 - 1e-6:
            raise InputError(
                f"{self.name}: axial spacing {z} nm is below lateral {y} nm; the ratio must be at least 1"
            )
        return max(z / y, 1.0)

    def crop(self, z: slice, y: slice, x: slice) -> Volume:
        """Return the sub-volume, with the same intensity range."""
        return replace(self, data=self.data[z, y, x])


@dataclass(frozen=True)
class AxialGrid:
    """Where output slices lie between input slices along the axial direction.

    Input slice i covers [i * ratio, (i + 1) * ratio) of the output axis; output slice k sits at input
    position (k + 0.5) / ratio - 0.5 (half-pixel centres). The ratio given is the ratio used.

    Parameters
    ----------
    n_in : int
        Number of input slices.
    ratio : float
        Axial over lateral spacing, at least 1; need not be an integer.
    n_out : int, optional
        Number of output slices; by default ``round(n_in * ratio)``.
    first_out : int
        For a block: index, in the whole output, of this grid's first output slice.
    first_in : int
        For a block: index, in the whole input, of this grid's first input slice.

    Raises
    ------
    InputError
        If there is no slice or the ratio is below 1 or not finite.
    """

    n_in: int
    ratio: float
    n_out: int = -1
    first_out: int = 0
    first_in: int = 0

    def __post_init__(self) -> None:
        if self.n_in < 1:
            raise InputError(f"axial grid: {self.n_in} input slices; give at least 1")
        if not (math.isfinite(self.ratio) and self.ratio >= 1):
            raise InputError(f"axial grid: ratio is {self.ratio}; give a finite number of at least 1")
        if self.n_out < 0:
            object.__setattr__(self, "n_out", round(self.n_in * self.ratio))

    @property
    def positions(self) -> NDArray[np.float64]:
        """Input-slice coordinates of the output slices, shape (n_out,), relative to the first input slice."""
        import numpy as np

        k = self.first_out + np.arange(self.n_out, dtype=np.float64)
        return (k + 0.5) / self.ratio - 0.5 - self.first_in

    def covering(self, multiple: int = 1) -> AxialGrid:
        """Return the grid of all output slices whose centres lie within this block's input slices.

        The first output slice is rounded up to a `multiple`, so that networks which cut planes into
        windows cut a block where they would cut the whole. Never smaller than the wanted slices.
        """
        first = math.ceil(self.first_in * self.ratio - 0.5)
        first = min(multiple * math.ceil(first / multiple), self.first_out)
        end = max(math.ceil((self.first_in + self.n_in) * self.ratio - 0.5), self.first_out + self.n_out)
        return replace(self, first_out=first, n_out=end - first)

    def block(self, first_out: int, n_out: int, halo: int) -> AxialGrid:
        """Return the grid of `n_out` output slices from `first_out`, with `halo` input slices around them."""
        start = math.floor((first_out + 0.5) / self.ratio) - halo
        end = math.floor((first_out + n_out - 0.5) / self.ratio) + 1 + halo
        start, end = max(start, 0), min(end, self.n_in)
        return AxialGrid(end - start, self.ratio, n_out, first_out, start)


@dataclass(frozen=True)
class Budget:
    """How long a learned method may train: a number of steps, or of seconds."""

    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        given = self.seconds if self.steps is None else self.steps
        if (self.steps is None) == (self.seconds is None) or not given or not 0 < given < math.inf:
            raise InputError(
                f"budget: got {self}; give a positive number of steps (2000steps) or seconds (300s)"
            )

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``"2000steps"`` or ``"300s"``."""
        try:
            if text.endswith("steps"):
                return cls(steps=int(text.removesuffix("steps")))
            if text.endswith("s"):
                return cls(seconds=float(text.removesuffix("s")))
        except ValueError:
            pass
        raise InputError(f"budget: got {text!r}; give steps as 2000steps or seconds as 300s")

    def __str__(self) -> str:
        return f"{self.steps}steps" if self.steps is not None else f"{self.seconds:g}s"


class Progress(Protocol):
    """Told how far a phase has come."""

    def __call__(self, phase: str, done: float, total: float, **values: float) -> None:
        """Report `done` of `total` units of `phase`; `values` are shown beside it, such as the loss."""


def silent(phase: str, done: float, total: float, **values: float) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class Context:
    """What a method may know about the run it is in.

    Parameters
    ----------
    seed : int
        Seed of every random draw.
    device : str
        ``"cpu"`` or ``"cuda"``.
    precision : str
        ``"fp32"``, ``"bf16"`` or ``"auto"``.
    size : str
        ``"tiny"``, ``"small"`` or ``"full"``: which network to build.
    budget : Budget
        How long to train.
    batch, patch : int
        Patches a step, and voxels along a patch's side.
    progress : Progress
        To call now and then.
    workdir : Path or None
        A folder of this job's own, for logs; None where nothing should be written.
    """

    seed: int = 0
    device: str = "cpu"
    precision: str = "auto"
    size: str = "small"
    budget: Budget = field(default_factory=lambda: Budget(steps=400))
    batch: int = 16
    patch: int = 48
    progress: Progress = silent
    workdir: Path | None = None


@runtime_checkable
class Method(Protocol):
    """Reconstructs an isotropic volume from an anisotropic one.

    Optional members: ``skip(volume) -> str | None`` (a reason not to run), ``configuration() -> dict``
    (resolved settings, for the record), ``parameters() -> int`` (trained numbers), ``align`` (an int:
    lateral block starts are multiples of it).
    """

    halo: tuple[int, int]
    """Input slices and lateral voxels wanted around a block."""

    def fit(self, volume: Volume, ctx: Context) -> None:
        """Learn from the anisotropic volume alone."""

    def reconstruct(self, volume: Volume, grid: AxialGrid, ctx: Context) -> NDArray[np.float32]:
        """Return float32 (grid.n_out, y, x), where ``volume.intensity`` maps to [0, 1]."""

    def save(self, path: Path) -> None:
        """Write what `fit` learnt into the folder `path`."""

    def load(self, path: Path) -> None:
        """Read what `save` wrote."""


@dataclass(frozen=True)
class Degraded:
    """A degraded batch and the parameters that were drawn for it.

    Parameters
    ----------
    image : torch.Tensor, shape (batch, 1, rows, columns)
        Degraded along the rows.
    parameters : mapping of str to torch.Tensor, shape (batch, n)
        What was drawn, one row for each image.
    """

    image: torch.Tensor
    parameters: Mapping[str, torch.Tensor] = field(default_factory=dict)

    def maps(self) -> torch.Tensor:
        """Return all parameters as constant maps, shape (batch, sum of n, rows, columns)."""
        import torch

        rows, columns = self.image.shape[-2:]
        flat = torch.cat([p.to(self.image) for p in self.parameters.values()], dim=1)
        return flat[:, :, None, None].expand(-1, -1, rows, columns)


@runtime_checkable
class Degradation(Protocol):
    """Turns isotropic images into anisotropic ones: noise(operator(image))."""

    def operator(self, grid: AxialGrid) -> NDArray[np.float64]:
        """Return the matrix (n_in, n_out) that samples the input slices from the output slices."""

    def __call__(self, images: torch.Tensor, grid: AxialGrid, generator: torch.Generator) -> Degraded:
        """Degrade intensities in [0, 1], shape (batch, 1, n_out, columns), along the rows to n_in rows."""

    def nominal(self, volume: Volume) -> Mapping[str, torch.Tensor]:
        """Return the parameters, each of shape (1, n), that describe the given anisotropic volume."""


@runtime_checkable
class Metric(Protocol):
    """Scores a reconstruction.

    Optional member: ``per_slice`` with the same arguments, returning one array of values per plane family.
    """

    name: str
    version: int
    higher_is_better: bool
    needs_reference: bool

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return one number for volumes (z, y, x); NaN where the metric is not defined for the shape."""


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
