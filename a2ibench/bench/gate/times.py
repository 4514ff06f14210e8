"""Compares the times of a method on a dataset."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from a2ibench.bench.gate.difference import Difference
from a2ibench.bench.gate.outcome import Calibration, Outcome
from a2ibench.bench.gate.rules import LEAST_SECONDS, judge_time
from a2ibench.bench.gate.thresholds import SLOWDOWN, Thresholds
from a2ibench.errors import one_line

PHASES = ("fit", "reconstruct")
"""Phases whose time is a method's own."""

_THREADS = "threads"


def compare_times(
    pairs: Sequence[tuple[Outcome, Outcome]], limits: Thresholds, notes: list[str]
) -> Iterator[Difference]:
    """Yield what became of the times of `PHASES`.

    Times that cannot be compared are a note, and where somebody gave the limit a difference that does not
    pass.

    Parameters
    ----------
    pairs : sequence of (Outcome, Outcome)
        Of one dataset and method, by seed: baseline and run, both ok.
    limits : Thresholds
        The allowed ratio.
    notes : list of str
        Is added to.
    """
    dataset, method, _ = pairs[0][0].place
    limit = limits.limit(dataset, method, SLOWDOWN)
    if limit is None:
        return
    stated = limits.stated(dataset, method, SLOWDOWN) is not None
    asked = stated and math.isfinite(limit)
    found = [(pair, _obstacle(*pair, asked)) for pair in pairs]
    usable = [pair for pair, obstacle in found if obstacle is None]
    for obstacle in dict.fromkeys(obstacle for _, obstacle in found if obstacle is not None):
        text = f"times are not compared: {obstacle}"
        if asked:
            yield Difference(dataset, method, "times", "time", "unknown", text, limit=limit, stated=True)
        else:
            notes.append(f"{dataset} {method}: {text}")
    if any(old.information.get(_THREADS) != new.information.get(_THREADS) for old, new in usable):
        # No two computations divide among threads alike, so the calibration explains less then.
        limit = limit**2
    for phase in PHASES:
        if phase == "fit" and any(_trains_by_the_clock(new) for _, new in usable):
            notes.append(f"{dataset} {method}: times of fit are not compared: the budget is in seconds")
            continue
        difference = judge_time(dataset, method, phase, usable, limit, stated)
        if difference is not None:
            yield difference


def _obstacle(old: Outcome, new: Outcome, asked: bool) -> str | None:
    there, here = (set(PHASES) & set(outcome.timings) for outcome in (old, new))
    if not (there or here):
        return "neither side has any" if asked else None
    for name, lacking in (("RUN", there - here), ("BASELINE", here - there)):
        if lacking:
            return f"{name} has none of {' and '.join(sorted(lacking))}"
    if all(max(old.timings[phase], new.timings[phase]) < LEAST_SECONDS for phase in there):
        return None
    if old.calibration is None or new.calibration is None:
        return f"{'RUN' if new.calibration is None else 'BASELINE'} has no calibration"
    was, now = _kind(old.calibration), _kind(new.calibration)
    return None if was == now else f"the calibration is {now} in RUN and {was} in BASELINE"


def _kind(calibration: Calibration) -> str:
    return f"{one_line(calibration.kernel)} version {calibration.version}"


def _trains_by_the_clock(outcome: Outcome) -> bool:
    budget = str(outcome.identity.get("budget"))
    return budget.endswith("s") and not budget.endswith("steps")
