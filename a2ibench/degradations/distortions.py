"""The distortions of electron micrographs: noise, artefacts and misplaced slices around the slab average.

Every artefact takes images (batch, 1, rows, columns), the axial direction along the rows, and one amount an
image, (batch, 1, 1, 1); an amount of 0 leaves its image as it is. Random numbers come from the generator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch.nn import functional as F

from a2ibench.degradations.models import AxialDegradation
from a2ibench.settings import setting

SPOT_AREA = 64**2
"""Voxels of an image for each charging spot."""


def shot_noise(images: torch.Tensor, amount: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Add noise of variance amount * intensity, as Poisson statistics of many electrons have it."""
    deviation = (amount * images.clamp(min=0)).sqrt()
    return images + deviation * torch.empty_like(images).normal_(generator=generator)


def read_out_noise(images: torch.Tensor, amount: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Add white noise of standard deviation amount."""
    return images + amount * torch.empty_like(images).normal_(generator=generator)


def blur(images: torch.Tensor, sigma: torch.Tensor, widest: float) -> torch.Tensor:
    """Smooth both directions by a Gaussian of standard deviation sigma, at most `widest`; edges repeat."""
    radius = math.ceil(4 * widest)
    steps = _steps(images, 2 * radius + 1) - radius
    # A kernel as narrow as 0.01 voxels is the voxel itself.
    kernels = torch.softmax(-(steps**2) / (2 * sigma.clamp(min=0.01) ** 2), dim=-1).unbind(-1)
    for dim, padding in ((2, (0, 0, radius, radius)), (3, (radius, radius, 0, 0))):
        padded, length = F.pad(images, padding, mode="replicate"), images.shape[dim]
        # Tap by tap: on a GPU a convolution may round to TF32, which would change images without blur.
        images = torch.zeros_like(images)
        for tap, kernel in enumerate(kernels):
            images = torch.addcmul(images, kernel[..., None], padded.narrow(dim, tap, length))
    return images


def curtains(
    images: torch.Tensor, amount: torch.Tensor, width: float, generator: torch.Generator
) -> torch.Tensor:
    """Multiply each column by 1 + amount * a random profile, which varies over `width` columns."""
    profile = _profiles(images, 1, images.shape[3], width, generator)
    return images * (1 + amount * profile[:, :, None])


def charging(
    images: torch.Tensor, amount: torch.Tensor, size: float, generator: torch.Generator
) -> torch.Tensor:
    """Add bright round spots, each with a dark trail along the columns that takes back what it adds.

    A spot of height h, up to `amount`, and standard deviation s, from `size` / 2 to `size`, is
    h exp(-(r^2 + d^2) / 2 s^2). Its trail, at d > 0, is -h exp(-r^2 / 2 s^2) sqrt(2 pi) s d exp(-d / l) / l^2
    with l = 3 s. Which way an image was scanned is random.
    """
    batch, _, rows, columns = images.shape
    spots = max(1, round(rows * columns / SPOT_AREA))
    sigma, height, row, column = _uniform(images, generator, 4, batch, spots, 1).unbind()
    sigma = size * (1 + sigma) / 2
    forward = 2 * (_uniform(images, generator, batch, 1, 1) < 0.5).to(images) - 1
    across = (_steps(images, rows) + 0.5 - row * rows) / sigma
    along = forward * (_steps(images, columns) + 0.5 - column * columns) / sigma
    behind = along.clamp(min=0) / 3
    trail = math.sqrt(2 * math.pi) / 3 * behind * torch.exp(-behind)
    profile = amount[:, 0] * height * (torch.exp(-(along**2) / 2) - trail)
    return images + torch.matmul(torch.exp(-(across**2) / 2).mT, profile)[:, None]


def jitter(images: torch.Tensor, amount: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Shift each row along itself by up to `amount` voxels either way; linear, edges repeat."""
    batch, _, rows, columns = images.shape
    shift = amount * (2 * _uniform(images, generator, batch, 1, rows, 1) - 1)
    position = (_steps(images, columns) + shift).clamp(0, columns - 1)
    left = position.floor()
    first = left.long()
    part = position - left
    return images.gather(3, first) * (1 - part) + images.gather(3, (first + 1).clamp(max=columns - 1)) * part


def drift(
    images: torch.Tensor, amount: torch.Tensor, length: float, generator: torch.Generator
) -> torch.Tensor:
    """Give each row a gain about mid-grey and an offset, random profiles that vary over `length` rows."""
    profiles = amount * _profiles(images, 2, images.shape[2], length, generator)[..., None]
    return images + profiles[:, :1] * (images - 0.5) + profiles[:, 1:]


def copies(images: torch.Tensor, part: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Replace each row, with probability `part`, by the nearest row that is kept, before or after it.

    On which side that row lies is random for each image, unless one side has none.
    """
    batch, _, rows, columns = images.shape
    kept = _uniform(images, generator, batch, rows) >= part[:, 0, 0]
    backward = _uniform(images, generator, batch, 1) < 0.5
    here = torch.arange(rows, device=images.device)
    before = torch.where(kept, here, -1).cummax(dim=1).values
    after = torch.where(kept, here, rows).flip(1).cummin(dim=1).values.flip(1)
    source = torch.where((before >= 0) & (backward | (after == rows)), before, after)
    source = torch.where(source < rows, source, here)
    return images.gather(2, source[:, None, :, None].expand(-1, 1, -1, columns))


def _steps(like: torch.Tensor, count: int) -> torch.Tensor:
    return torch.arange(count, dtype=like.dtype, device=like.device)


def _uniform(like: torch.Tensor, generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.rand(shape, dtype=like.dtype, device=like.device, generator=generator)


def _profiles(
    like: torch.Tensor, count: int, length: int, width: float, generator: torch.Generator
) -> torch.Tensor:
    # (batch, count, length) of mean 0 and variance 1 everywhere: white noise smoothed by a Gaussian.
    radius = math.ceil(4 * width)
    white = torch.empty(len(like), count, length + 2 * radius, dtype=like.dtype, device=like.device)
    white.normal_(generator=generator)
    kernel = torch.exp(-((_steps(like, 2 * radius + 1) - radius) ** 2) / (2 * max(width, 0.01) ** 2))
    return white.unfold(2, len(kernel), 1) @ (kernel / kernel.square().sum().sqrt())


class EMDistortions(AxialDegradation):
    """Average over the slab, with what goes wrong in a microscope before and after it.

    The isotropic image may be out of focus, striped by the ion beam and charged up; the sampled slices may
    be imaged twice, misaligned and of drifting contrast; all are noisy; slices that were lost are copies of
    a neighbour. Khateri et al. name "noise, artifacts, distortions" and no more: which these are, how they
    are modelled and how strong they are is the choice of this implementation. By default they are so mild
    that a network trained with them on clean data loses little.

    Each effect has one strength; 0 switches it off, and without any the slab average is left. Every image
    has noise, and any other effect with the probability `chance`, each on its own. How much of an effect an
    image then has is uniform between nothing and the strength. Intensities are not clipped, and the mean is
    kept in expectation. Images share no draw, so neighbouring planes of a simulated volume do not share
    their misaligned or lost slices as those of a real one do.
    """

    chance: float = setting(0.2, "probability of each effect but noise, for an image", low=0, high=1)
    blur: float = setting(
        0.5, "widest blur out of focus, standard deviation", unit="output voxels", low=0, high=16
    )
    curtains: float = setting(
        0.02, "relative modulation by milling stripes along the rows' axis, standard deviation", low=0
    )
    curtain_width: float = setting(
        3.0, "smoothness of the stripes, standard deviation", unit="output voxels", low=0, high=64
    )
    charging: float = setting(0.2, "height of bright spots with a dark trail", unit="intensity range", low=0)
    spot_size: float = setting(
        4.0, "largest standard deviation of such a spot", unit="output voxels", low=0.5, high=64
    )
    repeated: float = setting(
        0.02, "part of the slices that show the tissue of a neighbour, with noise of their own", low=0, high=1
    )
    jitter: float = setting(
        0.5, "lateral shift of each slice, either way", unit="output voxels", low=0, high=64
    )
    drift: float = setting(
        0.01,
        "change of contrast and of brightness over the slices, standard deviation",
        unit="intensity range",
        low=0,
    )
    drift_length: float = setting(
        4.0, "smoothness of that change, standard deviation; 0: flicker", unit="input slices", low=0, high=64
    )
    poisson: float = setting(
        0.0001, "variance of shot noise at full intensity", unit="intensity range", low=0
    )
    gaussian: float = setting(
        0.01, "standard deviation of additive read-out noise", unit="intensity range", low=0
    )
    missing: float = setting(
        0.02, "part of the slices that were lost and filled with a copy of a neighbour", low=0, high=1
    )

    def artefacts(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return the isotropic images (batch, 1, n_out, columns), blurred, striped and charged up."""
        if (amount := self._drawn(self.blur, self.chance, images, generator)) is not None:
            images = blur(images, amount, self.blur)
        if (amount := self._drawn(self.curtains, self.chance, images, generator)) is not None:
            images = curtains(images, amount, self.curtain_width, generator)
        if (amount := self._drawn(self.charging, self.chance, images, generator)) is not None:
            images = charging(images, amount, self.spot_size, generator)
        return images

    def noise(
        self, images: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """Return the sampled images (batch, 1, n_in, columns), distorted, noisy and with slices lost."""
        if (amount := self._drawn(self.repeated, self.chance, images, generator)) is not None:
            images = copies(images, amount, generator)
        if (amount := self._drawn(self.jitter, self.chance, images, generator)) is not None:
            images = jitter(images, amount, generator)
        if (amount := self._drawn(self.drift, self.chance, images, generator)) is not None:
            images = drift(images, amount, self.drift_length, generator)
        if (amount := self._drawn(self.poisson, 1, images, generator)) is not None:
            images = shot_noise(images, amount, generator)
        if (amount := self._drawn(self.gaussian, 1, images, generator)) is not None:
            images = read_out_noise(images, amount, generator)
        if (amount := self._drawn(self.missing, self.chance, images, generator)) is not None:
            images = copies(images, amount, generator)
        return images, {}

    @staticmethod
    def _drawn(
        strength: float, chance: float, images: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor | None:
        # One amount an image, (batch, 1, 1, 1); nothing where no image can have the effect.
        if strength == 0 or chance == 0:
            return None
        shape = (2, len(images), 1, 1, 1)
        hit, part = torch.rand(shape, dtype=images.dtype, device=images.device, generator=generator)
        return torch.where(hit < chance, strength * part, 0.0)
