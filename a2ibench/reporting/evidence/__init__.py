"""What the scores of single slices say about differences between methods."""

from a2ibench.reporting.evidence.paired import Repeats, difference
from a2ibench.reporting.evidence.standing import Standing, Standings, standings

__all__ = ["Repeats", "Standing", "Standings", "difference", "standings"]
