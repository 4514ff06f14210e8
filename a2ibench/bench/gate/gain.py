"""How much a score may lose: never more than a quarter of what the method gained over cubic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from a2ibench.bench.gate.outcome import Outcome, RunOutcome
from a2ibench.bench.gate.thresholds import DEFAULTS, Thresholds

CUBIC = "cubic"
"""The method that learns nothing."""

PART = 0.25
"""Of a gain, which a default limit is at most."""

LEAST_GAIN = 0.04
"""Of the built-in limit: a smaller gain is told from noise by nobody."""


@dataclass(frozen=True)
class Limit:
    """How much a score may lose.

    Parameters
    ----------
    value : float or None
        None where nobody has said so.
    guards : bool
        Whether a network that has come to nothing loses more than that.
    stated : bool
        Whether somebody gave the limit.
    reason : str
        Where the limit comes from, or why it guards nothing, to be put behind it.
    """

    value: float | None
    guards: bool = True
    stated: bool = False
    reason: str = ""


def gain_over_cubic(olds: Sequence[Outcome], metric: str, up: bool, baseline: RunOutcome) -> float | None:
    """Return by how much jobs of a baseline are better than cubic of the same dataset and seeds.

    Parameters
    ----------
    olds : sequence of Outcome
        Jobs of one method on one dataset, all with the metric.
    metric : str
        The metric.
    up : bool
        Whether higher is better.
    baseline : RunOutcome
        Where cubic is looked up.

    Returns
    -------
    float or None
        The difference of the means; None where the baseline has no cubic to compare with.
    """
    pairs = []
    for old in olds:
        cubic = baseline.jobs.get((old.dataset, CUBIC, old.seed))
        if cubic is not None and cubic.ok and metric in cubic.metrics:
            pairs.append((old.metrics[metric].value, cubic.metrics[metric].value))
    if not pairs:
        return None
    gains = [0.0 if value == cubic else value - cubic for value, cubic in pairs]
    # One infinite score more or less says nothing about the others.
    finite = [gain for gain in gains if math.isfinite(gain)] or gains[:1]
    gain = math.fsum(gain / len(finite) for gain in finite)
    return gain if up else -gain


def score_limit(
    dataset: str, method: str, metric: str, gain: float | None, learned: bool, limits: Thresholds
) -> Limit:
    """Return how much the score of a method may lose.

    Parameters
    ----------
    gain : float or None
        What it gained over cubic in the baseline; None where that is not known, and for cubic itself.
    learned : bool
        Whether it has trained parameters.
    limits : Thresholds
        A limit that they state stands, whatever the gain. The built-in one is lowered to `PART` of a gain,
        unless the gain is below `LEAST_GAIN` of it.
    """
    stated = limits.stated(dataset, method, metric)
    usual = DEFAULTS.get(metric)
    value = usual if stated is None else stated
    if value is None or gain is None:
        return Limit(value, stated=stated is not None)
    if stated is None and value * LEAST_GAIN <= gain and PART * gain < value:
        return Limit(PART * gain, reason=", a quarter of its gain over cubic")
    if learned and gain <= value:
        reason = f"; guards nothing: it gained {gain:.3g} over cubic"
        return Limit(value, guards=False, stated=stated is not None, reason=reason)
    return Limit(value, stated=stated is not None)


def is_learned(pairs: Sequence[tuple[Outcome, Outcome]]) -> bool:
    """Return whether any of some jobs tells of trained parameters."""
    return any(outcome.model.get("params", 0) > 0 for pair in pairs for outcome in pair)
