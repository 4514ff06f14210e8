"""Indices of the library piq, taken of all axial slices; they run on request, as importing torch takes long.

The library expects intensities from 0 to the data range, and treats what lies around a slice as black. Where
volumes reach beyond, as those of 16 bits may, the lowest grey level of both is taken away from both.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from a2ibench.contracts.planes import PLANES
from a2ibench.metrics.axial import AxialMetric

if TYPE_CHECKING:
    import torch

_PIXELS = 1 << 18


class Index(AxialMetric):
    """The mean over all axial slices of a function of two batches of images."""

    @abstractmethod
    def index(self, prediction: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """Return one value for each image of two batches (slices, 1, rows, columns) in [0, 1]."""

    def slices(
        self, prediction: NDArray[Any], reference: NDArray[Any], data_range: float, plane: str
    ) -> NDArray[np.float64]:
        """Return the index of each slice of a plane family."""
        import torch

        lowest = min(prediction.min(), reference.min())
        offset = 0 if lowest >= 0 and max(prediction.max(), reference.max()) <= data_range else lowest
        stacks = [volume.transpose(PLANES[plane]) for volume in (prediction, reference)]
        count, thick = len(stacks[0]), max(1, _PIXELS // stacks[0][0].size)
        values = []
        for start in range(0, count, thick):
            slabs = (stack[start : start + thick].astype(np.float64) - offset for stack in stacks)
            # What lies beyond even so would be refused; in a run nothing does.
            images = [torch.from_numpy((slab / data_range).clip(0, 1))[:, None].float() for slab in slabs]
            with torch.no_grad(), warnings.catch_warnings():
                # MDSI warns of every grey image.
                warnings.simplefilter("ignore")
                values.append(self.index(*images).numpy())
        return np.concatenate(values, dtype=np.float64)


class FSIM(Index):
    """Mean feature similarity index of all axial slices, xz and yz."""

    name = "fsim"

    def index(self, prediction: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """Return the FSIM of grey images."""
        import piq

        values: torch.Tensor = piq.fsim(prediction, reference, reduction="none", chromatic=False)
        return values


class MDSI(Index):
    """Mean of the mean deviation similarity index of all axial slices, xz and yz."""

    name = "mdsi"
    higher_is_better = False

    def index(self, prediction: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        """Return the MDSI of grey images, whose colours are equal."""
        import piq

        values: torch.Tensor = piq.mdsi(prediction, reference, reduction="none")
        return values
