"""Methods in the order in which they are recommended, by scores that need no reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from a2ibench.bench.record import Record
from a2ibench.bench.run import CUBIC, Run
from a2ibench.bench.standings import Standing
from a2ibench.registry import host
from a2ibench.statistics import Interval

SCORE = "in_plane_psnr"
CONSISTENCY = "consistency"

ALIKE = 0.05
"""Difference in dB below which the faster of two methods is recommended: a training with another seed may
differ by as much."""


@dataclass(frozen=True)
class Ranked:
    """What the trial of a method came to.

    Parameters
    ----------
    method : str
        Its name.
    score : float
        In-plane PSNR in dB; NaN where there is none.
    gain : float
        Above that of cubic interpolation, dB.
    low, high : float
        Ends of its 95 % interval; NaN where it has none.
    voxels_per_second : float
        Output voxels reconstructed in a second.
    consistency : float
        How far the reconstruction, degraded again, is from the input, over the input's noise.
    reason : str
        Why the method cannot be recommended; empty where it can.
    """

    method: str
    score: float = math.nan
    gain: float = math.nan
    low: float = math.nan
    high: float = math.nan
    voxels_per_second: float = math.nan
    consistency: float = math.nan
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return it JSON-able; what is NaN is None."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
        }


def ranking_of(run: Run, methods: Sequence[str]) -> tuple[Ranked, ...]:
    """Return the methods of a run on one volume, the best first, those without a score last.

    Parameters
    ----------
    run : Run
        What was tried.
    methods : sequence of str
        What was to be tried; those without a record have had no time.
    """
    records = {record.method: record for record in run.records}
    found = run.standings()
    ranked = [
        _ranked(name, records.get(name), found.get((run.datasets[0], name), {}).get(SCORE, Standing()).gain)
        for name in methods
    ]
    return tuple(sorted(ranked, key=lambda one: (bool(one.reason), -_finite(one.score))))


def _finite(value: float) -> float:
    return -math.inf if math.isnan(value) else value


def _ranked(name: str, record: Record | None, gain: Interval) -> Ranked:
    if record is None:
        return Ranked(name, reason="not tried within the budget")
    if not record.ok:
        return Ranked(name, reason=f"{record.status}: {record.message or 'no reason given'}")
    values = {metric: score.value for metric, score in record.metrics.items()}
    return Ranked(
        name,
        values.get(SCORE, math.nan),
        0.0 if name == CUBIC else gain.value,
        gain.low,
        gain.high,
        float(record.model.get("voxels_per_second", math.nan)),
        values.get(CONSISTENCY, math.nan),
        _reason(values),
    )


def _reason(values: dict[str, float]) -> str:
    limit = host().metrics[CONSISTENCY].spec.limit
    if limit is not None and values.get(CONSISTENCY, 0.0) > limit:
        return f"does not fit the input: consistency {values[CONSISTENCY]:.2f}, above {limit:g}"
    if math.isnan(values.get(SCORE, math.nan)):
        return "cannot restore planes by themselves, so it has no in-plane score"
    return ""


def recommended(ranking: Sequence[Ranked]) -> Ranked | None:
    """Return the method to use: of those as good as the best the fastest; None where there is no score.

    A method is as good as the best if less than `ALIKE` separates their scores. Cubic interpolation is
    recommended where nothing gains as much over it.

    Parameters
    ----------
    ranking : sequence of Ranked
        As `ranking_of` gives it.
    """
    able = [one for one in ranking if not one.reason]
    if not able:
        return None
    best = max(one.score for one in able)
    alike = [one for one in able if best - one.score < ALIKE]
    return max(alike, key=lambda one: (one.method == CUBIC, _finite(one.voxels_per_second)))
