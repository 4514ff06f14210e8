"""What the classes of plugins implement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from a2ibench.contracts.context import Context
from a2ibench.contracts.grid import AxialGrid
from a2ibench.contracts.volume import Volume

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray


@runtime_checkable
class Method(Protocol):
    """Reconstructs an isotropic volume from an anisotropic one.

    Optional members: ``skip(volume) -> str | None`` (a reason not to run), ``configuration() -> dict``
    (resolved settings, for the record), ``parameters() -> int`` (trained numbers), ``macs_per_voxel() ->
    float`` (multiply-adds per output voxel), ``precision_used(ctx) -> str`` (what the fitted method runs in,
    such as ``"bf16"`` where ``ctx.precision`` is ``"auto"``), ``align`` (an int: lateral block starts are
    multiples of it), ``fits(shape) -> bool`` (whether it can be asked for (z, y, x) output voxels at once,
    halo included), ``trains`` (False where `fit` loads weights that came with the method and trains nothing),
    ``reconstruct_planes(volume, grid, ctx)`` (does what `reconstruct` does to each xz plane by itself, since
    planes may be no neighbours: for in-plane validation), ``reconstruct_with_disagreement(volume, grid,
    ctx)`` (what `reconstruct` returns, and how far its plane families are apart, float32 of the same shape),
    ``trained_on`` (a mapping of names to one or several SHA-256, of files or of voxels, that weights which
    came with the method have seen: its rows are marked and not ranked, and these volumes are refused).
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
    positions : torch.Tensor of float64, shape (n_out,), or None
        Where the rows that a network has to make lie, in rows of the image; None where it restores those that
        the image has.
    """

    image: torch.Tensor
    parameters: Mapping[str, torch.Tensor] = field(default_factory=dict)
    positions: torch.Tensor | None = None

    @property
    def wanted(self) -> tuple[int, ...]:
        """Shape of what a network has to make of the batch."""
        batch, channels, rows, columns = self.image.shape
        return batch, channels, rows if self.positions is None else len(self.positions), columns

    def maps(self) -> torch.Tensor:
        """Return all parameters as constant maps, shape (batch, sum of n, rows, columns)."""
        import torch

        rows, columns = self.image.shape[-2:]
        flat = torch.cat([p.to(self.image) for p in self.parameters.values()], dim=1)
        return flat[:, :, None, None].expand(-1, -1, rows, columns)


@runtime_checkable
class Degradation(Protocol):
    """Turns isotropic images into anisotropic ones: noise(operator(image)).

    Optional member: ``estimated(volume) -> dict`` (settings of it, such as the width of a blur, that it finds
    in an anisotropic volume; whatever trains on the volume builds the model with them).
    """

    def operator(self, grid: AxialGrid) -> NDArray[np.float64]:
        """Return the matrix (n_in, n_out) that samples the input slices from the output slices."""

    def __call__(self, images: torch.Tensor, grid: AxialGrid, generator: torch.Generator) -> Degraded:
        """Degrade intensities in [0, 1], shape (batch, 1, n_out, columns), along the rows to n_in rows."""

    def nominal(self, volume: Volume) -> Mapping[str, torch.Tensor]:
        """Return the parameters, each of shape (1, n), that describe the given anisotropic volume."""


@dataclass(frozen=True)
class HeldOut:
    """Lateral planes that a method has not trained on, degraded as the axial direction is and restored by it.

    Parameters
    ----------
    prediction : ndarray, shape (n_out, planes, columns)
        The restored planes side by side, in grey levels; rows lie along the direction that was degraded.
    reference : ndarray, shape (n_out, planes, columns)
        The same planes as they were acquired.
    """

    prediction: NDArray[Any]
    reference: NDArray[Any]


@dataclass(frozen=True)
class ScoreContext:
    """All that a metric may know of a reconstruction.

    Parameters
    ----------
    prediction : ndarray, shape (z, y, x)
        The reconstruction, in grey levels; read-only, as are the others.
    reference : ndarray, shape (z, y, x), or None
        The volume that the input was made from, of the same dtype; None where the input was acquired.
    data_range : float
        Width of the intensity range, in grey levels.
    voxel_size : tuple of float
        Spacing of the prediction in nm, (z, y, x).
    input : Volume, shape (n_in, y, x)
        The anisotropic volume that the method was handed, with its voxel size, limited to the same grey
        levels as the prediction.
    ratio : float
        Axial over lateral spacing of the input.
    degradation : str or None
        How the input was made from the reference, as `a2ibench.build_degradation` takes it; None where it
        was acquired.
    labels : ndarray, shape (z, y, x), or None
        What the voxels of the prediction belong to, 0 being none of it; None where the dataset has no labels.
    held_out : HeldOut or None
        None where no planes were held out, or the method cannot restore them.
    reduced : HeldOut or None
        The slices that were acquired, and what became of them from averages of pairs, shape (z, y, x); None
        where that was not tried.
    disagreement : ndarray, shape (z, y, x), or None
        How far the two families of axial planes are apart, in grey levels; None where the method does not
        tell.
    """

    prediction: NDArray[Any]
    reference: NDArray[Any] | None
    data_range: float
    voxel_size: tuple[float, float, float]
    input: Volume
    ratio: float
    degradation: str | None = None
    labels: NDArray[Any] | None = None
    held_out: HeldOut | None = None
    reduced: HeldOut | None = None
    disagreement: NDArray[Any] | None = None


@dataclass(frozen=True, eq=False)
class Curve:
    """What a metric found along an axis, such as a correlation by spatial frequency.

    Parameters
    ----------
    x : ndarray, shape (n,)
        Where, ascending and finite, such as frequencies in cycles/nm.
    y : ndarray, shape (n,)
        What; NaN where it is not defined.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]


@runtime_checkable
class Metric(Protocol):
    """Scores a reconstruction.

    Optional members: ``per_slice`` with the same arguments as the call, returning by family one value for
    each slice; ``score(context)``, for a metric that needs more than two volumes, is handed a `ScoreContext`
    and called in place of the metric itself. A metric that has it need not be callable, and its ``per_slice``
    may take the context, too; then the slices may be those of `HeldOut`. ``uses_labels`` (True where it looks
    at `ScoreContext.labels`, which are opened for such a metric alone). ``curves(context)``, for a metric
    whose value is read off curves, returns these by name, each a `Curve`; a run keeps them beside the value.

    A metric may be `Configurable`: a run is given its settings as those of methods are. ``check_settings()``
    is then called before a run starts, where the metric runs on request or is given settings, and raises an
    `InputError` where it could not score with those that it has, as where a file is missing.
    """

    name: str
    version: int
    higher_is_better: bool
    needs_reference: bool

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return one number for volumes (z, y, x); NaN where the metric is not defined for the shape."""
