"""A comparison that compared nothing is no good news, but bad input."""

from __future__ import annotations

import math
from collections.abc import Sequence

from a2ibench.bench.gate.difference import Difference
from a2ibench.bench.gate.outcome import RunOutcome, place_text
from a2ibench.errors import InputError, one_line

_SHOWN = 5
_LONGEST = 80


def check_compared(run: RunOutcome, baseline: RunOutcome, differences: Sequence[Difference]) -> None:
    """Check that two runs have jobs in common, and that something was compared or is worse.

    A score counts, and anything else whose limit somebody gave: what nobody asked for does not stand in for
    scores.

    Raises
    ------
    InputError
        If nothing was; says why, and what to do.
    """
    _check_common(run, baseline)
    if any(d.failed or (d.compared and (d.kind == "metric" or d.stated)) for d in differences):
        return
    raise InputError(f"nothing was compared: {_reason(run, baseline, differences)}")


def _check_common(run: RunOutcome, baseline: RunOutcome) -> None:
    for name, side in (("RUN", run), ("BASELINE", baseline)):
        if not side.jobs:
            raise InputError(f"nothing to compare: {name} holds no jobs; run it, or give another {name}")
    if not run.jobs.keys() & baseline.jobs.keys():
        raise InputError(
            f"nothing to compare: no job is in both, RUN has {_jobs(run)}, BASELINE has {_jobs(baseline)}; "
            "give the baseline of such a run"
        )


def _reason(run: RunOutcome, baseline: RunOutcome, differences: Sequence[Difference]) -> str:
    common = run.jobs.keys() & baseline.jobs.keys()
    both = [place for place in common if run.jobs[place].ok and baseline.jobs[place].ok]
    if not both:
        return "no job is ok on both sides; run them again"
    scores = [d for d in differences if d.kind == "metric" and d.change is not None]
    if not scores:
        return (
            "no metric has a value on both sides; "
            "take a dataset with a reference, or a metric that needs none"
        )
    limited = [d for d in scores if d.limit is not None and math.isfinite(d.limit)]
    if not limited:
        names = _names(scores)
        return f"no limit for {names}; give one with --max-drop {names.split(', ')[0]}=VALUE or --thresholds"
    return (
        f"what was gained over cubic in {_names(limited)} is less than what may be lost; "
        "give smaller limits, or train longer"
    )


def _names(scores: Sequence[Difference]) -> str:
    names = list(dict.fromkeys(one_line(d.subject, _LONGEST) for d in scores))
    more = f" (and {len(names) - _SHOWN} more)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _jobs(run: RunOutcome) -> str:
    more = f" (and {len(run.jobs) - 1} more)" if len(run.jobs) > 1 else ""
    return place_text(next(iter(run.jobs))) + more
