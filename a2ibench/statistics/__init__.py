"""Intervals for means: of values that depend on their neighbours, and of repeats."""

from a2ibench.statistics.blocks import LEAST, block_half_width, independent_half_width
from a2ibench.statistics.interval import UNKNOWN, Interval
from a2ibench.statistics.repeats import difference_half_width, mean_half_width

__all__ = [
    "LEAST",
    "UNKNOWN",
    "Interval",
    "block_half_width",
    "difference_half_width",
    "independent_half_width",
    "mean_half_width",
]
