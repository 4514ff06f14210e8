"""The axial grids of the input and of the output."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from a2ibench.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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

        The first output slice is rounded up to a `multiple`, so that networks which work in
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
