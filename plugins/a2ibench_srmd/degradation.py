"""SRMD's own degradation: random axial blur around the slab average, and white noise.

The blur kernels, a slab average widened by a Gaussian, are described by their principal components.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch

from a2ibench import AxialDegradation, AxialGrid, Degraded, Volume, noise_level, setting

COMPONENTS = 15
"""Principal components that describe a kernel, as published."""
SAMPLE = 256
"""Kernels, evenly spaced in width, that the principal components are computed from."""
FAINT = 1e-6
"""Components weaker than this fraction of the strongest are rounding errors and are left out."""

CPU = torch.device("cpu")

log = logging.getLogger("a2ibench")


def slab_cdf(distance: torch.Tensor, ratio: float, sigma: torch.Tensor) -> torch.Tensor:
    """Return the integral, up to `distance` from its centre, of a unit slab convolved with a Gaussian.

    Parameters
    ----------
    distance : torch.Tensor
        Distances in output voxels.
    ratio : float
        Thickness of the slab in output voxels.
    sigma : torch.Tensor
        Standard deviation of the Gaussian in output voxels, at least 0, broadcast against `distance`.
    """
    return (_ramp(distance + ratio / 2, sigma) - _ramp(distance - ratio / 2, sigma)) / ratio


def _ramp(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    # Integral of the Gaussian's cumulative distribution: max(x, 0) with a rounded corner.
    t = x / sigma.clamp(min=1e-9)
    density = torch.exp(-t.square() / 2) / math.sqrt(2 * math.pi)
    ramp: torch.Tensor = x * torch.special.ndtr(t) + sigma * density
    return ramp


def axial_operators(n_in: int, n_out: int, ratio: float, sigma: torch.Tensor) -> torch.Tensor:
    """Return one sampling matrix for each blur.

    Parameters
    ----------
    n_in, n_out : int
        Input and output slices; input slice i is centred on (i + 1/2) * ratio of the output axis.
    ratio : float
        Axial over lateral spacing.
    sigma : torch.Tensor, shape (batch,)
        Standard deviation of the Gaussian in output voxels.

    Returns
    -------
    torch.Tensor of float64, shape (batch, n_in, n_out)
        Rows sum to 1. Where sigma is 0 it is the slab average with fractional weights.
    """
    sigma = sigma.double()[:, None, None]
    centres = (torch.arange(n_in, device=sigma.device, dtype=torch.float64) + 0.5) * ratio
    edges = torch.arange(n_out + 1, device=sigma.device, dtype=torch.float64)
    cdf = slab_cdf(edges[None, :] - centres[:, None], ratio, sigma)
    weights = cdf.diff(dim=-1).clamp(min=0)
    return weights / weights.sum(dim=-1, keepdim=True)


def centred_kernels(ratio: float, sigma: torch.Tensor, radius: int) -> torch.Tensor:
    """Return the kernels of a slice centred on a voxel, float64 of shape (batch, 2 * radius + 1)."""
    edges = torch.arange(2 * radius + 2, device=sigma.device, dtype=torch.float64) - radius - 0.5
    return slab_cdf(edges[None, :], ratio, sigma.double()[:, None]).diff(dim=-1)


@dataclass(frozen=True)
class KernelBasis:
    """Principal components of the kernels of one ratio, with Gaussians up to one width.

    Parameters
    ----------
    ratio : float
        Thickness of the slab in output voxels.
    mean : torch.Tensor, shape (taps,)
        Mean kernel.
    components : torch.Tensor, shape (COMPONENTS, taps)
        Orthonormal rows, strongest first; zero past the rank of the family.
    scale : float
        Standard deviation along the first component, which becomes 1.
    """

    ratio: float
    mean: torch.Tensor
    components: torch.Tensor
    scale: float

    def coefficients(self, sigma: torch.Tensor) -> torch.Tensor:
        """Return the description of the kernels of Gaussian width sigma (batch,), shape (batch, COMPONENTS).

        All coefficients share one scale, so that their distances remain those between the kernels.
        """
        kernels = centred_kernels(self.ratio, sigma, len(self.mean) // 2)
        return (kernels - self.mean) @ self.components.T / self.scale


@functools.lru_cache(maxsize=32)
def kernel_basis(ratio: float, widest: float, device: torch.device = CPU) -> KernelBasis:
    """Return the basis of the kernels with Gaussians of up to `widest` output voxels."""
    if device != CPU:
        basis = kernel_basis(ratio, widest)
        return replace(basis, mean=basis.mean.to(device), components=basis.components.to(device))
    radius = math.ceil(ratio / 2 + 4 * widest)
    kernels = centred_kernels(ratio, torch.linspace(0, widest, SAMPLE, dtype=torch.float64), radius)
    mean = kernels.mean(dim=0)
    _, strength, rows = torch.linalg.svd(kernels - mean, full_matrices=False)
    rows = rows[(strength > FAINT * strength[0]) & (strength > 1e-12)][:COMPONENTS]
    components = torch.zeros(COMPONENTS, len(mean), dtype=torch.float64)
    components[: len(rows)] = rows * _signs(rows)
    spread = float(strength[0]) / math.sqrt(SAMPLE)
    return KernelBasis(ratio, mean, components, spread if len(rows) else 1.0)


def _signs(rows: torch.Tensor) -> torch.Tensor:
    # A singular vector's sign is arbitrary; fix it so that every machine describes a kernel alike.
    largest = rows.abs().argmax(dim=1, keepdim=True)
    return rows.gather(1, largest).sign()


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
        if missing > self.noise_max > 0:
            log.warning(
                "%s: its noise, %.3f of the contrast, is above what is trained for; give noise_max=%.2g",
                volume.name,
                missing,
                1.5 * missing,
            )
        level = min(missing / self.noise_max, 1.0) if self.noise_max else 0.0
        return {"kernel": coefficients.float(), "noise": torch.tensor([[level]])}
