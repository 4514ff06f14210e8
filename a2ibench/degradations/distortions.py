"""The distortions of electron micrographs: noise, artefacts and misplaced slices around the slab average."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from a2ibench.degradations import effects
from a2ibench.degradations.base import AxialDegradation
from a2ibench.settings import setting


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
            images = effects.blur(images, amount, self.blur)
        if (amount := self._drawn(self.curtains, self.chance, images, generator)) is not None:
            images = effects.curtains(images, amount, self.curtain_width, generator)
        if (amount := self._drawn(self.charging, self.chance, images, generator)) is not None:
            images = effects.charging(images, amount, self.spot_size, generator)
        return images

    def noise(
        self, images: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
        """Return the sampled images (batch, 1, n_in, columns), distorted, noisy and with slices lost."""
        if (amount := self._drawn(self.repeated, self.chance, images, generator)) is not None:
            images = effects.copies(images, amount, generator)
        if (amount := self._drawn(self.jitter, self.chance, images, generator)) is not None:
            images = effects.jitter(images, amount, generator)
        if (amount := self._drawn(self.drift, self.chance, images, generator)) is not None:
            images = effects.drift(images, amount, self.drift_length, generator)
        if (amount := self._drawn(self.poisson, 1, images, generator)) is not None:
            images = effects.shot_noise(images, amount, generator)
        if (amount := self._drawn(self.gaussian, 1, images, generator)) is not None:
            images = effects.read_out_noise(images, amount, generator)
        if (amount := self._drawn(self.missing, self.chance, images, generator)) is not None:
            images = effects.copies(images, amount, generator)
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
