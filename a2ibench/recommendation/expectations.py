"""What can and cannot be expected of a reconstruction, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from a2ibench.bench.run import CUBIC
from a2ibench.inspection import Finding
from a2ibench.recommendation.ranking import ALIKE, Ranked

SPOILS_SCORES = ("slice shifts", "missing slices", "repeated slices", "blank slices")
"""Findings after which neither scores nor reconstructions mean much."""

WARNING = "mend this first, and ask again; until then neither scores nor results mean much."

_ASSUMES = (
    "The score assumes that tissue looks alike along all axes, and that a slice averages over its spacing; "
    "what is finer than that along the axis was not acquired, and is guessed."
)


def expectations(
    findings: Sequence[Finding],
    ranking: Sequence[Ranked],
    best: Ranked | None,
    voxels: int,
    problem: str = "",
) -> tuple[str, ...]:
    """Return what to expect, a line each, the most important first.

    Parameters
    ----------
    findings : sequence of Finding
        Of the stack.
    ranking : sequence of Ranked
        What was tried.
    best : Ranked or None
        What is recommended.
    voxels : int
        Of the whole reconstruction.
    problem : str
        Why methods were not tried; empty where they were.
    """
    lines = [f"{one.text}: {WARNING}" for one in findings if not one.passed and one.name in SPOILS_SCORES]
    if problem:
        lines.append(f"Methods cannot be compared: {problem}.")
    elif best is None:
        lines.append("No method has a score; what each of them came to stands in the table.")
    else:
        lines += [_about(best, ranking), *_time(best, voxels), _ASSUMES]
    return tuple(lines)


def _about(best: Ranked, ranking: Sequence[Ranked]) -> str:
    if best.method == CUBIC:
        return f"Nothing gains {ALIKE:g} dB over cubic interpolation here, so that needs no training."
    others = [
        one.method
        for one in ranking
        if not one.reason and one.method not in (best.method, CUBIC) and abs(one.score - best.score) < ALIKE
    ]
    gain = f"{best.method} restores held-out planes {best.gain:.2f} dB better than cubic interpolation"
    if math.isfinite(best.low):
        gain += f" [{best.low:.2f}, {best.high:.2f}]"
    as_good = f"; {' and '.join(others)} as well, but no faster" if others else ""
    return f"{gain}{as_good}."


def _time(best: Ranked, voxels: int) -> list[str]:
    if not best.voxels_per_second > 0:
        return []
    # Training is about a fifth of the work.
    minutes = 1.25 * voxels / best.voxels_per_second / 60
    span = "a minute" if minutes < 1.5 else f"{minutes:.0f} minutes"
    span = span if minutes < 100 else f"{minutes / 60:.0f} hours"
    return [f"The whole stack takes about {span} with it on this machine."]
