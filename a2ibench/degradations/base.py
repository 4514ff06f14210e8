"""What degradation models share: noise(operator(artefacts(image))) on whole batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from a2ibench.contracts import AxialGrid, Degraded, Volume
from a2ibench.degradations.operators import slab_average
from a2ibench.settings import Configurable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class AxialDegradation(Configurable):
    """Degrades a batch along its rows: artefacts, then a linear operator, then noise.

    Subclasses override any of the three steps, or `__call__` as a whole. Every step works on the whole
    batch on its device and takes its random numbers from the generator that it is handed.
    """

    def __init__(self, **values: bool | float | str) -> None:
        super().__init__(**values)
        self._matrices: dict[tuple[object, ...], torch.Tensor] = {}

    def operator(self, grid: AxialGrid) -> NDArray[np.float64]:
        """Return the matrix (n_in, n_out) applied along the rows; by default the slab average."""
        return slab_average(grid)

    def artefacts(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return the isotropic images, (batch, 1, n_out, columns), with artefacts; by default unchanged."""
        return images

    def noise(
        self, images: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """Return the sampled images, (batch, 1, n_in, columns), with noise, and what was drawn."""
        return images, {}

    def nominal(self, volume: Volume) -> Mapping[str, torch.Tensor]:
        """Return the parameters that describe the given anisotropic volume; by default none."""
        return {}

    def __call__(self, images: torch.Tensor, grid: AxialGrid, generator: torch.Generator) -> Degraded:
        """Degrade images of intensities in [0, 1].

        Parameters
        ----------
        images : torch.Tensor, shape (batch, 1, n_out, columns)
            Isotropic images.
        grid : AxialGrid
            Grid of the rows.
        generator : torch.Generator
            Source of every random number, on the device of the images.

        Returns
        -------
        Degraded
            Images of shape (batch, 1, n_in, columns) and the parameters that were drawn.
        """
        sampled = torch.matmul(self.matrix(grid, images), self.artefacts(images, generator))
        return Degraded(*self.noise(sampled, generator))

    def matrix(self, grid: AxialGrid, like: torch.Tensor) -> torch.Tensor:
        """Return the operator as a tensor of the dtype and on the device of `like`, computed once."""
        key = (grid, like.dtype, like.device)
        if key not in self._matrices:
            self._matrices.clear()
            self._matrices[key] = torch.from_numpy(self.operator(grid)).to(like)
        return self._matrices[key]
