"""Two methods on the same slices: by how much they differ, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from a2ibench.statistics import Interval, block_half_width, difference_half_width


@dataclass(frozen=True)
class Repeats:
    """The score of a method on a dataset, seed by seed.

    Parameters
    ----------
    values : tuple of float
        The score of the volume, one for each seed.
    shares : mapping of str to ndarray
        By plane family what each slice adds to the score, the mean over the seeds. Empty where that is not
        known of every seed.
    """

    values: tuple[float, ...]
    shares: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Sequence[float], shares: Sequence[Mapping[str, NDArray[np.float64]]]) -> Repeats:
        """Return the repeats of a method.

        Parameters
        ----------
        values : sequence of float
            One for each seed.
        shares : sequence of mapping
            One for each seed: of what each slice adds, by plane family.
        """
        shapes = {tuple((plane, row.size) for plane, row in rows.items()) for rows in shares}
        if len(shapes) != 1:
            return cls(tuple(values))
        return cls(
            tuple(values), {plane: np.mean([rows[plane] for rows in shares], 0) for plane in shares[0]}
        )

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return math.fsum(self.values) / len(self.values)


def difference(first: Repeats, second: Repeats) -> Interval:
    """Return how much the first is above the second, with its 95 % interval.

    Two half widths are added in squares: that of the slices, for which the wider of the two plane families
    counts, since these are two views of the same voxels; and that of the seeds, of methods with several.

    Parameters
    ----------
    first, second : Repeats
        Of one metric on one dataset.

    Returns
    -------
    Interval
        Without ends where the slices of the two do not correspond or are too few.
    """
    value = first.mean - second.mean
    slices = _slices_half_width(first, second)
    seeds = difference_half_width(first.values, second.values)
    return Interval.around(value, math.hypot(slices, 0.0 if math.isnan(seeds) else seeds))


def _slices_half_width(first: Repeats, second: Repeats) -> float:
    planes = first.shares.keys()
    if not planes or planes != second.shares.keys():
        return math.nan
    pairs = [(first.shares[plane], second.shares[plane]) for plane in planes]
    if any(one.shape != other.shape for one, other in pairs):
        return math.nan
    # A maximum written so that NaN, an interval that is not known, is never passed over.
    return float(np.max([block_half_width(one - other) for one, other in pairs]))
