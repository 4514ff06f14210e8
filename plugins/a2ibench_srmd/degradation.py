"""The degradation that SRMD trains on: random axial blur around the slab average, and white noise."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from a2ibench import AxialDegradation, AxialGrid, Degraded, Volume, noise_level, setting
from a2ibench_srmd.kernels import axial_operators, kernel_basis


class SRMDDegradation(AxialDegradation):
    """Average over the slab, blurred further by a Gaussian of random width, then add white noise.

    Every image has a width and a noise level of its own, both uniform. The published model draws 2D
    Gaussian kernels of 15 x 15 and noise up to 50/255; only the axial direction is blurred here, and
    the ranges are settings of this reimplementation, narrow because the slab average describes block-face
    imaging well and its noise is low.

    The parameters are ``kernel``, 15 principal components of the blur kernel, and ``noise``, the noise
    level as a fraction of `noise_max`.
    """

    blur_max: float = setting(
        0.2, "widest extra axial blur, standard deviation", unit="slice thickness", low=0, high=4
    )
    noise_max: float = setting(
        0.02, "largest noise, standard deviation", unit="intensity range", low=0, high=1
    )

    def __call__(self, images: torch.Tensor, grid: AxialGrid, generator: torch.Generator) -> Degraded:
        """Degrade images (batch, 1, grid.n_out, columns) of intensities in [0, 1] to grid.n_in rows."""
        batch = len(images)
        draws = torch.rand(2, batch, generator=generator, device=images.device, dtype=torch.float64)
        blur = draws[0] * self.blur_max * grid.ratio
        operators = axial_operators(grid.n_in, grid.n_out, grid.ratio, blur)
        sampled = torch.matmul(operators[:, None].to(images), images)
        white = torch.empty_like(sampled).normal_(generator=generator)
        level = draws[1].to(images)
        noisy = sampled + (level * self.noise_max)[:, None, None, None] * white
        coefficients = kernel_basis(grid.ratio, self.blur_max * grid.ratio, blur.device).coefficients(blur)
        return Degraded(noisy, {"kernel": coefficients.to(images), "noise": level[:, None]})

    def nominal(self, volume: Volume) -> Mapping[str, torch.Tensor]:
        """Return the pure slab average and the noise that the volume has more than its training patches.

        A training patch comes from the volume itself, and the slab average divides the variance of its
        noise by the ratio. What noise it must be given to be as noisy as the volume is
        ``sigma * sqrt(1 - 1 / ratio)``, with sigma from `noise_level`; levels above
        `noise_max` were never trained on and are cut off there.
        """
        ratio = volume.ratio
        coefficients = kernel_basis(ratio, self.blur_max * ratio).coefficients(
            torch.zeros(1, dtype=torch.float64)
        )
        missing = noise_level(volume) * math.sqrt(1 - 1 / ratio)
        level = min(missing / self.noise_max, 1.0) if self.noise_max else 0.0
        return {"kernel": coefficients.float(), "noise": torch.tensor([[level]])}
