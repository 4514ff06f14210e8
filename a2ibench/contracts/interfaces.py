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
    halo included), ``trains`` (False where `fit` loads weights that came with the method and trains nothing).
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
        What the voxels of the prediction belong to. None where the dataset has no labels, as none has that a
        catalogue can describe today.
    """

    prediction: NDArray[Any]
    reference: NDArray[Any] | None
    data_range: float
    voxel_size: tuple[float, float, float]
    input: Volume
    ratio: float
    degradation: str | None = None
    labels: NDArray[Any] | None = None


@runtime_checkable
class Metric(Protocol):
    """Scores a reconstruction.

    Optional members: ``per_slice`` with the same arguments as the call, returning by family one value for
    each slice; ``score(context)``, for a metric that needs more than two volumes, is handed a `ScoreContext`
    and called in place of the metric itself. A metric that has it need not be callable.
    """

    name: str
    version: int
    higher_is_better: bool
    needs_reference: bool

    def __call__(self, prediction: NDArray[Any], reference: NDArray[Any] | None, data_range: float) -> float:
        """Return one number for volumes (z, y, x); NaN where the metric is not defined for the shape."""
