"""What the checks of one degradation degrade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from a2ibench.contracts import AxialGrid
from a2ibench.registry import host
from a2ibench.testing.check import CheckFailed, CheckSkipped
from a2ibench.testing.description import Registration

if TYPE_CHECKING:
    import torch

WHOLE: Final = AxialGrid(8, 3.0)
# 5 slices at 2.5 make 12.5, which Python rounds to 12 and others to 13.
FRACTIONAL: Final = (AxialGrid(9, 10 / 3), AxialGrid(5, 2.5))
BATCH: Final = 3
COLUMNS: Final = 11


@dataclass
class Trial(Registration):
    """One degradation on trial."""

    def build(self) -> Any:
        """Return a new model with its default settings."""
        return host().build("degradation", self.spec.name)

    def images(self, grid: AxialGrid = WHOLE, batch: int = BATCH, seed: int = 0) -> torch.Tensor:
        """Return smooth random images of intensities in [0, 1], shape (batch, 1, grid.n_out, COLUMNS)."""
        import torch
        from torch.nn import functional as F

        generator = torch.Generator().manual_seed(seed)
        white = torch.rand(batch, 1, grid.n_out + 4, COLUMNS + 4, generator=generator)
        return F.avg_pool2d(white, 5, stride=1).to(self.device)

    def degrade(
        self, images: torch.Tensor, grid: AxialGrid = WHOLE, seed: int = 0
    ) -> tuple[Any, torch.Generator]:
        """Return what a new model makes of images with a seed, and the generator after it."""
        import torch

        generator = torch.Generator(images.device).manual_seed(seed)
        return self.build()(images, grid, generator), generator

    def need(self, images: torch.Tensor, grid: AxialGrid = WHOLE, seed: int = 0) -> Any:
        """Return images degraded, and skip the check that asks where that fails or gives something else."""
        try:
            degraded, _ = self.degrade(images, grid, seed)
            check_output(degraded, images, grid)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise CheckSkipped("needs degraded images, see output") from error
        return degraded


def check_output(degraded: Any, images: torch.Tensor, grid: AxialGrid) -> None:
    """Check that what a model returned is a `Degraded` of the wanted shape, without NaN.

    Raises
    ------
    CheckFailed
        If it is not.
    """
    import torch

    image, parameters = getattr(degraded, "image", None), getattr(degraded, "parameters", None)
    if not isinstance(image, torch.Tensor) or not hasattr(parameters, "items"):
        raise CheckFailed(f"a call returned a {type(degraded).__name__}, not a Degraded")
    wanted = (len(images), 1, grid.n_in, images.shape[-1])
    if tuple(image.shape) != wanted:
        raise CheckFailed(
            f"a call returned images of shape {tuple(image.shape)} for {grid.n_out} rows at ratio "
            f"{grid.ratio:.4g}; (batch, 1, grid.n_in, columns) is {wanted}"
        )
    lost = int((~torch.isfinite(image)).sum())
    if lost:
        raise CheckFailed(f"a call returned {lost} values that are NaN or infinite")
