"""A number and the interval around it."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A value with its 95 % interval.

    Parameters
    ----------
    value : float
        The estimate.
    low, high : float
        Ends of the interval; both NaN where there is none.
    """

    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @classmethod
    def around(cls, value: float, half_width: float) -> Interval:
        """Return the interval that reaches as far down as up; none where the half width is NaN."""
        return cls(value, value - half_width, value + half_width)

    @property
    def known(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def excludes_zero(self) -> bool:
        """Whether there is an interval, and zero is outside it."""
        return self.known and not self.low <= 0 <= self.high


UNKNOWN = Interval()
"""Neither a value nor an interval."""
